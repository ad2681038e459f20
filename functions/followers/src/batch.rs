//! Imports a batch of up to a hundred followers.

use crate::app::App;
use crate::dynamodb_retry::retry_throttled;
use crate::import_job::{ImportJob, Stop};
use crate::wechat_calls::fetch_user_infos;
use shared::clock::Timestamp;
use shared::store::{self, FollowState, FollowerUpdate};
use shared::wechat::id::OpenId;
use shared::wechat::user::UserInfo;
use std::collections::HashMap;

/// Maximum number of attempts when concurrent events of the same followers interfere.
const MAX_ATTEMPTS: usize = 8;

/// Imports those of the listed followers who are not stored completely, and calls WeChat
/// for them only. State from newer events is kept. A `full` import also fetches followers
/// without a unionid again.
pub(crate) async fn import_batch(
    app: &App,
    job: &ImportJob<'_>,
    listed: &[OpenId],
    full: bool,
) -> Result<(), Stop> {
    if !job.is_time_left() {
        return Err(Stop::Deadline);
    }
    job.renew(app).await?;
    let mut remaining: Vec<_> = listed.to_vec();
    for _ in 0..MAX_ATTEMPTS {
        // Read before WeChat is called, so that its answer is the newer one.
        let app_id = &job.account.app_id;
        let mut states = retry_throttled(|| app.followers.states_of(app_id, &remaining)).await?;
        remaining.retain(|open_id| !states.get(open_id).is_some_and(|it| it.is_complete(full)));
        if remaining.is_empty() {
            return Ok(());
        }
        let infos = fetch_user_infos(app, job, &remaining).await?;
        remaining = store_infos(app, job, &mut states, infos.read).await?;
        if remaining.is_empty() {
            return Ok(());
        }
    }
    // The events that interfered are newer than the list.
    tracing::info!(app = job.account.alias, "left a follower to their concurrent events");
    Ok(())
}

/// Stores what WeChat has answered. Returns the followers whose state has changed in the
/// meantime.
async fn store_infos(
    app: &App,
    job: &ImportJob<'_>,
    states: &mut HashMap<OpenId, FollowState>,
    infos: Vec<(OpenId, UserInfo)>,
) -> Result<Vec<OpenId>, Stop> {
    // The event of a follower who has left since is on its way.
    let updates: Vec<_> = infos
        .into_iter()
        .filter(|(_, info)| info.follows == Some(true))
        .filter_map(|(open_id, info)| {
            let known = states.remove(&open_id).unwrap_or_default();
            // Without the time, any event counts as newer.
            let at = info.subscribe_time.unwrap_or(Timestamp(0));
            let profile = store::FetchedProfile {
                follows: true,
                union_id: info.union_id,
                details: info.details,
            };
            let next = known.with_listing(at, &profile)?;
            Some(FollowerUpdate { open_id, known, next })
        })
        .collect();
    if updates.is_empty() {
        return Ok(Vec::new());
    }
    let app_id = &job.account.app_id;
    let conflicts = retry_throttled(|| app.followers.store_batch(app_id, &updates)).await?;
    let without_union_id = updates
        .iter()
        .filter(|update| !update.next.is_complete(true) && !conflicts.contains(&update.open_id))
        .count();
    job.counts.update(|counts| {
        counts.imported += (updates.len() - conflicts.len()) as u64;
        counts.without_union_id += without_union_id as u64;
    });
    Ok(conflicts)
}
