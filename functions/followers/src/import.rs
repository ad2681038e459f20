//! Imports one account's followers: reads WeChat's list page by page, then reconciles the
//! stored followers with it.

use crate::app::App;
use crate::import_job::{ImportJob, LEASE_TTL, Stop};
use crate::page::import_page;
use crate::reconcile::reconcile;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{FollowerImport, ImportPhase};

/// Seconds to wait after an AWS call has failed.
const AWS_BACKOFF: u64 = 60;

/// Continues an account's import until `deadline`, unless another invocation holds its
/// lease. With `ignore_backoff` it doesn't wait for the import's `retry_at`.
///
/// Fails if an AWS call fails. The progress is stored nevertheless.
pub(crate) async fn continue_import(
    app: &App,
    account: &WeChatApp,
    ignore_backoff: bool,
    deadline: Timestamp,
) -> Result<(), AwsError> {
    let now = Timestamp::now();
    let claimed =
        app.imports.acquire(&account.app_id, ignore_backoff, now, now.plus(LEASE_TTL)).await?;
    let Some((lease, mut import)) = claimed else { return Ok(()) };
    (import.retry_at, import.reason) = (None, None);
    let job = ImportJob::new(account, lease, &import, deadline);
    let stopped = run_phases(app, &job, &mut import).await;
    let now = Timestamp::now();
    let outcome = match stopped {
        Ok(()) | Err(Stop::Deadline) => Ok(()),
        Err(Stop::LeaseLost) => {
            tracing::info!(
                app = account.alias,
                "another invocation continues the import, or it was cancelled"
            );
            return Ok(());
        }
        Err(Stop::RetryAt(at, reason)) => {
            tracing::warn!(app = account.alias, "the import waits until {at}: {reason}");
            (import.retry_at, import.reason) = (Some(at), Some(reason));
            Ok(())
        }
        Err(Stop::Failed(reason)) => {
            tracing::error!(app = account.alias, "the import failed: {reason}");
            finish(&mut import, ImportPhase::Failed, now);
            import.reason = Some(reason);
            Ok(())
        }
        Err(Stop::Aws(error)) => {
            import.retry_at = Some(now.plus(AWS_BACKOFF));
            import.reason = Some("an AWS call failed; see the function's log".to_owned());
            Err(error)
        }
    };
    let released = job.release(app, &mut import).await;
    if let Err(error) = &released {
        tracing::error!(app = account.alias, "{error}; the lease expires by itself");
    }
    outcome?;
    released?;
    if import.phase == ImportPhase::Done {
        log_result(account, &import);
    }
    Ok(())
}

async fn run_phases(
    app: &App,
    job: &ImportJob<'_>,
    import: &mut FollowerImport,
) -> Result<(), Stop> {
    while import.phase.is_under_way() {
        if !job.is_time_left() {
            return Err(Stop::Deadline);
        }
        match import.phase {
            ImportPhase::Listing => import_page(app, job, import).await?,
            _ => reconcile(app, job, import).await?,
        }
    }
    finish(import, import.phase, Timestamp::now());
    Ok(())
}

/// Ends the import, and removes the openids that its cursors have.
fn finish(import: &mut FollowerImport, phase: ImportPhase, now: Timestamp) {
    (import.phase, import.ended_at) = (phase, Some(now));
    (import.after, import.scanned) = (None, None);
}

fn log_result(account: &WeChatApp, import: &FollowerImport) {
    let counts = import.counts;
    tracing::info!(
        app = account.alias,
        followers = import.total,
        imported = counts.imported,
        without_union_id = counts.without_union_id,
        left = counts.left,
        unreadable = counts.unreadable,
        lists = counts.lists,
        batches = counts.batches,
        "imported all followers"
    );
    if counts.without_union_id > 0 {
        tracing::warn!(
            app = account.alias,
            "followers have no unionid: bind the account to an open-platform account, or mini-program users can't be found; then import again"
        );
    }
}
