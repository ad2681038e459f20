//! Many followers at once, in as few requests as DynamoDB takes.

use super::Followers;
use super::state::FollowState;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{boolean, get_string, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::transaction::{MAX_ITEMS, TransactionOutcome};
use crate::store::keys::{item_key, profile_key, union_subject, user_key};
use crate::wechat::id::{AppId, OpenId};
use std::collections::{HashMap, HashSet};

/// Maximum number of rows that a scan reads in one request: some 500 kB, of the
/// megabyte that DynamoDB would read.
const SCAN_PAGE: i32 = 2000;
/// The attributes of a profile that say whether a user follows.
const ATTRIBUTES: [&str; 14] = [
    "user",
    "follows",
    "state_time",
    "state_from",
    "profile_fetched",
    "union_id",
    "scene",
    "qr_scene",
    "qr_scene_str",
    "tags",
    "remark",
    "language",
    "left_at",
    "version",
];

/// A new state of one follower.
#[derive(Debug)]
pub struct FollowerUpdate {
    /// The user.
    pub open_id: OpenId,
    /// What was read.
    pub known: FollowState,
    /// What was made of it.
    pub next: FollowState,
}

impl Followers {
    /// The states of up to 100 users, as they were up to a second ago. A user of whom
    /// nothing is known is left out. An update that is based on a state is stored only
    /// if that is still true.
    pub async fn states_of(
        &self,
        app_id: &AppId,
        open_ids: &[OpenId],
    ) -> Result<HashMap<OpenId, FollowState>, AwsError> {
        let prefix = format!("{app_id}#");
        // DynamoDB wants each key once.
        let distinct: HashSet<_> = open_ids.iter().collect();
        let keys = distinct.into_iter().map(|open_id| profile_key(app_id, open_id)).collect();
        let action = "reading the states of followers";
        let found = self.profiles.table.read_batch(action, keys, &ATTRIBUTES).await?;
        let states = found.iter().filter_map(|item| {
            let open_id = get_string(item, "user")?.strip_prefix(&prefix)?;
            Some((OpenId::parse(open_id).ok()?, FollowState::read(item)))
        });
        Ok(states.collect())
    }

    /// Stores many updates, as [`Followers::store`] does each, up to 100 rows in one
    /// transaction. Returns the users of whom something else was stored in the meantime:
    /// their updates have to be made anew. After an error some may be stored.
    pub async fn store_batch(
        &self,
        app_id: &AppId,
        updates: &[FollowerUpdate],
    ) -> Result<Vec<OpenId>, AwsError> {
        let mut outdated = Vec::new();
        let mut left: Vec<_> = updates.iter().collect();
        while !left.is_empty() {
            let (mut batch, others) = next_batch(app_id, left);
            left = others;
            while !batch.is_empty() {
                batch = self.attempt(app_id, batch, &mut outdated).await?;
            }
        }
        Ok(outdated)
    }

    /// Writes all of them, or none: then those that keep it from being written are
    /// outdated, and the others are returned.
    async fn attempt<'a>(
        &self,
        app_id: &AppId,
        updates: Vec<&'a FollowerUpdate>,
        outdated: &mut Vec<OpenId>,
    ) -> Result<Vec<&'a FollowerUpdate>, AwsError> {
        const ACTION: &str = "storing a batch of followers";
        let table = &self.profiles.table;
        let mut writes = Vec::with_capacity(MAX_ITEMS);
        let mut profiles = Vec::with_capacity(updates.len());
        for update in &updates {
            profiles.push(writes.len());
            writes.extend(self.writes(app_id, &update.open_id, &update.known, &update.next));
        }
        let TransactionOutcome::Refused(refusals) =
            table.transact_or_refusals(ACTION, writes).await?
        else {
            return Ok(Vec::new());
        };
        // Only the profile, the first of each update's rows, has a condition.
        let before = updates.len();
        let mut others = Vec::with_capacity(before);
        for (update, profile) in updates.into_iter().zip(profiles) {
            if refusals.get(profile).is_some_and(|refusal| refusal.is_condition) {
                outdated.push(update.open_id.clone());
            } else {
                others.push(update);
            }
        }
        if others.len() == before {
            let action = table.action(ACTION);
            return Err(AwsError::unexpected(action, "it was refused, and no condition says why"));
        }
        Ok(others)
    }

    /// Some of the users who follow an account since before `before`, in no order, and
    /// where the next call begins, which is none at the end.
    pub async fn scan_following(
        &self,
        app_id: &AppId,
        before: Timestamp,
        after: Option<&[String; 2]>,
    ) -> Result<(Vec<OpenId>, Option<[String; 2]>), AwsError> {
        let prefix = format!("{app_id}#");
        let follows = attr("item")
            .equals(string("profile"))
            .and(attr("user").begins_with(&prefix))
            .and(attr("follows").equals(boolean(true)))
            .and(attr("state_time").less_than(number(before)));
        let scan = Query::scan()
            .eventually()
            .page_size(SCAN_PAGE)
            .filter(follows)
            .attributes(&["user"])
            .start(after.map(|[user, item]| item_key(user, item)));
        let page = self.profiles.table.read_page("scanning for followers", scan).await?;
        let next = page.next.as_ref().and_then(|key| {
            Some([get_string(key, "user")?.to_owned(), get_string(key, "item")?.to_owned()])
        });
        let open_ids = page.items.iter().filter_map(|item| {
            OpenId::parse(get_string(item, "user")?.strip_prefix(&prefix)?).ok()
        });
        Ok((open_ids.collect(), next))
    }
}

