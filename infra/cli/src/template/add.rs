//! `hongyan template add`.

use crate::app::registry::{self, RegisteredApp, kind_name};
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::input_file;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde::Serialize;
use shared::parameters::{AppKind, Template};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Add a template from a file, or replace one.
///
/// The file is JSON: the fields of a notification, and how they fill WeChat's keys in
/// each channel, in order of preference. `hongyan template pull` drafts one. The tool
/// validates it like the functions, which use it within a minute.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan template add order_shipped order_shipped.json
  hongyan template add order_shipped order_shipped.json --replace
  hongyan template add order_shipped - < order_shipped.json

A file:
  { \"fields\": [\"product\", \"time\"],
    \"channels\": [
      { \"channel\": \"template\", \"app\": \"shop\", \"template_id\": \"Bz4n…\",
        \"data\": { \"thing1\": \"{product}\", \"time2\": \"{time}\" } } ] }")]
pub(crate) struct Add {
    /// The template's code, which notifications refer to.
    #[arg(value_parser = parse::template_code)]
    code: String,
    /// The file; - is the standard input.
    file: PathBuf,
    /// Replace an existing template.
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Serialize)]
struct AddedTemplate {
    template: String,
    outcome: AddOutcome,
    fields: Vec<String>,
    /// Keys whose values only WeChat can validate.
    unchecked: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum AddOutcome {
    Added,
    Replaced,
    Unchanged,
}

impl Add {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let (text, source) = read(&self.file)?;
        let template = parse_template(&text, &source)?;
        let path = format!("templates/{}", self.code);
        let (apps, existing) =
            tokio::try_join!(registry::list_apps(deployment), deployment.parameter(&path))?;
        check_apps(&template, &apps, &source)?;
        let text = text.trim();
        let outcome = match &existing {
            None => AddOutcome::Added,
            Some(stored) if stored.value.expose() == text => AddOutcome::Unchanged,
            Some(_) if self.replace => AddOutcome::Replaced,
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("the template {} exists already", self.code),
                    "add --replace, or choose another code",
                ));
            }
        };
        if !matches!(outcome, AddOutcome::Unchanged) {
            deployment.put_parameter(&path, text).await?;
        }
        let unchecked = template.unchecked();
        let unchecked = unchecked.iter().map(|(channel, key)| format!("{} {key}", channel.kind()));
        Ok(CommandOutput::success(&AddedTemplate {
            template: self.code.clone(),
            outcome,
            unchecked: unchecked.collect(),
            fields: template.fields,
        }))
    }
}

/// The file's text, and its name for messages.
fn read(file: &Path) -> Result<(String, String), Error> {
    let source = if file == Path::new("-") {
        "the standard input".to_owned()
    } else {
        file.display().to_string()
    };
    match input_file::read(file) {
        Ok(text) => Ok((text, source)),
        Err(error) => Err(Error::new(
            ErrorKind::Invalid,
            format!("{source} can't be read: {error}"),
            "name a JSON file in UTF-8",
        )),
    }
}

/// Parses a template like the functions. Errors have the path of the invalid field.
fn parse_template(text: &str, source: &str) -> Result<Template, Error> {
    let invalid = |problem: String| {
        let advice = "correct the file; docs/configuration.md describes it";
        Error::new(ErrorKind::Invalid, format!("{source}: {problem}"), advice)
    };
    // A syntax error has no path.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(invalid(format!("it is not JSON: {error}")));
    }
    let reader = &mut serde_json::Deserializer::from_str(text);
    let read: Result<Template, _> = serde_path_to_error::deserialize(reader);
    read.map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { format!("{path}: ") };
        invalid(format!("{path}{}", error.into_inner()))
    })?;
    Template::read(text).map_err(invalid)
}

/// Checks that every app in the template exists and has the kind that its channel needs.
fn check_apps(
    template: &Template,
    apps: &BTreeMap<String, RegisteredApp>,
    source: &str,
) -> Result<(), Error> {
    for (index, channel) in template.channels.iter().enumerate() {
        let sender = (channel.app(), channel.kind().sender_kind());
        let target = channel.target().map(|page| (page.app.as_str(), Some(AppKind::MiniProgram)));
        for (alias, needed) in [Some(sender), target].into_iter().flatten() {
            let path = format!("{source}: channels[{index}] ({})", channel.kind());
            let Some(app) = apps.get(alias) else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("{path}: there is no app {alias}"),
                    format!(
                        "`hongyan app add {alias}` first, or name another (`hongyan app list`)"
                    ),
                ));
            };
            // `hongyan doctor` reports an invalid app.
            let Ok(settings) = &app.settings else { continue };
            if let Some(needed) = needed.filter(|needed| *needed != settings.kind) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "{path}: {alias} is of the kind {}; this needs {}",
                        kind_name(settings.kind),
                        kind_name(needed)
                    ),
                    "name an app of that kind (`hongyan app list`)",
                ));
            }
        }
    }
    Ok(())
}

impl fmt::Display for AddedTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            AddOutcome::Added => "is added",
            AddOutcome::Replaced => "is replaced; the functions use the new one within a minute",
            AddOutcome::Unchanged => "exists already, unchanged",
        };
        writeln!(f, "{} {outcome}. Its fields: {}", self.template, self.fields.join(", "))?;
        if !self.unchecked.is_empty() {
            writeln!(f, "Only WeChat can validate the values of: {}", self.unchecked.join(", "))?;
        }
        write!(f, "Compare it with WeChat's: hongyan template check {}", self.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse_template(text, "a.json").unwrap_err().problem
    }

    #[test]
    fn invalid_field_is_named_by_its_path() {
        assert!(problem("{").contains("a.json: it is not JSON: EOF"), "{}", problem("{"));
        let line = problem("{\n  \"fields\": [,]\n}");
        assert!(line.contains("line 2 column 14"), "{line}");
        let channels = r#"{"fields":["a"],"channels":[{"channel":"template","app":"shop","template_id":"T",
            "data":{"thing1":"{a}"}},{"channel":"subscribe","app":"mini","template_id":"T","data":{},"pgae":"x"}]}"#;
        let found = problem(channels);
        assert!(found.contains("channels[1]: unknown field `pgae`"), "{found}");
        let found = problem(r#"{"fields":["a"],"channels":[],"feilds":1}"#);
        assert!(found.contains("feilds: unknown field"), "{found}");
        let found = problem(
            r#"{"fields":["a"],"channels":[{"channel":"customer_service","app":"shop","text":"{b}"}]}"#,
        );
        assert!(found.contains("its channel customer_service: there is no field {b}"), "{found}");
    }
}
