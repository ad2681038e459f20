//! Imports one page of WeChat's list of followers.

use crate::app::App;
use crate::batch::import_batch;
use crate::import_job::{ImportJob, Stop};
use crate::wechat_calls::fetch_page;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::clock::Timestamp;
use shared::store::{FollowerImport, ImportPhase};
use shared::wechat::user::{FollowerPage, MAX_BATCH_SIZE};

/// Maximum number of batches in parallel. WeChat takes a third of a second for one, so this
/// makes some 1,700 followers a second. A new DynamoDB table takes 2,000 in transactions
/// ("On-demand capacity mode": 4,000 write units a second).
const MAX_CONCURRENCY: usize = 6;
/// Number of restarts of the list, because WeChat no longer knew the cursor, after which the
/// import waits.
const RESTARTS_BEFORE_BACKOFF: u64 = 3;
/// In seconds.
const RESTART_BACKOFF: u64 = 3600;

/// Imports the next page and stores the progress. After a crash in between, the followers
/// of the page are found stored, and WeChat isn't called for them again.
pub(crate) async fn import_page(
    app: &App,
    job: &ImportJob<'_>,
    import: &mut FollowerImport,
) -> Result<(), Stop> {
    let cursor = import.after.clone();
    let Some(page) = fetch_page(app, job, cursor.as_ref()).await? else {
        return restart_list(app, job, import).await;
    };
    let (run, full) = (&*import, import.full);
    let hashes: Vec<_> = page.open_ids.iter().map(|open_id| run.hash(open_id)).collect();
    stream::iter(page.open_ids.chunks(MAX_BATCH_SIZE))
        .map(|batch| import_batch(app, job, batch, full))
        .buffer_unordered(MAX_CONCURRENCY)
        .try_collect::<()>()
        .await?;
    if !hashes.is_empty() {
        let account = &job.account.app_id;
        app.imports.store_page(account, import, import.pages, &hashes, Timestamp::now()).await?;
        import.pages += 1;
    }
    advance(import, &page);
    job.save(app, import).await
}

/// Moves on to the next page, or to the next phase at the end of the list. A full last page
/// doesn't say that it is the last one; only the total number of followers does.
fn advance(import: &mut FollowerImport, page: &FollowerPage) {
    import.listed += page.count;
    // Followers who leave while the list is read reduce the total, but not the list.
    import.total = import.total.max(page.total.unwrap_or(import.total));
    // A page that leads back to itself would loop forever.
    let next = page.next.clone().filter(|next| import.after.as_ref() != Some(next));
    // Without a total, the list ends where no page follows.
    import.after = next.filter(|_| page.total.is_none() || import.listed < import.total);
    if import.after.is_none() {
        import.phase = ImportPhase::Reconciling;
    }
}

/// Starts the list again, as WeChat no longer knows the cursor.
async fn restart_list(
    app: &App,
    job: &ImportJob<'_>,
    import: &mut FollowerImport,
) -> Result<(), Stop> {
    tracing::warn!(app = job.account.alias, "WeChat lost the cursor; the list starts again");
    restart(import);
    job.save(app, import).await?;
    if import.restarts.is_multiple_of(RESTARTS_BEFORE_BACKOFF) {
        let reason = "WeChat keeps losing the cursor of the list".to_owned();
        return Err(Stop::RetryAt(Timestamp::now().plus(RESTART_BACKOFF), reason));
    }
    Ok(())
}

/// Back to the first page.
pub(crate) fn restart(import: &mut FollowerImport) {
    import.phase = ImportPhase::Listing;
    (import.after, import.scanned) = (None, None);
    (import.pages, import.listed, import.total, import.part) = (0, 0, 0, 0);
    import.restarts += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wechat::id::OpenId;

    fn new_import() -> FollowerImport {
        FollowerImport::new("run".to_owned(), false, Timestamp(1000))
    }

    fn page(total: u64, open_ids: &[&str], next: &str) -> FollowerPage {
        let open_id = |id: &str| OpenId::parse(id).unwrap();
        FollowerPage {
            total: Some(total),
            count: open_ids.len() as u64,
            open_ids: open_ids.iter().map(|id| open_id(id)).collect(),
            unreadable: 0,
            next: (!next.is_empty() && !open_ids.is_empty()).then(|| open_id(next)),
        }
    }

    fn after(import: &FollowerImport) -> Option<&str> {
        import.after.as_ref().map(OpenId::as_str)
    }

    #[test]
    fn last_page_is_known_by_the_total() {
        let mut import = new_import();
        advance(&mut import, &page(4, &["o1", "o2"], "o2"));
        assert_eq!((after(&import), import.phase), (Some("o2"), ImportPhase::Listing));
        advance(&mut import, &page(4, &["o3", "o4"], "o4"));
        assert_eq!((after(&import), import.phase), (None, ImportPhase::Reconciling));
    }

    #[test]
    fn list_without_a_total_ends_where_no_page_follows() {
        let mut import = new_import();
        let without_total = |page: FollowerPage| FollowerPage { total: None, ..page };
        advance(&mut import, &without_total(page(0, &["o1", "o2"], "o2")));
        assert_eq!((after(&import), import.phase), (Some("o2"), ImportPhase::Listing));
        advance(&mut import, &without_total(page(0, &[], "")));
        assert_eq!((after(&import), import.phase), (None, ImportPhase::Reconciling));
    }

    #[test]
    fn unfollow_during_the_list_hides_no_follower() {
        let mut import = new_import();
        advance(&mut import, &page(5, &["o1", "o2"], "o2"));
        // Two of those who were on the first page have left.
        advance(&mut import, &page(3, &["o3", "o4"], "o4"));
        assert_eq!((after(&import), import.phase), (Some("o4"), ImportPhase::Listing));
        advance(&mut import, &page(3, &["o5"], "o5"));
        assert_eq!((after(&import), import.phase), (None, ImportPhase::Reconciling));
    }

    #[test]
    fn list_ends_at_an_empty_page_or_a_missing_or_repeated_cursor() {
        for last in
            [page(9, &[], ""), page(9, &[], "o9"), page(9, &["o3"], ""), page(9, &["o3"], "o2")]
        {
            let mut import = new_import();
            advance(&mut import, &page(9, &["o1", "o2"], "o2"));
            advance(&mut import, &last);
            assert_eq!(
                (after(&import), import.phase),
                (None, ImportPhase::Reconciling),
                "{last:?}"
            );
        }
        let mut import = new_import();
        advance(&mut import, &page(0, &[], ""));
        assert_eq!((import.phase, import.listed), (ImportPhase::Reconciling, 0));
    }
}
