//! `hongyan doctor`.

mod apps;
mod callback;
mod codes;
mod finding;
mod stack;
mod templates;
mod tokens;
mod unionids;

use crate::app::registry;
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::terminal::Terminal;
use clap::Args;
use finding::{Finding, FindingState};
use serde::Serialize;
use std::fmt;

/// Check the whole deployment. A line per check, with advice if it fails.
///
/// Sends nothing and changes nothing, except that the token function may refresh an access
/// token, as it does every minute. Exits with status 1 if a check fails; a warning isn't a
/// failure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan doctor
  hongyan --local doctor
  hongyan doctor --json | jq '.findings[] | select(.state == \"failed\")'")]
pub(crate) struct Doctor {}

#[derive(Debug, Serialize)]
struct DoctorReport {
    stage: String,
    /// Whether no check failed.
    ok: bool,
    findings: Vec<Finding>,
}

impl Doctor {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let info = match deployment.info().await {
            Ok(info) => info,
            // Without a deployment there is nothing else to check.
            Err(error) if error.kind == ErrorKind::NotDeployed => {
                let finding = Finding::from_error("deployment", None, error);
                return Ok(report(deployment, vec![finding]));
            }
            Err(error) => return Err(error),
        };
        let bar = terminal.progress_bar("checking", 4);
        let mut findings = vec![Finding::ok("deployment", None, info.api.clone())];
        findings.extend(stack::check(deployment, info).await);
        bar.inc(1);
        let apps = registry::list_apps(deployment).await?;
        let (app_findings, callback_settings) = apps::check(deployment, &apps).await?;
        findings.extend(app_findings);
        bar.inc(1);
        if !apps.is_empty() {
            let (tokens, callbacks) = tokio::join!(
                tokens::check(deployment, info),
                callback::check(deployment, &callback_settings)
            );
            findings.extend(tokens);
            findings.extend(callbacks);
            bar.inc(1);
            let (templates, unionids, codes) = tokio::join!(
                templates::check(deployment),
                unionids::check(deployment, &apps),
                codes::check(deployment)
            );
            findings.extend(templates);
            findings.extend(unionids);
            findings.extend(codes);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(report(deployment, findings))
    }
}

fn report(deployment: &Deployment, findings: Vec<Finding>) -> CommandOutput {
    let ok = findings.iter().all(|it| it.state != FindingState::Failed);
    CommandOutput::new(&DoctorReport { stage: deployment.stage.clone(), ok, findings }, ok)
}

impl fmt::Display for DoctorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let count = |state| self.findings.iter().filter(|it| it.state == state).count();
        match (count(FindingState::Failed), count(FindingState::Warning)) {
            (0, 0) => write!(f, "No problems found."),
            (failed, warnings) => write!(f, "{failed} failed, {warnings} warnings."),
        }
    }
}
