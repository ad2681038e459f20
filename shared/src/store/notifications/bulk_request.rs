//! A request of several recipients has a row of its own, under its id: the notifications
//! are named after it, so the same id with another list of recipients would reach some of
//! them and not others.

use super::Notifications;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_number, get_string, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::id_key;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeMap;

/// A request of several recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkRequest {
    /// Tells it from another request under the same id.
    pub hash: String,
    /// The number of its recipients.
    pub recipients: usize,
    /// Recipients that are a person who stands earlier in the list: their index, and that
    /// of the earlier one. They have no notification.
    pub duplicates: BTreeMap<usize, usize>,
}

impl BulkRequest {
    /// Reads a row of the table; none if it is no request of several recipients.
    pub fn read(item: &Item) -> Option<Self> {
        let duplicates = item.get("duplicates").and_then(|value| value.as_m().ok());
        let duplicates = duplicates.into_iter().flatten().filter_map(|(index, first)| {
            Some((index.parse().ok()?, first.as_n().ok()?.parse().ok()?))
        });
        Some(Self {
            hash: get_string(item, "request_hash")?.to_owned(),
            recipients: get_number(item, "recipients")?,
            duplicates: duplicates.collect(),
        })
    }
}

/// What an id was used for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsedId {
    /// Nothing.
    Unused,
    /// A request of several recipients.
    BulkRequest(BulkRequest),
    /// A notification to one person.
    Notification,
}

impl Notifications {
    /// Records a request of several recipients, before anything of it is done. False if
    /// its id was used for another request, or for a notification to one person. The row
    /// is kept for the retention from `until`, when the last of it is due.
    pub async fn record_bulk_request(
        &self,
        id: &str,
        request: &BulkRequest,
        until: Timestamp,
    ) -> Result<bool, AwsError> {
        let hash = string(&request.hash);
        let is_same = attr("recipients").exists().and(attr("request_hash").equals(hash.clone()));
        let index = |index: usize| number(u64::try_from(index).unwrap_or(u64::MAX));
        let duplicates = &request.duplicates;
        let duplicates = duplicates.iter().map(|(at, first)| (at.to_string(), index(*first)));
        let duplicates = AttributeValue::M(duplicates.collect());
        let update = Write::update(&self.table, id_key(id))
            .set("recipients", index(request.recipients))
            .set("request_hash", hash)
            .set_or_remove("duplicates", (!request.duplicates.is_empty()).then_some(duplicates))
            .set("expires", number(until.plus(self.table.retention())))
            .when(attr("id").not_exists().or(is_same));
        self.table.write("recording a request of several recipients", update).await
    }

    /// What the id was used for.
    pub async fn used_id(&self, id: &str) -> Result<UsedId, AwsError> {
        let found = self.table.read("looking for a request", id_key(id)).await?;
        Ok(found.map_or(UsedId::Unused, |row| {
            BulkRequest::read(&row).map_or(UsedId::Notification, UsedId::BulkRequest)
        }))
    }
}
