//! `hongyan template check`.

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::name;
use crate::terminal::Terminal;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;

/// Compare the templates with those that the accounts have at WeChat.
///
/// The send function asks WeChat; nothing is sent. Ends with status 1 if anything
/// differs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hongyan template check\n  hongyan template check order_shipped"
)]
pub(crate) struct Check {
    /// Only these templates.
    #[arg(value_parser = name::code)]
    codes: Vec<String>,
}

/// What the send function answers to `{"check_templates"}`.
#[derive(Debug, Deserialize, Serialize)]
struct Checked {
    /// So many were compared.
    templates: usize,
    differences: Vec<Difference>,
}

/// Something that keeps a template from arriving as it is meant.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Difference {
    pub(crate) template: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    pub(crate) problem: String,
    pub(crate) advice: String,
}

impl Check {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        let bar = terminal.working("asking WeChat which templates the accounts have");
        let checked = ask(deployment, &self.codes).await;
        bar.finish_and_clear();
        let checked = checked?;
        let well = checked.differences.is_empty();
        Ok(Answer::found(&checked, well))
    }
}

/// How all templates differ from WeChat's.
pub(crate) async fn differences(deployment: &Deployment) -> Result<Vec<Difference>, Error> {
    ask(deployment, &[]).await.map(|checked| checked.differences)
}

async fn ask(deployment: &Deployment, codes: &[String]) -> Result<Checked, Error> {
    let asked = if codes.is_empty() { json!({}) } else { json!({ "templates": codes }) };
    let answer = deployment.invoke("send", &json!({ "check_templates": asked })).await?;
    serde_json::from_value(answer).map_err(|_| {
        Error::new(
            Kind::Unavailable,
            "the send function doesn't say how the templates differ",
            "deploy functions and use a hongyan of the same version",
        )
    })
}

impl Difference {
    /// Where it is: channel, app, key.
    pub(crate) fn place(&self) -> String {
        let parts = [&self.channel, &self.app, &self.key];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.differences.is_empty() {
            return write!(f, "{} compared; all fit", self.templates);
        }
        let mut template = "";
        for it in &self.differences {
            if it.template != template {
                writeln!(f, "{}", it.template)?;
                template = &it.template;
            }
            let place = it.place();
            let colon = if place.is_empty() { "" } else { ": " };
            writeln!(f, "  {place}{colon}{}", it.problem)?;
            writeln!(f, "      {}", it.advice)?;
        }
        write!(f, "{} compared; {} differences", self.templates, self.differences.len())
    }
}
