//! `hongyan doctor`.

mod apps;
mod callback;
mod finding;
mod people;
mod stack;
mod templates;
mod tokens;

use crate::answer::Answer;
use crate::app::registered;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::terminal::Terminal;
use clap::Args;
use finding::{Finding, State};
use serde::Serialize;
use std::fmt;

/// Is everything in place? A line for each thing, with what to do if not.
///
/// Reads and asks only: the functions' access tokens may be renewed by it, as every
/// minute, and nothing is sent. Ends with status 1 if something fails; a warning isn't
/// a failure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan doctor
  hongyan --local doctor
  hongyan doctor --json | jq '.findings[] | select(.state == \"failed\")'")]
pub(crate) struct Doctor {}

/// What is told.
#[derive(Debug, Serialize)]
struct Report {
    stage: String,
    /// Nothing fails.
    ok: bool,
    findings: Vec<Finding>,
}

impl Doctor {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        let about = match deployment.about().await {
            Ok(about) => about,
            // Nothing else can be looked at.
            Err(error) if error.kind == Kind::NotDeployed => {
                let finding = Finding::failed("deployment", None, error.problem, error.advice);
                return Ok(report(deployment, vec![finding]));
            }
            Err(error) => return Err(error),
        };
        let bar = terminal.progress("looking", 4);
        let mut findings = vec![Finding::ok("deployment", None, about.api.clone())];
        findings.extend(stack::check(deployment, about).await);
        bar.inc(1);
        let apps = registered::all(deployment).await?;
        let (mut of_apps, callbacks) = apps::check(deployment, &apps).await?;
        findings.append(&mut of_apps);
        bar.inc(1);
        if !apps.is_empty() {
            let (tokens, greetings) = tokio::join!(
                tokens::check(deployment, about),
                callback::check(deployment, &callbacks)
            );
            findings.extend(tokens);
            findings.extend(greetings);
            bar.inc(1);
            let (templates, people) =
                tokio::join!(templates::check(deployment), people::check(deployment, &apps));
            findings.extend(templates);
            findings.extend(people);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(report(deployment, findings))
    }
}

fn report(deployment: &Deployment, findings: Vec<Finding>) -> Answer {
    let ok = findings.iter().all(|it| it.state != State::Failed);
    Answer::found(&Report { stage: deployment.stage.clone(), ok, findings }, ok)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let count = |state| self.findings.iter().filter(|it| it.state == state).count();
        match (count(State::Failed), count(State::Warning)) {
            (0, 0) => write!(f, "All is well."),
            (failed, warnings) => write!(f, "{failed} failed, {warnings} to look at."),
        }
    }
}
