//! Where a scan of the events table resumes. DynamoDB resumes after a key only, and a key
//! names a user: so the key is stored in the users table for a while, under a random
//! token that identifies no person.

use super::scan::EventCursor;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::item_key;
use crate::store::tables::{UsersTable, aggregate};

/// How long a cursor is stored, in seconds: a day.
const CURSOR_TTL: u64 = 24 * 3600;

/// A token of no stored cursor.
#[derive(Debug, thiserror::Error)]
#[error("not a valid token; give the next_token of a response of the last 24 hours, verbatim")]
pub struct InvalidCursor;

aggregate! {
    /// The cursors of scans.
    pub struct EventCursors { table: UsersTable }
}

impl EventCursors {
    /// Stores a cursor for 24 hours, and returns its token.
    pub async fn save(&self, cursor: &EventCursor, now: Timestamp) -> Result<String, AwsError> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut item = key(&token);
        item.extend([
            ("of_user".to_owned(), string(&cursor.user)),
            ("of_event".to_owned(), string(&cursor.event)),
            ("expires".to_owned(), number(now.plus(CURSOR_TTL))),
        ]);
        self.table.write("storing a cursor", Write::put(&self.table, item)).await?;
        Ok(token)
    }

    /// The cursor of a token.
    pub async fn load(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Result<EventCursor, InvalidCursor>, AwsError> {
        let found = self.table.read("reading a cursor", key(token)).await?;
        // DynamoDB takes up to some days to delete what has expired.
        let valid = found.filter(|item| get_time(item, "expires") > Some(now));
        let cursor = valid.and_then(|item| {
            let text = |name| get_string(&item, name).map(str::to_owned);
            Some(EventCursor { user: text("of_user")?, event: text("of_event")? })
        });
        Ok(cursor.ok_or(InvalidCursor))
    }
}

/// No user's key has this form: an app's id begins with `wx`.
fn key(token: &str) -> Item {
    item_key(format!("cursor#{token}"), "cursor")
}
