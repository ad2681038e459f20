//! The followers of Official Accounts. Whether a user follows is stored in their profile
//! and, for a search by the person, in the mappings table; one transaction changes both,
//! so that they can't disagree.

pub(in crate::store) mod batch_write;
mod close_account;
mod reconcile;
pub(in crate::store) mod state;

use self::state::FollowState;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::item::{boolean, number, string};
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{mapping_key, profile_key, union_subject};
use crate::store::tables::{MappingsTable, UsersTable};
use crate::store::users::profiles::Profiles;
use crate::wechat::id::{AppId, OpenId, UnionId};

/// The followers of Official Accounts.
#[derive(Clone, Debug)]
pub struct Followers {
    pub(super) profiles: Profiles,
    pub(super) mappings: Table,
}

impl Followers {
    /// The followers in these tables.
    pub fn new(users: &UsersTable, mappings: &MappingsTable) -> Self {
        Self { profiles: Profiles::new(users), mappings: mappings.0.clone() }
    }

    /// What is known of whether a user follows.
    pub async fn state(&self, app_id: &AppId, open_id: &OpenId) -> Result<FollowState, AwsError> {
        Ok(FollowState::read(&self.profiles.read(app_id, open_id).await?))
    }

    /// Stores `next`, which was made of `known`, and returns it as it is from then on.
    /// None if something else was stored in the meantime: then it has to be made anew.
    pub async fn store(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        known: &FollowState,
        next: FollowState,
    ) -> Result<Option<FollowState>, AwsError> {
        let writes = self.writes(app_id, open_id, known, &next);
        let action = "storing whether a user follows";
        let stored = self.profiles.table.transact(action, writes).await?;
        Ok(stored.then(|| FollowState { version: next.version + 1, ..next }))
    }

    /// What has to be written together for one user: the profile first.
    fn writes(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        known: &FollowState,
        next: &FollowState,
    ) -> Vec<Write> {
        let profile = Write::update(&self.profiles.table, profile_key(app_id, open_id));
        let mut writes = vec![next.write(profile)];
        // A person who is no longer this follower doesn't follow.
        let people = [
            known.union_id.as_ref(),
            next.union_id.as_ref().filter(|next| Some(*next) != known.union_id.as_ref()),
        ];
        if let Some(state) = next.state {
            for union_id in people.into_iter().flatten() {
                let follows = state.follows && next.union_id.as_ref() == Some(union_id);
                writes.push(self.mapping(union_id, app_id, open_id, follows, state.at));
            }
        }
        writes
    }

    fn mapping(
        &self,
        union_id: &UnionId,
        app_id: &AppId,
        open_id: &OpenId,
        follows: bool,
        at: Timestamp,
    ) -> Write {
        let key = mapping_key(union_subject(union_id), app_id.as_str());
        Write::update(&self.mappings, key)
            .set("open_id", string(open_id.as_str()))
            .set("follows", boolean(follows))
            .set("state_time", number(at))
    }
}
