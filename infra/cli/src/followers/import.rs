//! `hongyan followers import`.

use super::progress::{Progress, State};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::name;
use crate::terminal::Terminal;
use clap::Args;
use serde_json::json;
use shared::clock::Timestamp;
use std::time::Duration;

/// So often is looked how far it is.
const PAUSE: Duration = Duration::from_secs(1);
/// What waits longer than this, in seconds, isn't watched: a quota of WeChat's, mostly.
const LONGEST_WAIT: u64 = 10 * 60;
/// So many seconds after it was asked for it has begun, or never does by itself.
const BEGUN_WITHIN: u64 = 60;

/// Bring in everyone who already follows an Official Account.
///
/// It goes on by itself in the cloud until all are in, whether or not anybody watches.
/// WeChat's daily quotas may make it wait until midnight in China. Every night the list
/// is compared again by a schedule. With --watch, ends with status 1 if it failed, was
/// called off, or waits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan followers import --app shop --watch
  hongyan followers import --app shop
  hongyan followers status")]
pub(crate) struct Import {
    /// The account's alias.
    #[arg(long, value_parser = name::alias)]
    app: String,
    /// Stay and show how far it is. Ctrl-C leaves it to itself.
    #[arg(long)]
    watch: bool,
}

impl Import {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<Answer, Error> {
        // Nobody hears what becomes of an event, so what is wrong is found out before.
        let before = Progress::of(deployment, &self.app).await?;
        let asked_at = Timestamp::now();
        deployment.begin("followers", &json!({ "import": { "app": self.app } })).await?;
        let bar = terminal.progress("bringing them in", before.followers);
        let progress = loop {
            let progress = Progress::of(deployment, &self.app).await?;
            bar.set_length(progress.followers);
            bar.set_position(progress.listed);
            let now = Timestamp::now();
            let patience = now < asked_at.plus(BEGUN_WITHIN);
            match next(&before, &progress, now) {
                Next::NotBegun if patience => {}
                Next::UnderWay if self.watch => {}
                Next::NotBegun | Next::UnderWay | Next::Waits | Next::Over => break progress,
            }
            tokio::time::sleep(PAUSE).await;
        };
        bar.finish_and_clear();
        let well = match progress.state {
            State::Done => true,
            State::Listing | State::Reconciling => {
                !self.watch && next(&before, &progress, Timestamp::now()) != Next::Waits
            }
            State::None | State::Cancelled | State::Failed => false,
        };
        Ok(Answer::found(&progress, well))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// What there is to see is of before.
    NotBegun,
    UnderWay,
    /// It goes on by itself much later.
    Waits,
    Over,
}

/// What there is to wait for. What was under way before is gone on with.
fn next(before: &Progress, progress: &Progress, now: Timestamp) -> Next {
    let is_of_before = !before.state.is_under_way() && progress.begun_at == before.begun_at;
    match progress.continues_at {
        _ if !progress.state.is_under_way() => {
            if is_of_before {
                Next::NotBegun
            } else {
                Next::Over
            }
        }
        Some(at) if at.seconds_since(now) > LONGEST_WAIT => Next::Waits,
        _ => Next::UnderWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(state: &str, begun_at: u64, continues_at: Option<u64>) -> Progress {
        serde_json::from_value(json!({
            "app": "shop", "state": state, "begun_at": begun_at, "continues_at": continues_at,
            "followers": 0, "listed": 0, "imported": 0, "without_union_id": 0, "left": 0,
            "used": {},
        }))
        .unwrap()
    }

    #[test]
    fn last_nights_end_is_not_that_of_this_import() {
        let now = Timestamp(10_000);
        let before = progress("done", 100, None);
        let found = |state, begun_at, continues_at| {
            next(&before, &progress(state, begun_at, continues_at), now)
        };
        assert_eq!(found("done", 100, None), Next::NotBegun);
        assert_eq!(found("listing", 9_999, None), Next::UnderWay);
        assert_eq!(found("listing", 9_999, Some(10_060)), Next::UnderWay);
        assert_eq!(found("listing", 9_999, Some(20_000)), Next::Waits);
        assert_eq!(found("failed", 9_999, None), Next::Over);
        let under_way = progress("reconciling", 100, None);
        assert_eq!(next(&under_way, &progress("done", 100, None), now), Next::Over);
    }
}
