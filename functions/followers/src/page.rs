//! One page of the list of followers.

use crate::app::App;
use crate::ask;
use crate::batch::bring_in;
use crate::work::{Halt, Work};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::clock::Timestamp;
use shared::store::{FollowerImport, ImportPhase};
use shared::wechat::user::{BATCH_SIZE, FollowerPage};

/// So many batches are under way at once: as WeChat takes a third of a second for one,
/// some 1,700 followers a second. A DynamoDB table that is new takes 2,000 in a
/// transaction ("On-demand capacity mode": 4,000 write units a second).
const AT_ONCE: usize = 6;
/// When WeChat has forgotten for whom the next page was to come so often, it is worth
/// waiting before the list is begun once more, ...
const RESTARTS: u64 = 3;
/// ... for so many seconds.
const LATER: u64 = 3600;

/// Brings in who is on the next page, and stores that it is done: whoever is ended
/// before finds those who were brought in, and doesn't ask about them again.
pub(crate) async fn page(
    app: &App,
    work: &Work<'_>,
    import: &mut FollowerImport,
) -> Result<(), Halt> {
    let asked = import.after.clone();
    let Some(page) = ask::page(app, work, asked.as_ref()).await? else {
        return begin_again(app, work, import).await;
    };
    let (run, thorough) = (&*import, import.full);
    let hashes: Vec<_> = page.open_ids.iter().map(|open_id| run.hash(open_id)).collect();
    stream::iter(page.open_ids.chunks(BATCH_SIZE))
        .map(|batch| bring_in(app, work, batch, thorough))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    if !hashes.is_empty() {
        let account = &work.account.app_id;
        app.imports.store_page(account, import, import.pages, &hashes, Timestamp::now()).await?;
        import.pages += 1;
    }
    turn(import, &page);
    work.store(app, import).await
}

/// Where the page leads: to the next one, or to the end of the list. A last page that
/// is full doesn't say that it is the last one; only the number of all followers does.
fn turn(import: &mut FollowerImport, page: &FollowerPage) {
    import.listed += page.count;
    // Who leaves while the list is read makes it less, and the list no shorter.
    import.total = import.total.max(page.total);
    // A page that leads back to itself would lead there forever.
    let next = page.next.clone().filter(|next| import.after.as_ref() != Some(next));
    import.after = next.filter(|_| import.listed < import.total);
    if import.after.is_none() {
        import.phase = ImportPhase::Reconciling;
    }
}

/// The list has to be read from its beginning: WeChat doesn't know any more after
/// whom the next page was to come.
async fn begin_again(app: &App, work: &Work<'_>, import: &mut FollowerImport) -> Result<(), Halt> {
    tracing::warn!(app = work.account.alias, "the list of followers has to be begun again");
    restart(import);
    work.store(app, import).await?;
    if import.restarts.is_multiple_of(RESTARTS) {
        let reason = "WeChat keeps forgetting where the list goes on".to_owned();
        return Err(Halt::Later(Timestamp::now().plus(LATER), reason));
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
    use serde_json::json;
    use shared::wechat::id::OpenId;

    fn begun() -> FollowerImport {
        FollowerImport::new("run".to_owned(), false, Timestamp(1000))
    }

    fn answer(total: u64, open_ids: &[&str], next: &str) -> FollowerPage {
        let mut page = json!({ "total": total, "count": open_ids.len(), "next_openid": next });
        if !open_ids.is_empty() {
            page["data"] = json!({ "openid": open_ids });
        }
        serde_json::from_value(page).unwrap()
    }

    fn after(import: &FollowerImport) -> Option<&str> {
        import.after.as_ref().map(OpenId::as_str)
    }

    #[test]
    fn the_last_page_is_known_by_the_number_of_all() {
        let mut import = begun();
        turn(&mut import, &answer(4, &["o1", "o2"], "o2"));
        assert_eq!((after(&import), import.phase), (Some("o2"), ImportPhase::Listing));
        turn(&mut import, &answer(4, &["o3", "o4"], "o4"));
        assert_eq!((after(&import), import.phase), (None, ImportPhase::Reconciling));
    }

    #[test]
    fn who_leaves_meanwhile_hides_nobody() {
        let mut import = begun();
        turn(&mut import, &answer(5, &["o1", "o2"], "o2"));
        // Two of those who were on the first page have left.
        turn(&mut import, &answer(3, &["o3", "o4"], "o4"));
        assert_eq!((after(&import), import.phase), (Some("o4"), ImportPhase::Listing));
        turn(&mut import, &answer(3, &["o5"], "o5"));
        assert_eq!((after(&import), import.phase), (None, ImportPhase::Reconciling));
    }

    #[test]
    fn nobody_no_name_and_the_same_name_again_are_ends() {
        for last in [
            answer(9, &[], ""),
            answer(9, &[], "o9"),
            answer(9, &["o3"], ""),
            answer(9, &["o3"], "o2"),
        ] {
            let mut import = begun();
            turn(&mut import, &answer(9, &["o1", "o2"], "o2"));
            turn(&mut import, &last);
            assert_eq!(
                (after(&import), import.phase),
                (None, ImportPhase::Reconciling),
                "{last:?}"
            );
        }
        let mut import = begun();
        turn(&mut import, &answer(0, &[], ""));
        assert_eq!((import.phase, import.listed), (ImportPhase::Reconciling, 0));
    }
}
