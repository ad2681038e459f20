//! What has to be tried, now.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{Item, get_string, get_time, number, string};
use crate::wechat::id::AppId;

/// Where one event stands: its key.
#[derive(Clone, Debug)]
pub struct DueEvent {
    key: Item,
}

impl DueEvent {
    fn new(mut item: Item) -> Self {
        item.retain(|name, _| name == "user" || name == "event");
        Self { key: item }
    }

    /// The partition key, which all events of one user share.
    pub fn user(&self) -> Option<&str> {
        get_string(&self.key, "user")
    }
}

impl Events {
    /// The events of one app that have not taken effect and are due by `now`,
    /// the longest due first, at most `limit`. `after` goes on where an earlier
    /// answer ended.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn due(
        &self,
        app_id: &AppId,
        now: Timestamp,
        limit: i32,
        after: Option<Item>,
    ) -> Result<(Vec<DueEvent>, Option<Item>), AwsError> {
        let found = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .index_name("pending")
            .key_condition_expression("pending = :app AND due_at <= :now")
            .expression_attribute_values(":app", string(app_id.as_str()))
            .expression_attribute_values(":now", number(now))
            .set_exclusive_start_key(after)
            .limit(limit)
            .send()
            .await
            .map_err(|error| {
                AwsError::new(self.table.action("looking for pending events"), &error)
            })?;
        let keys = found.items.unwrap_or_default().into_iter().map(DueEvent::new);
        Ok((keys.collect(), found.last_evaluated_key))
    }

    /// The events of apps that aren't among `known`, of the first `limit` that
    /// have not taken effect, if they are due by `now`. Nobody asks for those app
    /// by app. Usually so few wait that this sees all.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn orphaned(
        &self,
        known: &[&AppId],
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<DueEvent>, AwsError> {
        let found = self
            .table
            .dynamodb
            .scan()
            .table_name(&self.table.name)
            .index_name("pending")
            .limit(limit)
            .send()
            .await
            .map_err(|error| {
                AwsError::new(self.table.action("looking for events of unknown apps"), &error)
            })?;
        let items = found.items.unwrap_or_default().into_iter().filter(|item| {
            let app_id = get_string(item, "pending");
            let is_known = known.iter().any(|known| app_id == Some(known.as_str()));
            !is_known && get_time(item, "due_at") <= Some(now)
        });
        Ok(items.map(DueEvent::new).collect())
    }

    /// Reads an event that was due, if it still is and has to take effect: the
    /// index is always a little behind. A row that is no event is set aside.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer, or the row is no event.
    pub async fn get_due(
        &self,
        due: &DueEvent,
        now: Timestamp,
    ) -> Result<Option<StoredEvent>, AwsError> {
        const PROBLEM: &str = "the row is no event";
        let found = self.table.read("reading an event", due.key.clone()).await?;
        let is_due =
            |item: &Item| item.contains_key("pending") && get_time(item, "due_at") <= Some(now);
        let Some(item) = found.filter(is_due) else { return Ok(None) };
        if let Ok(event) = serde_dynamo::from_item(item) {
            return Ok(Some(event));
        }
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(due.key.clone()))
            .update_expression(
                "SET problem = :problem, quarantined_at = :now REMOVE pending, due_at",
            )
            .condition_expression("attribute_exists(pending)")
            .expression_attribute_values(":problem", string(PROBLEM))
            .expression_attribute_values(":now", number(now));
        self.table.conditional("setting a row aside", update.send().await)?;
        Err(AwsError::unexpected(self.table.action("reading an event"), PROBLEM))
    }
}
