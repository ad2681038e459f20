//! `hongyan template add`.

use crate::answer::Answer;
use crate::app::registered::{self, Registered, word};
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::name;
use clap::Args;
use serde::Serialize;
use shared::parameters::{AppKind, Template};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most that is read of a file, in bytes; a parameter takes less.
const LARGEST: u64 = 64 * 1024;

/// Add a template from a file, or replace one.
///
/// The file is JSON: the fields of a notification, and how they fill WeChat's keys in
/// each channel, in order of preference. `hongyan template pull` drafts one. It is read
/// as the functions read it before it is stored; running ones take it within a minute.
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
    /// The template's code, which notifications name.
    #[arg(value_parser = name::code)]
    code: String,
    /// The file; - is the standard input.
    file: PathBuf,
    /// Replace what is there under this code.
    #[arg(long)]
    replace: bool,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Added {
    template: String,
    outcome: Outcome,
    fields: Vec<String>,
    /// Keys whose values only WeChat can judge.
    unchecked: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Added,
    Replaced,
    /// The very same was there.
    Unchanged,
}

impl Add {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        deployment.about().await?;
        let (text, called) = read(&self.file)?;
        let template = parse(&text, &called)?;
        let path = format!("templates/{}", self.code);
        let (apps, there) =
            tokio::try_join!(registered::all(deployment), deployment.parameter(&path))?;
        fits(&template, &apps, &called)?;
        let text = text.trim();
        let outcome = match &there {
            None => Outcome::Added,
            Some(stored) if stored.value.expose() == text => Outcome::Unchanged,
            Some(_) if self.replace => Outcome::Replaced,
            Some(_) => {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("there is another template {}", self.code),
                    "say --replace, or choose another code",
                ));
            }
        };
        if !matches!(outcome, Outcome::Unchanged) {
            deployment.put(&path, text).await?;
        }
        let unchecked = template.unchecked();
        let unchecked = unchecked.iter().map(|(channel, key)| format!("{} {key}", channel.kind()));
        Ok(Answer::of(&Added {
            template: self.code.clone(),
            outcome,
            unchecked: unchecked.collect(),
            fields: template.fields,
        }))
    }
}

/// The file's text, and what to call it.
fn read(file: &Path) -> Result<(String, String), Error> {
    let called = if file == Path::new("-") {
        "the standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(LARGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok((text, called)),
        Err(error) => Err(Error::new(
            Kind::Invalid,
            format!("{called} can't be read: {error}"),
            "name a file of JSON, in UTF-8",
        )),
    }
}

/// Reads a template as the functions do; what is wrong is told by its place.
fn parse(text: &str, called: &str) -> Result<Template, Error> {
    let refuse = |problem: String| {
        let advice = "correct the file; docs/configuration.md says what may stand there";
        Error::new(Kind::Invalid, format!("{called}: {problem}"), advice)
    };
    // A file in which the syntax is wrong has no fields to name.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(refuse(format!("it is not JSON: {error}")));
    }
    let reader = &mut serde_json::Deserializer::from_str(text);
    let read: Result<Template, _> = serde_path_to_error::deserialize(reader);
    read.map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        refuse(format!("{place}{}", error.into_inner()))
    })?;
    Template::read(text).map_err(refuse)
}

/// Whether every app that it names is there, and of the kind that the channel takes.
fn fits(
    template: &Template,
    apps: &BTreeMap<String, Registered>,
    called: &str,
) -> Result<(), Error> {
    for (at, channel) in template.channels.iter().enumerate() {
        let speaks = (channel.app(), channel.kind().speaker());
        let target = channel.target().map(|page| (page.app.as_str(), Some(AppKind::MiniProgram)));
        for (alias, needed) in [Some(speaks), target].into_iter().flatten() {
            let place = format!("{called}: channels[{at}] ({})", channel.kind());
            let Some(app) = apps.get(alias) else {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("{place}: there is no app {alias}"),
                    format!(
                        "`hongyan app add {alias}` first, or name another (`hongyan app list`)"
                    ),
                ));
            };
            // One that can't be read is a trouble of its own.
            let Ok(read) = &app.read else { continue };
            if let Some(needed) = needed.filter(|needed| *needed != read.kind) {
                return Err(Error::new(
                    Kind::Invalid,
                    format!(
                        "{place}: {alias} is of the kind {}; this takes {}",
                        word(read.kind),
                        word(needed)
                    ),
                    "name an app of that kind (`hongyan app list`)",
                ));
            }
        }
    }
    Ok(())
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Added => "is added",
            Outcome::Replaced => "is replaced; running functions take the new one within a minute",
            Outcome::Unchanged => "is there already, exactly so",
        };
        writeln!(f, "{} {outcome}. Its fields: {}", self.template, self.fields.join(", "))?;
        if !self.unchecked.is_empty() {
            writeln!(f, "Only WeChat can judge the values of: {}", self.unchecked.join(", "))?;
        }
        write!(f, "Does it fit WeChat's? hongyan template check {}", self.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text, "a.json").unwrap_err().problem
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
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
