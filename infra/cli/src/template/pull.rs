//! `hongyan template pull`.

use super::draft::{WeChatTemplate, draft, labels};
use crate::app::registry;
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;

/// List an account's templates at WeChat, and draft a notification template from one.
///
/// The send function asks WeChat, because WeChat accepts only the functions' addresses. A
/// draft has a field for each of WeChat's keys: rename the fields in `fields` and `data`,
/// and add other channels.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan template pull shop                                  lists the templates
  hongyan template pull shop --template Bz4n… --output order_shipped.json
  hongyan template add order_shipped order_shipped.json")]
pub(crate) struct Pull {
    /// The account's alias.
    #[arg(value_parser = parse::alias)]
    app: String,
    /// Draft from this template at WeChat: its id, or its title.
    #[arg(long, value_name = "ID")]
    template: Option<String>,
    /// Write the draft to this file, which must not exist.
    #[arg(long, value_name = "FILE", requires = "template")]
    output: Option<PathBuf>,
}

/// The send function's response to `list_templates`.
#[derive(Debug, Deserialize)]
struct ListResponse {
    templates: Vec<WeChatTemplate>,
    #[serde(default)]
    problems: Vec<ListProblem>,
}

/// Why a channel's templates can't be listed.
#[derive(Debug, Deserialize, Serialize)]
struct ListProblem {
    channel: String,
    problem: String,
    advice: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PullOutput {
    List { app: String, templates: Vec<WeChatTemplate>, problems: Vec<ListProblem> },
    Draft { draft: Value, labels: BTreeMap<String, String>, output: Option<PathBuf> },
}

impl Pull {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        registry::find_valid_app(deployment, &self.app).await?;
        let bar = terminal.spinner("asking WeChat for its templates");
        let request = json!({ "list_templates": { "app": self.app } });
        let response: Result<ListResponse, _> = deployment.invoke("send", &request).await;
        bar.finish_and_clear();
        let response = response?;
        let Some(id_or_title) = &self.template else {
            let success = response.problems.is_empty();
            let ListResponse { templates, problems } = response;
            let list = PullOutput::List { app: self.app.clone(), templates, problems };
            return Ok(CommandOutput::new(&list, success));
        };
        let template = self.find(&response, id_or_title)?;
        let draft = draft(&self.app, template);
        if let Some(output) = &self.output {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).open(output);
            file.and_then(|mut file| writeln!(file, "{draft:#}")).map_err(|error| {
                let problem = format!("{} can't be written: {error}", output.display());
                Error::new(ErrorKind::Invalid, problem, "name a file that doesn't exist")
            })?;
        }
        let labels = labels(template);
        let draft = PullOutput::Draft { labels, draft, output: self.output.clone() };
        Ok(CommandOutput::success(&draft))
    }

    fn find<'a>(
        &self,
        response: &'a ListResponse,
        id_or_title: &str,
    ) -> Result<&'a WeChatTemplate, Error> {
        let by_id = response.templates.iter().find(|it| it.template_id == id_or_title);
        let mut by_title = response.templates.iter().filter(|it| it.title == id_or_title);
        match (by_id, by_title.next(), by_title.next()) {
            (Some(template), ..) | (None, Some(template), None) => Ok(template),
            (None, Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Conflict,
                format!("{} has several templates with the title {id_or_title}", self.app),
                "name one by its id, with --template",
            )),
            (None, None, _) => {
                let advice = match response.problems.first() {
                    Some(it) => format!("the list is incomplete ({}); {}", it.problem, it.advice),
                    None => format!("`hongyan template pull {}` lists its templates", self.app),
                };
                let problem = format!("{} has no template {id_or_title} at WeChat", self.app);
                Err(Error::new(ErrorKind::NotFound, problem, advice))
            }
        }
    }
}

impl fmt::Display for PullOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List { app, templates, problems } => {
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
                    write!(f, "The account has none; add one in WeChat's console.")
                } else {
                    write!(
                        f,
                        "Draft from one: hongyan template pull {app} --template ID --output FILE"
                    )
                }
            }
            Self::Draft { draft, output: None, .. } => write!(f, "{draft:#}"),
            Self::Draft { draft, labels, output: Some(output) } => {
                writeln!(f, "Wrote a draft to {}. Rename its fields:", output.display())?;
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
