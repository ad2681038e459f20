//! `hongyan app remove`.

use super::registered;
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::name;
use crate::terminal::Terminal;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Remove an app: its settings, its secrets, its access token.
///
/// What the tables hold stays. Asks before it does so.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan app remove shop\n  hongyan app remove shop --yes")]
pub(crate) struct Remove {
    /// The app's alias.
    #[arg(value_parser = name::alias)]
    app: String,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Removed {
    app: String,
    /// The parameters that are gone.
    deleted: Vec<String>,
    /// What stays.
    stays: Vec<String>,
    /// The templates that name the app: their channels of it reach nobody any more.
    templates: Vec<String>,
    /// It was the only one.
    last: bool,
}

impl Remove {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        let alias = &self.app;
        deployment.about().await?;
        let (apps, templates, tokens) = tokio::try_join!(
            registered::all(deployment),
            deployment.folder("templates"),
            deployment.folder("tokens")
        )?;
        // A removal that broke off has left some of these behind.
        let (callback, secret) = (format!("callback/{alias}"), format!("secrets/{alias}"));
        let left =
            tokio::try_join!(deployment.parameter(&callback), deployment.parameter(&secret))?;
        if !apps.contains_key(alias) && left.0.is_none() && left.1.is_none() {
            return Err(Error::new(
                Kind::NotFound,
                format!("there is no app {alias} in the stage {}", deployment.stage),
                "`hongyan app list` shows those that there are",
            ));
        }
        let templates: Vec<_> = templates
            .into_iter()
            .filter(|(_, stored)| {
                let template = serde_json::from_str(stored.value.expose()).unwrap_or_default();
                names(&template, alias)
            })
            .map(|(code, _)| code)
            .collect();
        let last = apps.keys().all(|other| other == alias);
        let named = if templates.is_empty() {
            String::new()
        } else {
            format!(" The templates {} name it.", templates.join(", "))
        };
        let only =
            if last { " It is the only one: without any, the functions don't work." } else { "" };
        terminal.confirm(
            &format!("Remove the app {alias} from the stage {}?{named}{only}", deployment.stage),
            self.yes,
        )?;

        // The app first: from then on the functions don't know it, and no token is
        // fetched for it. Then tokens that are nobody's, which are this app's.
        let mut paths = vec![format!("apps/{alias}"), callback, secret];
        let kept: Vec<_> = apps
            .iter()
            .filter(|(other, _)| *other != alias)
            .filter_map(|(_, app)| app.read.as_ref().ok())
            .map(|read| read.app_id.to_string())
            .collect();
        let unreadable = apps.iter().any(|(other, app)| other != alias && app.read.is_err());
        let own = apps.get(alias).and_then(|app| app.read.as_ref().ok());
        let own = own.map(|read| read.app_id.to_string());
        let orphans = tokens.into_keys().filter(|app_id| match &own {
            Some(own) => app_id == own,
            None => !unreadable && !kept.contains(app_id),
        });
        paths.extend(orphans.map(|app_id| format!("tokens/{app_id}")));
        let mut deleted = Vec::new();
        for path in paths {
            if deployment.delete(&path).await? {
                deleted.push(deployment.parameter_name(&path));
            }
        }
        let stays = vec![
            "its rows in the tables: users, mappings, events and notifications (the last two go after 30 days)"
                .to_owned(),
            "what WeChat's console has: turn its server configuration off there (停用), or WeChat goes on pushing"
                .to_owned(),
        ];
        Ok(Answer::of(&Removed { app: alias.clone(), deleted, stays, templates, last }))
    }
}

/// Whether a template names the app anywhere.
pub(crate) fn names(template: &Value, alias: &str) -> bool {
    match template {
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| (name == "app" && value == alias) || names(value, alias)),
        Value::Array(values) => values.iter().any(|value| names(value, alias)),
        _ => false,
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is removed. Deleted:", self.app)?;
        for name in &self.deleted {
            writeln!(f, "  {name}")?;
        }
        writeln!(f, "What stays:")?;
        for what in &self.stays {
            writeln!(f, "  {what}")?;
        }
        if !self.templates.is_empty() {
            writeln!(
                f,
                "These templates name it; change or replace them: {}",
                self.templates.join(", ")
            )?;
        }
        if self.last {
            writeln!(f, "There is no app now. Until there is one, the functions don't work.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_may_name_an_app_as_its_speaker_or_as_where_a_tap_leads() {
        let template = json!({ "fields": ["shop"], "channels": [
            { "channel": "template", "app": "news", "data": { "thing1": "mini" },
              "mini_program": { "app": "shop-mini" } } ] });
        assert!(names(&template, "news") && names(&template, "shop-mini"));
        assert!(!names(&template, "shop") && !names(&template, "mini"));
    }
}
