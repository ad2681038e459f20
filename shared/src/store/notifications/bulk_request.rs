//! A request of several recipients has a row of its own, under its id: the notifications
//! are named after it, so the same id with another list of recipients would reach some of
//! them and not others.

use super::Notifications;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{get_string, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::id_key;

impl Notifications {
    /// Records a request of several recipients, before anything of it is done. False if
    /// its id was used for another request, or for a notification to one person. The row
    /// is kept for the retention from `until`, when the last of it is due.
    pub async fn record_bulk_request(
        &self,
        id: &str,
        request_hash: &str,
        recipients: usize,
        until: Timestamp,
    ) -> Result<bool, AwsError> {
        let is_same =
            attr("recipients").exists().and(attr("request_hash").equals(string(request_hash)));
        let update = Write::update(&self.table, id_key(id))
            .set("recipients", number(u64::try_from(recipients).unwrap_or(u64::MAX)))
            .set("request_hash", string(request_hash))
            .set("expires", number(until.plus(self.table.retention())))
            .when(attr("id").not_exists().or(is_same));
        self.table.write("recording a request of several recipients", update).await
    }

    /// The hash of the request that an id was used for, if it was.
    pub async fn request_hash(&self, id: &str) -> Result<Option<String>, AwsError> {
        let found = self.table.read("looking for a request", id_key(id)).await?;
        Ok(found.as_ref().and_then(|row| get_string(row, "request_hash")).map(str::to_owned))
    }
}
