//! `hongyan template list`.

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use clap::Args;
use serde::Serialize;
use shared::parameters::{ChannelKind, Template};
use std::fmt;

/// List the templates of the stage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan template list\n  hongyan template list --json")]
pub(crate) struct List {}

/// What is told.
#[derive(Debug, Serialize)]
struct Listed {
    templates: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    template: String,
    fields: Vec<String>,
    /// In order of preference.
    channels: Vec<Channel>,
    /// Why no notification can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Channel {
    channel: ChannelKind,
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
}

impl List {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        deployment.about().await?;
        let stored = deployment.folder("templates").await?;
        let templates =
            stored.into_iter().map(|(code, stored)| match Template::read(stored.value.expose()) {
                Ok(template) => Line {
                    template: code,
                    channels: template
                        .channels
                        .iter()
                        .map(|channel| Channel {
                            channel: channel.kind(),
                            app: channel.app().to_owned(),
                            template_id: channel.template_id().map(str::to_owned),
                        })
                        .collect(),
                    fields: template.fields,
                    problem: None,
                },
                Err(problem) => Line {
                    template: code,
                    fields: Vec::new(),
                    channels: Vec::new(),
                    problem: Some(problem),
                },
            });
        Ok(Answer::of(&Listed { templates: templates.collect() }))
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.templates.is_empty() {
            return write!(f, "there is no template yet; `hongyan template pull` drafts one");
        }
        for line in &self.templates {
            writeln!(f, "{}", line.template)?;
            if let Some(problem) = &line.problem {
                writeln!(f, "  ! no notification can use it: {problem}")?;
                continue;
            }
            writeln!(f, "  fields    {}", line.fields.join(", "))?;
            for it in &line.channels {
                let id = it.template_id.as_deref().unwrap_or_default();
                writeln!(f, "  {:<17} {:<16} {id}", it.channel.to_string(), it.app)?;
            }
        }
        Ok(())
    }
}
