//! Many followers at once, in as few requests as DynamoDB takes.

use super::{FollowState, Followers};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::conflict::{MAX_ATTEMPTS, pause};
use crate::store::mappings::union_subject;
use crate::store::{Item, get_string, number, string, transaction, user_key};
use crate::store::{Users, transaction::Outcome};
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem};
use std::collections::{HashMap, HashSet};

/// DynamoDB's limit for one request, of keys to read as of items to write.
const MAX_ITEMS: usize = 100;
/// So many rows are looked at in one request: some 500 kB, of the megabyte that
/// DynamoDB would read.
const SCAN_PAGE: i32 = 2000;
/// All of a profile that says whether somebody follows.
const PROJECTION: &str =
    "#user, follows, state_time, state_from, profile_fetched, union_id, scene, left_at, version";

/// One follower's step from what is known to what will be.
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
    /// What is known of the following of up to 100 users, as it was a moment ago.
    /// Nothing is said of those of whom nothing is known. What is stored by it is
    /// stored only if it is still true.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn states_of(
        &self,
        app_id: &AppId,
        open_ids: &[OpenId],
    ) -> Result<HashMap<OpenId, FollowState>, AwsError> {
        const ACTION: &str = "reading which users are known";
        let table = &self.users.table;
        let prefix = format!("{app_id}#");
        // It wants each key once.
        let distinct: HashSet<_> = open_ids.iter().collect();
        let keys = distinct.into_iter().map(|open_id| Users::profile_key(app_id, open_id));
        let mut wanted = keys_of(keys.collect());
        let mut known = HashMap::with_capacity(open_ids.len());
        for attempts in 1..=MAX_ATTEMPTS {
            if wanted.keys().is_empty() {
                return Ok(known);
            }
            let request =
                table.dynamodb.batch_get_item().request_items(&table.name, wanted.clone());
            let found = request.send().await;
            let found = found.map_err(|error| AwsError::new(table.action(ACTION), &error))?;
            for item in found.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                let open_id = get_string(&item, "user").and_then(|key| key.strip_prefix(&prefix));
                if let Some(open_id) = open_id.and_then(|id| OpenId::parse(id).ok()) {
                    known.insert(open_id, FollowState::read(&item));
                }
            }
            // It gives as much as it has the capacity for.
            let left = found.unprocessed_keys.unwrap_or_default().remove(&table.name);
            wanted = keys_of(left.map(|left| left.keys).unwrap_or_default());
            if !wanted.keys().is_empty() {
                pause(attempts).await;
            }
        }
        if wanted.keys().is_empty() {
            return Ok(known);
        }
        Err(AwsError::unexpected(table.action(ACTION), "DynamoDB kept leaving some of them out"))
    }

    /// Stores many moves, as [`Followers::store`] does each, up to 100 rows in one
    /// transaction. Gives back those of whom something else was stored in the
    /// meantime: they have to be made anew.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Some may be stored.
    pub async fn store_batch(
        &self,
        app_id: &AppId,
        moves: &[FollowerUpdate],
    ) -> Result<Vec<OpenId>, AwsError> {
        let mut beaten = Vec::new();
        let mut left: Vec<_> = moves.iter().collect();
        while !left.is_empty() {
            let (mut taken, others) = together(app_id, left);
            left = others;
            while !taken.is_empty() {
                taken = self.attempt(app_id, taken, &mut beaten).await?;
            }
        }
        Ok(beaten)
    }

    /// Writes all of them, or none: then those that keep it from being written are
    /// beaten, and the others come back.
    async fn attempt<'a>(
        &self,
        app_id: &AppId,
        moves: Vec<&'a FollowerUpdate>,
        beaten: &mut Vec<OpenId>,
    ) -> Result<Vec<&'a FollowerUpdate>, AwsError> {
        let table = &self.users.table;
        let mut items = Vec::with_capacity(MAX_ITEMS);
        let mut firsts = Vec::with_capacity(moves.len());
        for one in &moves {
            firsts.push(items.len());
            let theirs: Vec<TransactWriteItem> =
                self.items(app_id, &one.open_id, &one.known, &one.next);
            items.extend(theirs);
        }
        let what = table.action("storing that users follow");
        let Outcome::Refused(reasons) = transaction::attempt(&table.dynamodb, &what, items).await?
        else {
            return Ok(Vec::new());
        };
        // Only the profile, the first of each move's rows, has a condition.
        let before = moves.len();
        let mut others = Vec::with_capacity(before);
        for (one, first) in moves.into_iter().zip(firsts) {
            let code = reasons.get(first).and_then(|reason| reason.code());
            if code == Some("ConditionalCheckFailed") {
                beaten.push(one.open_id.clone());
            } else {
                others.push(one);
            }
        }
        if others.len() == before {
            return Err(AwsError::unexpected(what, "it was refused, and no condition says why"));
        }
        Ok(others)
    }

    /// Those who are known to follow an account since before `before`, in no order:
    /// some, and where to go on after them, which is none at the end.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn scan_following(
        &self,
        app_id: &AppId,
        before: Timestamp,
        after: Option<&[String; 2]>,
    ) -> Result<(Vec<OpenId>, Option<[String; 2]>), AwsError> {
        let table = &self.users.table;
        let prefix = format!("{app_id}#");
        let mut scan = table
            .dynamodb
            .scan()
            .table_name(&table.name)
            .limit(SCAN_PAGE)
            .filter_expression(
                "#item = :profile AND begins_with(#user, :app) AND follows = :yes AND state_time < :before",
            )
            .projection_expression("#user")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":profile", string("profile"))
            .expression_attribute_values(":app", string(&prefix))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":before", number(before));
        if let Some([user, item]) = after {
            scan = scan
                .exclusive_start_key("user", string(user))
                .exclusive_start_key("item", string(item));
        }
        let found = scan.send().await;
        let found = found.map_err(|error| {
            AwsError::new(table.action("looking who is known to follow"), &error)
        })?;
        let next = found.last_evaluated_key.as_ref().and_then(|key| {
            Some([get_string(key, "user")?.to_owned(), get_string(key, "item")?.to_owned()])
        });
        let open_ids = found.items.unwrap_or_default().into_iter().filter_map(|item| {
            OpenId::parse(get_string(&item, "user")?.strip_prefix(&prefix)?).ok()
        });
        Ok((open_ids.collect(), next))
    }
}

