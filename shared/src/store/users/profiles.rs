//! Who a user of an app is.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, boolean, get_bool, get_number, get_string, number};
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::keys::profile_key;
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::{AppId, OpenId, UnionId};
use crate::wechat::user::FollowerDetails;

aggregate! {
    /// The profiles of users.
    pub struct Profiles { pub(in crate::store) table: UsersTable }
}

impl Profiles {
    /// The person behind a user, and whether they follow, each where it is known, up to
    /// a second ago.
    pub async fn identity(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<(Option<UnionId>, Option<bool>), AwsError> {
        let key = profile_key(app_id, open_id);
        let profile = self.table.read_eventually("reading a profile", key).await?;
        let profile = profile.unwrap_or_default();
        Ok((union_id(&profile), get_bool(&profile, "follows")))
    }

    /// Whether a user follows, if that is known, and what WeChat has told of them, up to a
    /// second ago.
    pub async fn follower(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<(Option<bool>, FollowerDetails), AwsError> {
        let key = profile_key(app_id, open_id);
        let profile = self.table.read_eventually("reading a profile", key).await?;
        let profile = profile.unwrap_or_default();
        Ok((get_bool(&profile, "follows"), follower_details(&profile)))
    }

    /// The whole profile, empty if there is none.
    pub(in crate::store) async fn read(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Item, AwsError> {
        let key = profile_key(app_id, open_id);
        Ok(self.table.read("reading a profile", key).await?.unwrap_or_default())
    }
}

/// The person that a profile or another row names.
pub(in crate::store) fn union_id(item: &Item) -> Option<UnionId> {
    get_string(item, "union_id").and_then(|id| UnionId::parse(id).ok())
}

/// What WeChat has told of a follower, in a profile.
pub(in crate::store) fn follower_details(item: &Item) -> FollowerDetails {
    let text = |name| get_string(item, name).map(str::to_owned);
    let tags = get_string(item, "tags").unwrap_or_default().split(',');
    FollowerDetails {
        subscribe_scene: text("scene"),
        qr_scene: get_number(item, "qr_scene"),
        qr_scene_str: text("qr_scene_str"),
        tagid_list: tags.filter_map(|tag| tag.parse().ok()).collect(),
        remark: text("remark"),
        language: text("language"),
    }
}

/// The condition that the user has not been erased since `at`, nor in that second.
///
/// The profile says in `left_at` when the user left last. Whatever was begun until then
/// is deleted, and must not be stored when its event is late.
pub(in crate::store) fn not_erased_condition(
    users: &Table,
    app_id: &AppId,
    open_id: &OpenId,
    at: Timestamp,
) -> Write {
    let condition = attr("left_at").not_exists().or(attr("left_at").less_than(number(at)));
    Write::check(users, profile_key(app_id, open_id), condition)
}

/// As [`not_erased_condition`], for a follow: if the user left and followed in the same
/// second, what WeChat answered about them decides.
pub(in crate::store) fn still_following_condition(
    users: &Table,
    app_id: &AppId,
    open_id: &OpenId,
    at: Timestamp,
) -> Write {
    let follows = attr("left_at")
        .equals(number(at))
        .and(attr("state_time").equals(number(at)))
        .and(attr("follows").equals(boolean(true)));
    let condition =
        attr("left_at").not_exists().or(attr("left_at").less_than(number(at))).or(follows);
    Write::check(users, profile_key(app_id, open_id), condition)
}
