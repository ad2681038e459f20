//! `hongyan template list`.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use clap::Args;
use serde::Serialize;
use shared::parameters::{ChannelKind, Template};
use std::fmt;

/// List the templates of the stage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan template list\n  hongyan template list --json")]
pub(crate) struct List {}

#[derive(Debug, Serialize)]
struct TemplateList {
    templates: Vec<TemplateRow>,
}

#[derive(Debug, Serialize)]
struct TemplateRow {
    template: String,
    fields: Vec<String>,
    /// In order of preference.
    channels: Vec<TemplateChannel>,
    /// Why it is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct TemplateChannel {
    channel: ChannelKind,
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
}

impl List {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let stored = deployment.parameters_under("templates").await?;
        let templates =
            stored.into_iter().map(|(code, stored)| match Template::read(stored.value.expose()) {
                Ok(template) => TemplateRow {
                    template: code,
                    channels: template
                        .channels
                        .iter()
                        .map(|channel| TemplateChannel {
                            channel: channel.kind(),
                            app: channel.app().to_owned(),
                            template_id: channel.template_id().map(str::to_owned),
                        })
                        .collect(),
                    fields: template.fields,
                    problem: None,
                },
                Err(problem) => TemplateRow {
                    template: code,
                    fields: Vec::new(),
                    channels: Vec::new(),
                    problem: Some(problem),
                },
            });
        Ok(CommandOutput::success(&TemplateList { templates: templates.collect() }))
    }
}

impl fmt::Display for TemplateList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.templates.is_empty() {
            return write!(f, "There is no template; `hongyan template pull` drafts one.");
        }
        for row in &self.templates {
            writeln!(f, "{}", row.template)?;
            if let Some(problem) = &row.problem {
                writeln!(f, "  ! invalid: {problem}")?;
                continue;
            }
            writeln!(f, "  fields    {}", row.fields.join(", "))?;
            for it in &row.channels {
                let id = it.template_id.as_deref().unwrap_or_default();
                writeln!(f, "  {:<17} {:<16} {id}", it.channel.to_string(), it.app)?;
            }
        }
        Ok(())
    }
}
