//! `hongyan template pull`.

use super::draft::{Listed, draft, labels};
use crate::answer::Answer;
use crate::app::registered;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::name;
use crate::terminal::Terminal;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;

/// List the templates that an account has at WeChat, and draft one of ours from one.
///
/// The send function asks WeChat, which lets only the functions' addresses in. A draft
/// has a field for each of WeChat's keys: rename them, in `fields` and in `data`, to
/// what your functions call them, and add other channels.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan template pull shop                                  what the account has
  hongyan template pull shop --template Bz4n… --output order_shipped.json
  hongyan template add order_shipped order_shipped.json")]
pub(crate) struct Pull {
    /// The account's alias.
    #[arg(value_parser = name::alias)]
    app: String,
    /// Draft from this template of WeChat's: its id, or its title.
    #[arg(long, value_name = "ID")]
    template: Option<String>,
    /// Write the draft to this file, which must not be there yet.
    #[arg(long, value_name = "FILE", requires = "template")]
    output: Option<PathBuf>,
}

/// What the send function answers to `{"list_templates"}`.
#[derive(Debug, Deserialize)]
struct Account {
    templates: Vec<Listed>,
    #[serde(default)]
    problems: Vec<Problem>,
}

/// Why one of WeChat's lists isn't known.
#[derive(Debug, Deserialize, Serialize)]
struct Problem {
    channel: String,
    problem: String,
    advice: String,
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Pulled {
    Listed { app: String, templates: Vec<Listed>, problems: Vec<Problem> },
    Drafted { draft: Value, labels: BTreeMap<String, String>, output: Option<PathBuf> },
}

impl Pull {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        registered::readable(deployment, &self.app).await?;
        let bar = terminal.working("asking WeChat which templates the account has");
        let answer =
            deployment.invoke("send", &json!({ "list_templates": { "app": self.app } })).await;
        bar.finish_and_clear();
        let account: Account = serde_json::from_value(answer?).map_err(|_| {
            Error::new(
                Kind::Unavailable,
                "the send function doesn't list the templates",
                "deploy functions and use a hongyan of the same version",
            )
        })?;
        let Some(wanted) = &self.template else {
            let well = account.problems.is_empty();
            let Account { templates, problems } = account;
            let listed = Pulled::Listed { app: self.app.clone(), templates, problems };
            return Ok(Answer::found(&listed, well));
        };
        let listed = self.find(&account, wanted)?;
        let draft = draft(&self.app, listed);
        if let Some(output) = &self.output {
            let written = std::fs::OpenOptions::new().write(true).create_new(true).open(output);
            written.and_then(|mut file| writeln!(file, "{draft:#}")).map_err(|error| {
                let problem = format!("{} can't be written: {error}", output.display());
                Error::new(Kind::Invalid, problem, "name a file that isn't there yet")
            })?;
        }
        let drafted =
            Pulled::Drafted { labels: labels(listed), draft, output: self.output.clone() };
        Ok(Answer::of(&drafted))
    }

    fn find<'a>(&self, account: &'a Account, wanted: &str) -> Result<&'a Listed, Error> {
        let by_id = account.templates.iter().find(|it| it.template_id == wanted);
        let mut by_title = account.templates.iter().filter(|it| it.title == wanted);
        match (by_id, by_title.next(), by_title.next()) {
            (Some(listed), ..) | (None, Some(listed), None) => Ok(listed),
            (None, Some(_), Some(_)) => Err(Error::new(
                Kind::Conflict,
                format!("{} has several templates of the title {wanted}", self.app),
                "name one by its id, with --template",
            )),
            (None, None, _) => {
                let advice = match account.problems.first() {
                    Some(it) => format!("not all are known ({}); {}", it.problem, it.advice),
                    None => format!("`hongyan template pull {}` shows what it has", self.app),
                };
                let problem = format!("{} has no template {wanted} at WeChat", self.app);
                Err(Error::new(Kind::NotFound, problem, advice))
            }
        }
    }
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed { app, templates, problems } => {
                for it in templates {
                    writeln!(f, "{}  {}", it.template_id, it.title)?;
                    let consent = it.consent.as_deref().unwrap_or_default();
                    writeln!(f, "    {} {consent}  {}", it.channel, it.keys.join(", "))?;
                }
                for it in problems {
                    writeln!(f, "! {}: {}", it.channel, it.problem)?;
                    writeln!(f, "      {}", it.advice)?;
                }
                if templates.is_empty() && problems.is_empty() {
                    write!(f, "the account has none; add one in WeChat's console")
                } else {
                    write!(
                        f,
                        "Draft from one: hongyan template pull {app} --template ID --output FILE"
                    )
                }
            }
            Self::Drafted { draft, output: None, .. } => write!(f, "{draft:#}"),
            Self::Drafted { draft, labels, output: Some(output) } => {
                writeln!(f, "{} is a draft. Its fields, to be renamed:", output.display())?;
                for field in
                    draft["fields"].as_array().into_iter().flatten().filter_map(Value::as_str)
                {
                    let label = labels.get(field).map(String::as_str).unwrap_or_default();
                    writeln!(f, "  {field:<20} {label}")?;
                }
                write!(f, "Then: hongyan template add CODE {}", output.display())
            }
        }
    }
}
