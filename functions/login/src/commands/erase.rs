//! The command `erase`: deletes what is stored about a person.

use super::person_selector::PersonSelector;
use crate::app::App;
use crate::error::LoginError;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::store::TOMBSTONE_TTL;

/// Erases a person, as far as the time until `deadline` allows. The response counts the
/// deleted rows and lists what is retained. A repeated command resumes the erasure.
pub(super) async fn erase(
    app: &App,
    selector: &PersonSelector,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, LoginError> {
    let query = selector.query(app, now).await?;
    let erased = app.erasure.run(&query, now, deadline).await?;
    let complete = erased.complete;
    tracing::info!(user = erased.person, complete, deleted = ?erased.deleted, "erased a person");
    let mut response = json!({
        "user": erased.person,
        "complete": complete,
        "deleted": erased.deleted,
        "retained": RETAINED.map(|(what, why)| json!({ "what": what, "why": why })),
    });
    if !erased.previous_users.is_empty() {
        response["previous_users"] = json!(erased.previous_users);
    }
    if complete {
        response["tombstone_expires_at"] = json!(now.plus(TOMBSTONE_TTL));
    } else {
        response["next"] = json!("the time ran out; invoke again with the same command");
    }
    Ok(response)
}

/// What an erasure retains, and why.
const RETAINED: [(&str, &str); 8] = [
    (
        "a tombstone for each app, for a day after the erasure: the openid, and the time of the erasure",
        "without it, an event that WeChat delivers late would make the person known again",
    ),
    (
        "access tokens that were issued, for 15 minutes at most",
        "they name a random id that leads to nothing, and can't be revoked",
    ),
    (
        "the result of a login code for a minute, and the number of wrong passwords for an hour",
        "both are stored under hashes; one has the random id, which leads to nothing, the other no data; DynamoDB removes both within two days",
    ),
    (
        "notifications that were sent: your id, channel, app, time and outcome, for 30 days",
        "by them a repeated request isn't sent twice; they name no recipient and have no content",
    ),
    (
        "events that can't be read and don't name the openid in clear, for 30 days",
        "nothing in them leads to a person; those that name the openid are deleted",
    ),
    (
        "backups of the tables, for 35 days (point-in-time recovery)",
        "AWS keeps them whole and deletes them by itself; after restoring one, erase again",
    ),
    (
        "the random id in logs, as long as the logs are kept",
        "nothing leads from it to a person any more",
    ),
    (
        "what other systems have: events on an EventBridge bus, messages on the queues, your own data",
        "this function has no access to them; WeChat erases on the person's own request",
    ),
];
