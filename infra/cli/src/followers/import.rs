//! `hongyan followers import`.

use super::import_status::{ImportState, ImportStatus};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde_json::json;
use shared::clock::Timestamp;
use std::time::Duration;

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// `--watch` ends if the import waits longer, mostly for one of WeChat's quotas.
const MAX_WAIT_SECS: u64 = 10 * 60;
/// Seconds until a requested import must have started.
const START_TIMEOUT_SECS: u64 = 60;

/// Import everyone who already follows an Official Account.
///
/// The import runs in the cloud until it is done, watched or not. WeChat's daily quotas may
/// make it wait until midnight in China. A schedule reconciles the list every night. With
/// --watch, exits with status 1 if the import failed, was cancelled, or waits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan followers import --app shop --watch
  hongyan followers import --app shop
  hongyan followers status")]
pub(crate) struct Import {
    /// The account's alias.
    #[arg(long, value_parser = parse::alias)]
    app: String,
    /// Show the progress until the end. Ctrl-C doesn't stop the import.
    #[arg(long)]
    watch: bool,
}

impl Import {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<CommandOutput, Error> {
        // An asynchronous invocation returns no error, so this finds invalid requests.
        let before = ImportStatus::fetch(deployment, &self.app).await?;
        let requested_at = Timestamp::now();
        let request = json!({ "import": { "app": self.app } });
        deployment.invoke_async("followers", &request).await?;
        let bar = terminal.progress_bar("importing", before.followers);
        let (status, phase) = loop {
            let status = ImportStatus::fetch(deployment, &self.app).await?;
            bar.set_length(status.followers);
            bar.set_position(status.listed);
            let now = Timestamp::now();
            let phase = phase(&before, &status, now);
            match phase {
                Phase::NotStarted if now < requested_at.plus(START_TIMEOUT_SECS) => {}
                Phase::Running if self.watch => {}
                _ => break (status, phase),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        };
        bar.finish_and_clear();
        let success = match status.state {
            ImportState::Done => true,
            ImportState::Listing | ImportState::Reconciling => {
                !self.watch && phase != Phase::Waiting
            }
            ImportState::None | ImportState::Cancelled | ImportState::Failed => false,
        };
        Ok(CommandOutput::new(&status, success))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The status is still that of the previous import.
    NotStarted,
    Running,
    /// It continues by itself after more than [`MAX_WAIT_SECS`].
    Waiting,
    Ended,
}

/// The phase of the requested import. A request while one is running resumes that one.
fn phase(before: &ImportStatus, status: &ImportStatus, now: Timestamp) -> Phase {
    let is_previous = !before.state.is_running() && status.begun_at == before.begun_at;
    match status.continues_at {
        _ if !status.state.is_running() && is_previous => Phase::NotStarted,
        _ if !status.state.is_running() => Phase::Ended,
        Some(at) if at.seconds_since(now) > MAX_WAIT_SECS => Phase::Waiting,
        _ => Phase::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, begun_at: u64, continues_at: Option<u64>) -> ImportStatus {
        serde_json::from_value(json!({
            "app": "shop", "state": state, "begun_at": begun_at, "continues_at": continues_at,
            "followers": 0, "listed": 0, "imported": 0, "without_union_id": 0, "left": 0,
            "used": {},
        }))
        .unwrap()
    }

    #[test]
    fn end_of_the_previous_import_is_not_that_of_this_one() {
        let now = Timestamp(10_000);
        let before = status("done", 100, None);
        let found = |state, begun_at, continues_at| {
            phase(&before, &status(state, begun_at, continues_at), now)
        };
        assert_eq!(found("done", 100, None), Phase::NotStarted);
        assert_eq!(found("listing", 9_999, None), Phase::Running);
        assert_eq!(found("listing", 9_999, Some(10_060)), Phase::Running);
        assert_eq!(found("listing", 9_999, Some(20_000)), Phase::Waiting);
        assert_eq!(found("failed", 9_999, None), Phase::Ended);
        let running = status("reconciling", 100, None);
        assert_eq!(phase(&running, &status("done", 100, None), now), Phase::Ended);
    }
}
