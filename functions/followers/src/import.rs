//! The import of one account's followers, as far as one invocation gets: the list,
//! page by page, and then a look who is stored and isn't on it.

use crate::app::App;
use crate::look::look;
use crate::page::page;
use crate::work::{Halt, LEASE, Work};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{FollowerImport, ImportPhase};

/// When AWS is unwell, it is tried again after so many seconds.
const UNWELL: u64 = 60;

/// Works on what there is to do, unless somebody else is at it. Who `insists` doesn't
/// wait for what it waits for.
///
/// # Errors
///
/// When AWS doesn't do its part. What was done by then is stored.
pub(crate) async fn work(
    app: &App,
    account: &WeChatApp,
    insists: bool,
    deadline: Timestamp,
) -> Result<(), AwsError> {
    let now = Timestamp::now();
    let claimed = app.imports.claim(&account.app_id, insists, now, now.plus(LEASE)).await?;
    let Some((claim, mut import)) = claimed else { return Ok(()) };
    (import.retry_at, import.reason) = (None, None);
    let work = Work::new(account, claim, &import, deadline);
    let halt = steps(app, &work, &mut import).await;
    let now = Timestamp::now();
    let outcome = match halt {
        Ok(()) | Err(Halt::NoTime) => Ok(()),
        Err(Halt::Lost) => {
            tracing::info!(app = account.alias, "somebody else goes on, or it was called off");
            return Ok(());
        }
        Err(Halt::Later(at, reason)) => {
            tracing::warn!(app = account.alias, "the import waits until {at}: {reason}");
            (import.retry_at, import.reason) = (Some(at), Some(reason));
            Ok(())
        }
        Err(Halt::Failed(reason)) => {
            tracing::error!(app = account.alias, "the import can't be done: {reason}");
            over(&mut import, ImportPhase::Failed, now);
            import.reason = Some(reason);
            Ok(())
        }
        Err(Halt::Aws(error)) => {
            import.retry_at = Some(now.plus(UNWELL));
            import.reason = Some("AWS is unwell; the function's log says more".to_owned());
            Err(error)
        }
    };
    let given_back = work.give_back(app, &mut import).await;
    if let Err(error) = &given_back {
        // Its lease ends by itself.
        tracing::error!(app = account.alias, "{error}");
    }
    outcome?;
    given_back?;
    if import.phase == ImportPhase::Done {
        let counts = import.counts;
        tracing::info!(
            app = account.alias,
            followers = import.total,
            imported = counts.imported,
            without_union_id = counts.without_union_id,
            left = counts.left,
            lists = counts.lists,
            batches = counts.batches,
            "all who follow are known"
        );
        if counts.without_union_id > 0 {
            tracing::warn!(
                app = account.alias,
                "followers have no unionid: bind the account to an open-platform account, or mini-program users can't be found; then import again"
            );
        }
    }
    Ok(())
}

/// One step after the other, for as long as there is time.
async fn steps(app: &App, work: &Work<'_>, import: &mut FollowerImport) -> Result<(), Halt> {
    while import.phase.is_under_way() {
        if !work.is_time_left() {
            return Err(Halt::NoTime);
        }
        match import.phase {
            ImportPhase::Listing => page(app, work, import).await?,
            _ => look(app, work, import).await?,
        }
    }
    over(import, import.phase, Timestamp::now());
    Ok(())
}

/// Nothing is left to do, and nobody's openid is kept for it.
fn over(import: &mut FollowerImport, phase: ImportPhase, now: Timestamp) {
    (import.phase, import.ended_at) = (phase, Some(now));
    (import.after, import.scanned) = (None, None);
}
