//! Reconciles the stored followers with WeChat's list: finds unfollows for which WeChat
//! sent no event.
//!
//! The users table is scanned, at half a read unit for 4 kB, and each stored follower is
//! looked up among the hashes of the listed ones, eight bytes each. So a night without
//! changes costs no write, and no call to WeChat. For stored followers who are missing from
//! the list, WeChat is called, and its answer decides.

use crate::app::App;
use crate::dynamodb_retry::retry_throttled;
use crate::import_job::{ImportJob, Stop};
use crate::page::restart;
use crate::wechat_calls::fetch_user_infos;
use shared::store::{FollowEvent, FollowTransition, FollowerImport, ImportPhase};
use shared::wechat::id::OpenId;
use shared::wechat::user::MAX_BATCH_SIZE;
use std::collections::HashMap;

/// Maximum number of hashes in memory, 8 MB. A longer list is divided into parts, and the
/// table is scanned once for each.
const MAX_HASHES: u64 = 1_000_000;

/// Scans the table once, with one part of the list.
pub(crate) async fn reconcile(
    app: &App,
    job: &ImportJob<'_>,
    import: &mut FollowerImport,
) -> Result<(), Stop> {
    let parts = import.listed.div_ceil(MAX_HASHES).max(1);
    let Some(listed) = load_listed(app, job, import, parts).await? else {
        tracing::warn!(app = job.account.alias, "stored pages have expired; the list starts again");
        restart(import);
        return job.save(app, import).await;
    };
    let mut cursor = import.scanned.clone();
    let mut missing = Vec::with_capacity(MAX_BATCH_SIZE);
    loop {
        let app_id = &job.account.app_id;
        let (followers, next) = retry_throttled(|| {
            app.followers.scan_following(app_id, import.begun_at, cursor.as_ref())
        })
        .await?;
        for open_id in followers {
            if listed.lacks(import.hash(&open_id)) {
                missing.push(open_id);
            }
            if missing.len() == MAX_BATCH_SIZE {
                unfollow_missing(app, job, import, &missing).await?;
                missing.clear();
            }
        }
        cursor = next;
        let is_end = cursor.is_none();
        // The stored cursor must not pass a follower who is not processed yet.
        if is_end || !job.is_time_left() {
            unfollow_missing(app, job, import, &missing).await?;
            missing.clear();
        }
        if missing.is_empty() {
            import.scanned.clone_from(&cursor);
            if !is_end {
                job.save(app, import).await?;
            }
        }
        job.renew(app).await?;
        if is_end {
            break;
        }
        if !job.is_time_left() {
            return Err(Stop::Deadline);
        }
    }
    import.part += 1;
    if import.part >= parts {
        import.phase = ImportPhase::Done;
        return Ok(());
    }
    job.save(app, import).await
}

/// One part of the listed followers, by their hashes.
#[derive(Debug)]
struct ListedHashes {
    /// Sorted.
    hashes: Vec<u64>,
    part: u64,
    parts: u64,
}

impl ListedHashes {
    /// An empty part, with the capacity for its share of `all` hashes.
    fn new(all: u64, part: u64, parts: u64) -> Self {
        let expected = usize::try_from(all / parts).unwrap_or_default();
        // Hashes are spread almost evenly over the parts.
        Self { hashes: Vec::with_capacity(expected + expected / 64 + 1000), part, parts }
    }

    /// Adds the hashes of a page that belong to this part.
    fn add(&mut self, page: Vec<u64>) {
        let (part, parts) = (self.part, self.parts);
        self.hashes.extend(page.into_iter().filter(|hash| hash % parts == part));
    }

    /// Whether a hash belongs to this part and was not listed.
    fn lacks(&self, hash: u64) -> bool {
        hash % self.parts == self.part && self.hashes.binary_search(&hash).is_err()
    }
}

/// Loads the import's current part of the list. None if a stored page has expired.
async fn load_listed(
    app: &App,
    job: &ImportJob<'_>,
    import: &FollowerImport,
    parts: u64,
) -> Result<Option<ListedHashes>, Stop> {
    let mut listed = ListedHashes::new(import.listed, import.part, parts);
    for page in 0..import.pages {
        let app_id = &job.account.app_id;
        let Some(hashes) = retry_throttled(|| app.imports.page(app_id, import, page)).await? else {
            return Ok(None);
        };
        listed.add(hashes);
        job.renew(app).await?;
    }
    listed.hashes.sort_unstable();
    Ok(Some(listed))
}

/// Applies an unfollow to the missing followers for whom WeChat confirms it, as its event
/// would have done. Followers with an event since the start of the list are left to it.
async fn unfollow_missing(
    app: &App,
    job: &ImportJob<'_>,
    import: &FollowerImport,
    missing: &[OpenId],
) -> Result<(), Stop> {
    if missing.is_empty() {
        return Ok(());
    }
    job.renew(app).await?;
    let app_id = &job.account.app_id;
    let states = retry_throttled(|| app.followers.states_of(app_id, missing)).await?;
    let infos = fetch_user_infos(app, job, missing).await?;
    let follows: HashMap<_, _> =
        infos.read.iter().map(|(open_id, info)| (open_id, info.follows)).collect();
    for (open_id, known) in &states {
        let Some(at) = known.undetected_unfollow(import.begun_at) else { continue };
        let has_left = match follows.get(open_id) {
            Some(follows) => *follows == Some(false),
            // WeChat knows no such user, unless the answer about them can't be read.
            None => infos.unreadable.is_empty(),
        };
        if !has_left {
            continue;
        }
        let FollowTransition::To(next) = known.transition(FollowEvent::Unfollowed, at) else {
            continue;
        };
        // Their data is erased first: after the transition, no scan finds them again.
        app.user_items.erase(app_id, open_id, at, false).await?;
        if app.followers.store(app_id, open_id, known, next).await?.is_some() {
            job.counts.update(|counts| counts.left += 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlisted_hash_is_missing_from_exactly_one_part() {
        let pages = || (0..4_u64).map(|page| (0..100).map(|at| (page * 100 + at) * 7919).collect());
        for parts in [1, 3] {
            let mut missing = Vec::new();
            for part in 0..parts {
                let mut listed = ListedHashes::new(400, part, parts);
                let capacity = listed.hashes.capacity();
                pages().for_each(|page: Vec<u64>| listed.add(page));
                listed.hashes.sort_unstable();
                assert_eq!(listed.hashes.capacity(), capacity, "it grows no further");
                missing.extend((0..410_u64).map(|at| at * 7919).filter(|it| listed.lacks(*it)));
            }
            missing.sort_unstable();
            assert_eq!(missing, (400..410).map(|at| at * 7919).collect::<Vec<_>>(), "{parts}");
        }
    }
}