/// As many moves as one transaction takes, and the others. No row stands in a
/// transaction twice, as it would if two users were said to be one person.
fn together<'a>(
    app_id: &AppId,
    moves: Vec<&'a FollowerUpdate>,
) -> (Vec<&'a FollowerUpdate>, Vec<&'a FollowerUpdate>) {
    let (mut rows, mut seen) = (0, HashSet::new());
    let (mut taken, mut others) = (Vec::new(), Vec::new());
    for one in moves {
        let people = [&one.known.union_id, &one.next.union_id];
        let mut subjects: HashSet<_> = people.into_iter().flatten().map(union_subject).collect();
        subjects.insert(user_key(app_id, &one.open_id));
        let fits = rows + subjects.len() <= MAX_ITEMS && seen.is_disjoint(&subjects);
        if fits {
            rows += subjects.len();
            seen.extend(subjects);
            taken.push(one);
        } else {
            others.push(one);
        }
    }
    (taken, others)
}

fn keys_of(keys: Vec<Item>) -> KeysAndAttributes {
    KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .projection_expression(PROJECTION)
        .expression_attribute_names("#user", "user")
        .build()
        .expect("its keys are set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::{Engine, rows};
    use crate::store::{FetchedProfile, Mappings};
    use crate::wechat::id::UnionId;

    fn open_id(number: usize) -> OpenId {
        OpenId::parse(format!("oUser{number}")).unwrap()
    }

    fn move_of(open_id: OpenId, union_id: &str, known: FollowState, at: u64) -> FollowerUpdate {
        let union_id = Some(UnionId::parse(union_id).unwrap());
        let explanation = FetchedProfile { follows: true, union_id, scene: None };
        let next = known.with_listing(Timestamp(at), &explanation).unwrap();
        FollowerUpdate { open_id, known, next }
    }

    async fn followers() -> (Engine, Followers, AppId) {
        let engine = Engine::start().await;
        let users = Users { table: engine.table("users", ["user", "item"]) };
        let mappings = Mappings { table: engine.table("mappings", ["subject", "app_id"]) };
        (engine, Followers { users, mappings }, AppId::parse("wx1").unwrap())
    }

    #[tokio::test]
    async fn many_are_stored_but_for_those_who_have_moved_since() {
        let (_engine, followers, app_id) = followers().await;
        // Somebody is known by now of whom nothing had been.
        let early = move_of(open_id(7), "uEarly", FollowState::default(), 90);
        let stored = followers.store(&app_id, &open_id(7), &early.known, early.next).await;
        let early = stored.unwrap().unwrap();
        let moves: Vec<_> = (0..120)
            .map(|at| move_of(open_id(at), &format!("u{at}"), FollowState::default(), 50))
            .collect();
        let beaten = followers.store_batch(&app_id, &moves).await.unwrap();
        assert_eq!(beaten, [open_id(7)]);
        assert_eq!(rows(&followers.users.table).await.len(), 120);
        assert_eq!(rows(&followers.mappings.table).await.len(), 120);
        let hundred: Vec<_> = (0..100).map(open_id).collect();
        let known = followers.states_of(&app_id, &hundred).await.unwrap();
        assert_eq!((known.len(), &known[&open_id(7)]), (100, &early));
        assert_eq!(known[&open_id(8)].since(), Some(Timestamp(50)));
        let nobody = followers.states_of(&app_id, &[open_id(500), open_id(500)]).await.unwrap();
        assert!(nobody.is_empty());
    }

    #[tokio::test]
    async fn two_users_who_are_said_to_be_one_person_are_stored_all_the_same() {
        let (_engine, followers, app_id) = followers().await;
        let moves = [1, 2, 1].map(|at| move_of(open_id(at), "uSame", FollowState::default(), 50));
        // The third is the first once more, who by then has moved.
        assert_eq!(followers.store_batch(&app_id, &moves).await.unwrap(), [open_id(1)]);
        assert_eq!(rows(&followers.users.table).await.len(), 2);
        assert_eq!(rows(&followers.mappings.table).await.len(), 1);
    }

    #[tokio::test]
    async fn those_who_are_known_to_follow_are_found_a_few_at_a_time() {
        let (_engine, followers, app_id) = followers().await;
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
