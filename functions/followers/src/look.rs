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
use shared::store::{Import, Phase, Step, Told};
use shared::wechat::id::OpenId;
use shared::wechat::user::BATCH_SIZE;
use std::collections::HashSet;

/// So many hashes are in memory at once, 8 MB; for a longer list, the table is read
/// once more for each further so many.
const HASHES: u64 = 1_000_000;

/// Looks through the table once, with one part of the list.
pub(crate) async fn look(app: &App, work: &Work<'_>, import: &mut Import) -> Result<(), Halt> {
    let parts = import.listed.div_ceil(HASHES).max(1);
    let Some(listed) = hashes(app, work, import, parts).await? else {
        tracing::warn!(app = work.account.alias, "what was on the list isn't known any more");
        restart(import);
        return work.store(app, import).await;
    };
    let mut after = import.scanned.clone();
    let mut missing = Vec::with_capacity(BATCH_SIZE);
    loop {
        let app_id = &work.account.app_id;
        let (followers, next) =
            patiently(|| app.followers.following(app_id, import.begun_at, after.as_ref())).await?;
        for open_id in followers {
            let hash = import.hash(&open_id);
            if hash % parts == import.part && listed.binary_search(&hash).is_err() {
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
        import.phase = Phase::Done;
        return Ok(());
    }
    work.store(app, import).await
}

/// The hashes of those on the list who belong to this part, in order. None if some
/// aren't kept any more.
async fn hashes(
    app: &App,
    work: &Work<'_>,
    import: &Import,
    parts: u64,
) -> Result<Option<Vec<u64>>, Halt> {
    let expected = usize::try_from(import.listed / parts).unwrap_or_default();
    // They are spread evenly, but for chance.
    let mut all = Vec::with_capacity(expected + expected / 64 + 1000);
    for page in 0..import.pages {
        let app_id = &work.account.app_id;
        let Some(hashes) = patiently(|| app.imports.page(app_id, import, page)).await? else {
            return Ok(None);
        };
        all.extend(hashes.into_iter().filter(|hash| hash % parts == import.part));
        work.renew(app).await?;
    }
    all.sort_unstable();
    Ok(Some(all))
}

/// Marks those of them as having left of whom WeChat says so, as their event would
/// have done. Who has done something since the list was begun has an event of their
/// own.
async fn leave(
    app: &App,
    work: &Work<'_>,
    import: &Import,
    missing: &[OpenId],
) -> Result<(), Halt> {
    if missing.is_empty() {
        return Ok(());
    }
    work.renew(app).await?;
    let app_id = &work.account.app_id;
    let known = patiently(|| app.followers.known_of(app_id, missing)).await?;
    let infos = ask::users(app, work, missing).await?;
    let follow: HashSet<_> =
        infos.iter().filter(|info| info.subscribe == 1).map(|info| &info.open_id).collect();
    for (open_id, known) in &known {
        let Some(at) = known.missed_leave(import.begun_at) else { continue };
        if follow.contains(open_id) {
            continue;
        }
        let Step::Move(next) = known.step(Told::Leaves, at) else { continue };
        // What they had goes first: once they have left, nobody looks for them again.
        app.followers.users.erase(app_id, open_id, at, false).await?;
        if app.followers.store(app_id, open_id, known, next).await?.is_some() {
            work.counts.left();
        }
    }
    Ok(())
}
