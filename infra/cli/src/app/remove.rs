//! `hongyan app remove`.

use super::registry;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Remove an app: its settings, its secrets, its access token.
///
/// Its rows in the tables stay. Asks for confirmation.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan app remove shop\n  hongyan app remove shop --yes")]
pub(crate) struct Remove {
    /// The app's alias.
    #[arg(value_parser = parse::alias)]
    app: String,
    /// Don't ask for confirmation.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct RemovedApp {
    app: String,
    /// The deleted parameters.
    deleted: Vec<String>,
    /// Data that isn't deleted.
    retained: Vec<&'static str>,
    /// Templates that refer to the app, whose channels through it no longer work.
    templates: Vec<String>,
    /// Whether it was the only app.
    last: bool,
}

const RETAINED: [&str; 2] = [
    "its rows in the tables: users, mappings, events and notifications (the last two for 30 days)",
    "its settings in WeChat's console: disable its server configuration there (停用), or WeChat \
     keeps pushing",
];

impl Remove {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let alias = &self.app;
        let (apps, templates, tokens) = tokio::try_join!(
            registry::list_apps(deployment),
            deployment.parameters_under("templates"),
            deployment.parameters_under("tokens")
        )?;
        // An interrupted removal leaves some of these.
        let (callback_path, secret_path) =
            (format!("callback/{alias}"), format!("secrets/{alias}"));
        let (callback, secret) = tokio::try_join!(
            deployment.parameter(&callback_path),
            deployment.parameter(&secret_path)
        )?;
        if !apps.contains_key(alias) && callback.is_none() && secret.is_none() {
            return Err(registry::app_not_found(deployment, alias));
        }
        let templates = templates.into_iter().filter(|(_, stored)| {
            let template = serde_json::from_str(stored.value.expose()).unwrap_or_default();
            refers_to(&template, alias)
        });
        let templates: Vec<_> = templates.map(|(code, _)| code).collect();
        let last = apps.keys().all(|other| other == alias);
        let mut question = format!("Remove the app {alias} from the stage {}?", deployment.stage);
        if !templates.is_empty() {
            question += &format!(" The templates {} refer to it.", templates.join(", "));
        }
        if last {
            question += " It is the only app: without one, the functions don't work.";
        }
        terminal.confirm(&question, self.yes)?;

        // The app first, so that the functions stop using it and fetch no token for it.
        let mut paths = vec![format!("apps/{alias}"), callback_path, secret_path];
        let others = apps.iter().filter(|(other, _)| *other != alias).map(|(_, app)| app);
        let others: Result<Vec<_>, _> =
            others.map(|app| app.settings.as_ref().map(|it| it.app_id.to_string())).collect();
        let own = apps.get(alias).and_then(|app| app.settings.as_ref().ok());
        let own = own.map(|settings| settings.app_id.to_string());
        // If the app's own parameter is gone, its token is one that belongs to no other app.
        let is_own_token = |app_id: &String| match &own {
            Some(own) => app_id == own,
            None => others.as_ref().is_ok_and(|others| !others.contains(app_id)),
        };
        let own_tokens = tokens.into_keys().filter(is_own_token);
        paths.extend(own_tokens.map(|app_id| format!("tokens/{app_id}")));
        let mut deleted = Vec::new();
        for path in paths {
            if deployment.delete_parameter(&path).await? {
                deleted.push(deployment.parameter_name(&path));
            }
        }
        let removed = RemovedApp {
            app: alias.clone(),
            deleted,
            retained: RETAINED.to_vec(),
            templates,
            last,
        };
        Ok(CommandOutput::success(&removed))
    }
}

/// Whether a template refers to the app anywhere.
fn refers_to(template: &Value, alias: &str) -> bool {
    match template {
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| (name == "app" && value == alias) || refers_to(value, alias)),
        Value::Array(values) => values.iter().any(|value| refers_to(value, alias)),
        _ => false,
    }
}

impl fmt::Display for RemovedApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Removed {}. Deleted:", self.app)?;
        for name in &self.deleted {
            writeln!(f, "  {name}")?;
        }
        writeln!(f, "Retained:")?;
        for what in &self.retained {
            writeln!(f, "  {what}")?;
        }
        if !self.templates.is_empty() {
            let templates = self.templates.join(", ");
            writeln!(f, "Change or replace the templates that refer to it: {templates}")?;
        }
        if self.last {
            writeln!(f, "There is no app left. The functions don't work until you add one.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn template_refers_to_its_sender_and_to_the_target_of_a_tap() {
        let template = json!({ "fields": ["shop"], "channels": [
            { "channel": "template", "app": "news", "data": { "thing1": "mini" },
              "mini_program": { "app": "shop-mini" } } ] });
        assert!(refers_to(&template, "news") && refers_to(&template, "shop-mini"));
        assert!(!refers_to(&template, "shop") && !refers_to(&template, "mini"));
    }
}
