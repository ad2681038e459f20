//! The command `erase`: deletes what is stored about a person.

use super::person_selector::PersonSelector;
use crate::app::App;
use crate::error::LoginError;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::store::{ErasedAgain, TOMBSTONE_TTL};

/// Erases a person, as far as the time until `deadline` allows. The response counts the
/// deleted rows and lists what is retained. A repeated command resumes the erasure.
pub(super) async fn erase(
    app: &App,
    selector: &PersonSelector,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, LoginError> {
    let query = selector.query(app, now).await?;
    let erased = app.erasure().await?.run(&query, now, deadline).await?;
    let complete = erased.complete;
    tracing::info!(user = erased.person, complete, deleted = ?erased.deleted, "erased a person");
    let mut response = json!({
        "user": erased.person,
        "complete": complete,
        "deleted": erased.deleted,
        "retained": retained(),
    });
    if !erased.previous_users.is_empty() {
        response["previous_users"] = json!(erased.previous_users);
    }
    if complete {
        response["tombstone_expires_at"] = json!(now.plus(TOMBSTONE_TTL));
    } else {
        response["next"] = json!(OUT_OF_TIME);
    }
    Ok(response)
}

/// Erases everybody on the list of erased people once more, as far as the time until
/// `deadline` allows. A repeated command resumes.
pub(super) async fn erase_again(
    app: &App,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, LoginError> {
    let ErasedAgain { people, deleted, complete } =
        app.erasure().await?.again(now, deadline).await?;
    tracing::info!(people, complete, ?deleted, "erased again whom a restored table had");
    let mut response = json!({
        "people": people,
        "complete": complete,
        "deleted": deleted,
        "retained": retained(),
    });
    if !complete {
        response["next"] = json!(OUT_OF_TIME);
    }
    Ok(response)
}

const OUT_OF_TIME: &str = "the time ran out; invoke again with the same command";

fn retained() -> Vec<Value> {
    RETAINED.iter().map(|(what, why)| json!({ "what": what, "why": why })).collect()
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
        "events that can't be read, for as long as all events: those of another person that name this one",
        "they are the other person's; those that name only this one are deleted, also where the openid is escaped",
    ),
    (
        "backups of the tables, for 35 days (point-in-time recovery), and hashes of the person's ids, for 37",
        "AWS keeps the backups whole; after restoring a table, {\"erase_again\": {}} finds by the hashes who has to be erased from it once more, and they lead to no one",
    ),
    (
        "the random id in logs, as long as the logs are kept",
        "nothing leads from it to a person any more",
    ),
    (
        "what has left the tables: the events table's stream for a day, requests on the notifications queue for 4 days and on a dead-letter queue for 14, events on an EventBridge bus with its archives and receivers, your own data",
        "this function has no access to them; a request that is read later finds no one; WeChat erases on the person's own request",
    ),
];
