//! What is deleted when a user leaves: WeChat's rules ask for it, and what they had
//! agreed to or begun has ended.
//!
//! The profile says when the user left (`left_at`). Whatever was begun until then is
//! deleted here, and isn't stored any more when its event is late
//! ([`not_erased_condition`](super::profiles::not_erased_condition)).

use super::phone_numbers;
use super::reply_windows::FOLLOW_WINDOW;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::delete_all::MAX_CONCURRENCY;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{item_key, user_key};
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::{AppId, OpenId};
use std::collections::BTreeMap;

/// The items that follow from one event of the user's, from WeChat's response to a send
/// to them, or from what they submitted: the prefix of the sort key, the attribute that
/// holds its second, and the name of the kind.
const ERASED_ITEMS: [(&str, &str, &str); 6] = [
    ("window#", "opened_at", "windows"),
    ("consent#", "granted_at", "consents"),
    ("withdrawn#", "withdrawn_at", "withdrawals"),
    ("refused#", "refused_at", "refusals"),
    ("form#", "submitted_at", "form_ids"),
    (phone_numbers::ITEM, "confirmed_at", "phone_numbers"),
];

/// What has been deleted, by its kind.
pub type ErasedItems = BTreeMap<&'static str, u64>;

aggregate! {
    /// What users have beside their profiles.
    pub struct UserItems { table: UsersTable }
}

impl UserItems {
    /// Deletes the customer-service windows, the consents, the form ids and the phone
    /// number that a user has had until `until`. If they `follow` all the same, since
    /// that very second, the window that it opened stays.
    pub async fn erase(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        follows: bool,
    ) -> Result<ErasedItems, AwsError> {
        Ok(self.erase_by(app_id, open_id, until, follows, Timestamp(u64::MAX)).await?.0)
    }

    /// As [`UserItems::erase`], and returns whether it was all: `deadline` may come
    /// before.
    pub async fn erase_by(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        follows: bool,
        deadline: Timestamp,
    ) -> Result<(ErasedItems, bool), AwsError> {
        const ACTION: &str = "erasing the items of a user";
        let user = user_key(app_id, open_id);
        let mut query = Query::with_key(attr("user").equals(string(&user)));
        let mut erased = ErasedItems::new();
        loop {
            let page = self.table.read_page(ACTION, query.clone()).await?;
            let begun: Vec<_> =
                page.items.iter().filter_map(|row| erasable(row, until, follows)).collect();
            for some in begun.chunks(MAX_CONCURRENCY) {
                if Timestamp::now() >= deadline {
                    return Ok((erased, false));
                }
                let deletions = some.iter().map(async |(item, attribute, kind)| {
                    let delete = Write::delete(&self.table, item_key(&user, *item))
                        .when(attr(*attribute).at_most(number(until)));
                    let deleted = self.table.write(ACTION, delete).await?;
                    Ok::<_, AwsError>(deleted.then_some(*kind))
                });
                let deleted = futures_util::future::try_join_all(deletions).await?;
                for kind in deleted.into_iter().flatten() {
                    *erased.entry(kind).or_default() += 1;
                }
            }
            let Some(next) = page.next else { return Ok((erased, true)) };
            query = query.start(Some(next));
        }
    }

    /// The last second of which the user has anything that [`UserItems::erase`] deletes.
    pub(in crate::store) async fn latest(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<Timestamp>, AwsError> {
        let query = Query::with_key(attr("user").equals(string(user_key(app_id, open_id))));
        let found = self.table.read_all("reading the items of a user", query).await?;
        let times = found.iter().flat_map(|item| {
            ERASED_ITEMS.iter().filter_map(|(_, attribute, _)| get_time(item, attribute))
        });
        Ok(times.max())
    }
}

/// What an item is deleted by: its sort key, the attribute of its second, and its kind.
fn erasable(
    row: &Item,
    until: Timestamp,
    follows: bool,
) -> Option<(&str, &'static str, &'static str)> {
    let item = get_string(row, "item")?;
    let (_, attribute, kind) =
        ERASED_ITEMS.into_iter().find(|(prefix, ..)| item.starts_with(prefix))?;
    let begun = get_time(row, attribute)?;
    let stays = follows && begun == until && item == FOLLOW_WINDOW;
    (begun <= until && !stays).then_some((item, attribute, kind))
}
