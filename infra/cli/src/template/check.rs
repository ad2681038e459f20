//! `hongyan template check`.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;

/// Compare the templates with those at WeChat.
///
/// The send function asks WeChat; nothing is sent. Exits with status 1 if there are
/// differences.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hongyan template check\n  hongyan template check order_shipped"
)]
pub(crate) struct Check {
    /// Only these templates.
    #[arg(value_parser = parse::template_code)]
    codes: Vec<String>,
}

/// The send function's response to `check_templates`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TemplateComparison {
    /// Number of compared templates.
    templates: usize,
    pub(crate) differences: Vec<TemplateDifference>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TemplateDifference {
    pub(crate) template: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    problem: String,
    pub(crate) advice: String,
}

impl Check {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let bar = terminal.spinner("asking WeChat for its templates");
        let comparison = compare_templates(deployment, &self.codes).await;
        bar.finish_and_clear();
        let comparison = comparison?;
        let success = comparison.differences.is_empty();
        Ok(CommandOutput::new(&comparison, success))
    }
}

/// Compares these templates, or all if `codes` is empty.
pub(crate) async fn compare_templates(
    deployment: &Deployment,
    codes: &[String],
) -> Result<TemplateComparison, Error> {
    let templates = if codes.is_empty() { json!({}) } else { json!({ "templates": codes }) };
    deployment.invoke("send", &json!({ "check_templates": templates })).await
}

/// Channel, app and key, followed by the problem.
impl fmt::Display for TemplateDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = [&self.channel, &self.app, &self.key];
        let path: Vec<_> = path.into_iter().flatten().map(String::as_str).collect();
        let colon = if path.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}", path.join(" "), self.problem)
    }
}

impl fmt::Display for TemplateComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.differences.is_empty() {
            return write!(f, "{} compared; all match", self.templates);
        }
        let mut template = "";
        for it in &self.differences {
            if it.template != template {
                writeln!(f, "{}", it.template)?;
                template = &it.template;
            }
            writeln!(f, "  {it}")?;
            writeln!(f, "      {}", it.advice)?;
        }
        write!(f, "{} compared; {} differences", self.templates, self.differences.len())
    }
}
