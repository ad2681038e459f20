//! Deleting the events of a user who is erased.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{number, string};
use crate::store::dynamodb::query::Query;
use crate::store::events::Events;
use crate::store::keys::user_key;
use crate::wechat::id::{AppId, OpenId};

impl Events {
    /// Deletes the events of a user that were received until `until`. Returns how many,
    /// and whether it was all of them: `deadline` may come before.
    pub(in crate::store) async fn delete_of(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
        deadline: Timestamp,
    ) -> Result<(u64, bool), AwsError> {
        let query = Query::with_key(attr("user").equals(string(user_key(app_id, open_id))))
            .filter(attr("received_at").at_most(number(until)))
            .attributes(&["user", "event"]);
        self.table.delete_all("deleting the events of a user", query, deadline).await
    }
}
