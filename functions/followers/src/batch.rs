//! Up to a hundred followers at once.

use crate::app::App;
use crate::ask;
use crate::work::{Halt, Work};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::store::{FetchedProfile, FollowState, FollowerUpdate};
use shared::wechat::id::OpenId;
use shared::wechat::user::UserInfo;
use std::collections::HashMap;
use std::time::Duration;

/// How often somebody is thought over of whom something else was stored meanwhile.
const TRIES: usize = 8;
/// How often DynamoDB is asked that is busy; a table that is new takes some minutes
/// until it takes as much as it is given.
const PATIENCE: u32 = 5;
/// The pause before the second time; each after it is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// Brings in those of these followers who aren't known, and asks WeChat about nobody
/// else. Whatever is known from a newer event stays.
pub(crate) async fn bring_in(
    app: &App,
    work: &Work<'_>,
    listed: &[OpenId],
    thorough: bool,
) -> Result<(), Halt> {
    if !work.is_time_left() {
        return Err(Halt::NoTime);
    }
    work.renew(app).await?;
    let mut left: Vec<_> = listed.to_vec();
    for _ in 0..TRIES {
        // What is known is read before WeChat is asked: so its answer is the newer one.
        let mut known = patiently(|| app.followers.states_of(&work.account.app_id, &left)).await?;
        left.retain(|open_id| !known.get(open_id).is_some_and(|it| it.is_complete(thorough)));
        if left.is_empty() {
            return Ok(());
        }
        let infos = ask::users(app, work, &left).await?;
        left = store(app, work, &mut known, infos).await?;
        if left.is_empty() {
            return Ok(());
        }
    }
    // Their events know better.
    tracing::info!(app = work.account.alias, "events of a follower kept getting in between");
    Ok(())
}

/// Stores what WeChat says; gives back those of whom something else was stored in
/// the meantime.
async fn store(
    app: &App,
    work: &Work<'_>,
    known: &mut HashMap<OpenId, FollowState>,
    infos: Vec<UserInfo>,
) -> Result<Vec<OpenId>, Halt> {
    // Who doesn't follow any more has an event of their own on its way.
    let moves: Vec<_> = infos
        .into_iter()
        .filter(|info| info.subscribe == 1)
        .filter_map(|info| {
            let known = known.remove(&info.open_id).unwrap_or_default();
            // WeChat always tells when; without, any event would be newer.
            let at = info.subscribe_time.unwrap_or(Timestamp(0));
            let explanation = FetchedProfile {
                follows: true,
                union_id: info.union_id,
                scene: info.subscribe_scene,
            };
            let next = known.with_listing(at, &explanation)?;
            Some(FollowerUpdate { open_id: info.open_id, known, next })
        })
        .collect();
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let unjoined: Vec<_> = moves
        .iter()
        .filter(|one| !one.next.is_complete(true))
        .map(|one| one.open_id.clone())
        .collect();
    let all = moves.len();
    let app_id = &work.account.app_id;
    let beaten = patiently(|| app.followers.store_batch(app_id, &moves)).await?;
    let unjoined = unjoined.iter().filter(|open_id| !beaten.contains(open_id)).count();
    work.counts.imported(all - beaten.len(), unjoined);
    Ok(beaten)
}

/// Asks DynamoDB again if it was too busy.
pub(crate) async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    for tries in 1..PATIENCE {
        match ask().await {
            Err(error) => tracing::warn!("{error}; it is asked again"),
            done => return done,
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
    }
    ask().await
}