/// As many updates as one transaction takes, and the others. No row is in a transaction
/// twice, as it would be if two users were said to be one person.
fn next_batch<'a>(
    app_id: &AppId,
    updates: Vec<&'a FollowerUpdate>,
) -> (Vec<&'a FollowerUpdate>, Vec<&'a FollowerUpdate>) {
    let (mut rows, mut seen) = (0, HashSet::new());
    updates.into_iter().partition(|update| {
        let people = [&update.known.union_id, &update.next.union_id];
        let mut keys: HashSet<_> = people.into_iter().flatten().map(union_subject).collect();
        keys.insert(user_key(app_id, &update.open_id));
        let fits = rows + keys.len() <= MAX_ITEMS && seen.is_disjoint(&keys);
        if fits {
            rows += keys.len();
            seen.extend(keys);
        }
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::dynamodb::test_tables::rows;
    use crate::store::tables::tests::EmptyTables;
    use crate::store::users::followers::state::FetchedProfile;
    use crate::wechat::id::UnionId;
    use crate::wechat::user::FollowerDetails;

    fn open_id(number: usize) -> OpenId {
        OpenId::parse(format!("oUser{number}")).unwrap()
    }

    fn move_of(open_id: OpenId, union_id: &str, known: FollowState, at: u64) -> FollowerUpdate {
        let union_id = Some(UnionId::parse(union_id).unwrap());
        let explanation =
            FetchedProfile { follows: true, union_id, details: FollowerDetails::default() };
        let next = known.with_listing(Timestamp(at), &explanation).unwrap();
        FollowerUpdate { open_id, known, next }
    }

    async fn followers() -> (Followers, AppId) {
        let tables = EmptyTables::start().await;
        (Followers::new(&tables.users, &tables.mappings), AppId::parse("wx1").unwrap())
    }

    #[tokio::test]
    async fn batch_stores_all_but_the_outdated_updates() {
        let (followers, app_id) = followers().await;
        // A person is known by now who was not before.
        let early = move_of(open_id(7), "uEarly", FollowState::default(), 90);
        let stored = followers.store(&app_id, &open_id(7), &early.known, early.next).await;
        let early = stored.unwrap().unwrap();
        let moves: Vec<_> = (0..120)
            .map(|at| move_of(open_id(at), &format!("u{at}"), FollowState::default(), 50))
            .collect();
        let beaten = followers.store_batch(&app_id, &moves).await.unwrap();
        assert_eq!(beaten, [open_id(7)]);
        assert_eq!(rows(&followers.profiles.table).await.len(), 120);
        assert_eq!(rows(&followers.mappings).await.len(), 120);
        let hundred: Vec<_> = (0..100).map(open_id).collect();
        let known = followers.states_of(&app_id, &hundred).await.unwrap();
        assert_eq!((known.len(), &known[&open_id(7)]), (100, &early));
        assert_eq!(known[&open_id(8)].since(), Some(Timestamp(50)));
        let unknown = followers.states_of(&app_id, &[open_id(500), open_id(500)]).await.unwrap();
        assert!(unknown.is_empty());
    }

    #[tokio::test]
    async fn batch_stores_two_users_of_one_person() {
        let (followers, app_id) = followers().await;
        let moves = [1, 2, 1].map(|at| move_of(open_id(at), "uSame", FollowState::default(), 50));
        // The third is the first once more, who by then has moved.
        assert_eq!(followers.store_batch(&app_id, &moves).await.unwrap(), [open_id(1)]);
        assert_eq!(rows(&followers.profiles.table).await.len(), 2);
        assert_eq!(rows(&followers.mappings).await.len(), 1);
    }

    #[tokio::test]
    async fn scan_finds_followers_page_by_page() {
        let (followers, app_id) = followers().await;
        for (at, app) in [(10, "wx1"), (20, "wx1"), (30, "wx1"), (10, "wx2")] {
            let app_id = AppId::parse(app).unwrap();
            let one = move_of(open_id(at as usize), &format!("u{at}"), FollowState::default(), at);
            followers.store(&app_id, &one.open_id, &one.known, one.next).await.unwrap();
        }
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (some, next) =
                followers.scan_following(&app_id, Timestamp(30), after.as_ref()).await.unwrap();
            found.extend(some);
            after = next;
            if after.is_none() {
                break;
            }
        }
        found.sort();
        assert_eq!(found, [open_id(10), open_id(20)]);
    }
}
