//! Who is stored as a follower and isn't on the list: they have left, and nobody was
//! told.
//!
//! The users table is read from end to end, at half a read unit for 4 kB, and each
//! follower is looked for among the hashes of those who were on the list: eight
//! bytes for each. So a night on which nothing has changed costs no write, and no
//! question to WeChat. Who isn't found is asked about, and only what WeChat says
//! counts.

use crate::app::App;
use crate::ask;
use crate::batch::patiently;
use crate::page::restart;
use crate::work::{Halt, Work};
use shared::store::{FollowEvent, FollowTransition, FollowerImport, ImportPhase};
use shared::wechat::id::OpenId;
use shared::wechat::user::BATCH_SIZE;
use std::collections::HashSet;

/// So many hashes are in memory at once, 8 MB; for a longer list, the table is read
/// once more for each further so many.
const HASHES: u64 = 1_000_000;

/// Looks through the table once, with one part of the list.
pub(crate) async fn look(
    app: &App,
    work: &Work<'_>,
    import: &mut FollowerImport,
) -> Result<(), Halt> {
    let parts = import.listed.div_ceil(HASHES).max(1);
    let Some(listed) = listed(app, work, import, parts).await? else {
        tracing::warn!(app = work.account.alias, "what was on the list isn't known any more");
        restart(import);
        return work.store(app, import).await;
    };
    let mut after = import.scanned.clone();
    let mut missing = Vec::with_capacity(BATCH_SIZE);
    loop {
        let app_id = &work.account.app_id;
        let (followers, next) =
            patiently(|| app.followers.scan_following(app_id, import.begun_at, after.as_ref()))
                .await?;
        for open_id in followers {
            if listed.misses(import.hash(&open_id)) {
                missing.push(open_id);
            }
            if missing.len() == BATCH_SIZE {
                leave(app, work, import, &missing).await?;
                missing.clear();
            }
        }
        after = next;
        let is_end = after.is_none();
        // What is stored as looked at must have been dealt with.
        if is_end || !work.is_time_left() {
            leave(app, work, import, &missing).await?;
            missing.clear();
        }
        if missing.is_empty() {
            import.scanned.clone_from(&after);
            if !is_end {
                work.store(app, import).await?;
            }
        }
        work.renew(app).await?;
        if is_end {
            break;
        }
        if !work.is_time_left() {
            return Err(Halt::NoTime);
        }
    }
    import.part += 1;
    if import.part >= parts {
        import.phase = ImportPhase::Done;
        return Ok(());
    }
    work.store(app, import).await
}

/// One part of those who were on the list, by their hashes.
#[derive(Debug)]
struct Listed {
    /// In order.
    hashes: Vec<u64>,
    part: u64,
    parts: u64,
}

impl Listed {
    /// Has room for so many in all parts.
    fn new(all: u64, part: u64, parts: u64) -> Self {
        let expected = usize::try_from(all / parts).unwrap_or_default();
        // They are spread evenly, but for chance.
        Self { hashes: Vec::with_capacity(expected + expected / 64 + 1000), part, parts }
    }

    /// Takes those of a page who belong to this part.
    fn add(&mut self, page: Vec<u64>) {
        let (part, parts) = (self.part, self.parts);
        self.hashes.extend(page.into_iter().filter(|hash| hash % parts == part));
    }

    /// Whether somebody belongs to this part and wasn't on the list.
    fn misses(&self, hash: u64) -> bool {
        hash % self.parts == self.part && self.hashes.binary_search(&hash).is_err()
    }
}

/// The part of the list that is looked at. None if some of it isn't kept any more.
async fn listed(
    app: &App,
    work: &Work<'_>,
    import: &FollowerImport,
    parts: u64,
) -> Result<Option<Listed>, Halt> {
    let mut listed = Listed::new(import.listed, import.part, parts);
    for page in 0..import.pages {
        let app_id = &work.account.app_id;
        let Some(hashes) = patiently(|| app.imports.page(app_id, import, page)).await? else {
            return Ok(None);
        };
        listed.add(hashes);
        work.renew(app).await?;
    }
    listed.hashes.sort_unstable();
    Ok(Some(listed))
}

/// Marks those of them as having left of whom WeChat says so, as their event would
/// have done. Who has done something since the list was begun has an event of their
/// own.
async fn leave(
    app: &App,
    work: &Work<'_>,
    import: &FollowerImport,
    missing: &[OpenId],
) -> Result<(), Halt> {
    if missing.is_empty() {
        return Ok(());
    }
    work.renew(app).await?;
    let app_id = &work.account.app_id;
    let known = patiently(|| app.followers.states_of(app_id, missing)).await?;
    let infos = ask::users(app, work, missing).await?;
    let follow: HashSet<_> =
        infos.iter().filter(|info| info.subscribe == 1).map(|info| &info.open_id).collect();
    for (open_id, known) in &known {
        let Some(at) = known.undetected_unfollow(import.begun_at) else { continue };
        if follow.contains(open_id) {
            continue;
        }
        let FollowTransition::To(next) = known.transition(FollowEvent::Unfollowed, at) else {
            continue;
        };
        // What they had goes first: once they have left, nobody looks for them again.
        app.followers.users.erase(app_id, open_id, at, false).await?;
        if app.followers.store(app_id, open_id, known, next).await?.is_some() {
            work.counts.left();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_belongs_to_one_part_and_is_missed_there_only() {
        let pages = || (0..4_u64).map(|page| (0..100).map(|at| (page * 100 + at) * 7919).collect());
        for parts in [1, 3] {
            let mut missed = Vec::new();
            for part in 0..parts {
                let mut listed = Listed::new(400, part, parts);
                let room = listed.hashes.capacity();
                pages().for_each(|page: Vec<u64>| listed.add(page));
                listed.hashes.sort_unstable();
                assert_eq!(listed.hashes.capacity(), room, "it grows no further");
                missed.extend((0..410_u64).map(|at| at * 7919).filter(|it| listed.misses(*it)));
            }
            missed.sort_unstable();
            assert_eq!(missed, (400..410).map(|at| at * 7919).collect::<Vec<_>>(), "{parts}");
        }
    }
}
