//! Where a search through the events table goes on. DynamoDB goes on behind a
//! key only, and a key names a user: so the key is kept in the users table for a
//! while, under a random word that names nobody.

use super::EventCursor;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{Item, Users, get_string, get_time, item_of, number, string};

/// A place is kept this many seconds: a day.
const CURSOR_TTL: u64 = 24 * 3600;
/// The sort key of a place.
const ITEM: &str = "cursor";

/// A word leads to no place.
#[derive(Debug, thiserror::Error)]
#[error("no place to go on from; it is what an answer of the last 24 hours named, to the letter")]
pub struct InvalidCursor;

impl Users {
    /// Keeps a place for 24 hours: the word that leads back to it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn save_cursor(
        &self,
        position: &EventCursor,
        now: Timestamp,
    ) -> Result<String, AwsError> {
        let word = uuid::Uuid::new_v4().simple().to_string();
        let put = self
            .table
            .dynamodb
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(key(&word)))
            .item("of_user", string(&position.user))
            .item("of_event", string(&position.event))
            .item("expires", number(now.plus(CURSOR_TTL)));
        match put.send().await {
            Ok(_) => Ok(word),
            Err(error) => Err(AwsError::new(self.table.action("keeping a place"), &error)),
        }
    }

    /// The place to which a word leads.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn load_cursor(
        &self,
        word: &str,
        now: Timestamp,
    ) -> Result<Result<EventCursor, InvalidCursor>, AwsError> {
        let found = self.table.read("looking up a place", key(word)).await?;
        // DynamoDB takes up to some days to delete what has expired.
        let kept = found.filter(|item| get_time(item, "expires") > Some(now));
        let position = kept.and_then(|item| {
            let text = |name| get_string(&item, name).map(str::to_owned);
            Some(EventCursor { user: text("of_user")?, event: text("of_event")? })
        });
        Ok(position.ok_or(InvalidCursor))
    }
}

/// No user's key has this form: an app's id begins with `wx`.
fn key(word: &str) -> Item {
    item_of([("user", string(format!("cursor#{word}"))), ("item", string(ITEM))])
}
