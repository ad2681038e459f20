//! Forwards events to other systems.
//!
//! An EventBridge Pipe reads the stream of the events table and invokes this function as
//! its enrichment: with the stream records, for a response with one object for each new
//! event. See "Event enrichment in Amazon EventBridge Pipes" in the EventBridge user guide.

use crate::app::App;
use crate::stream::inserted_events;
use serde::Serialize;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::store::StoredEvent;
use shared::wechat::id::{AppId, OpenId};
use shared::wechat::push::Push;

/// The version of [`Forwarded`]. It is increased when a field is removed or changes its
/// meaning; fields may be added without it.
const VERSION: u32 = 1;

/// One event, as other systems receive it. Delivery is at least once and unordered;
/// `app_id`, `open_id` and `event` together identify the event.
#[derive(Debug, Serialize)]
pub(crate) struct Forwarded {
    /// See [`VERSION`].
    version: u32,
    /// The app's alias; null if it is no longer under `/apps`.
    app: Option<String>,
    /// WeChat's id of the app.
    app_id: AppId,
    /// The user's openid in this app.
    open_id: OpenId,
    /// WeChat's `MsgType` of a message or `Event` of an event, in lower case.
    kind: String,
    /// WeChat's time of the event, in seconds since 1970.
    create_time: Timestamp,
    /// The time when it was stored, in seconds since 1970.
    received_at: Timestamp,
    /// The sort key of its row in the events table.
    event: String,
    /// The message with WeChat's own names. An XML message has only strings; elements of
    /// the same name become an array.
    message: Value,
}

/// Returns the new events among the records, and changes nothing.
pub(crate) async fn enrich(app: &App, records: Vec<Value>, now: Timestamp) -> Vec<Forwarded> {
    let mut all = Vec::with_capacity(records.len());
    for inserted in inserted_events(records).0 {
        let app_id = inserted.event.app_id.clone();
        let apps = app.apps(now, Some(&app_id)).await;
        let alias = apps.by_id(&app_id).map(|app| app.alias.clone());
        match forwarded(inserted.event, alias) {
            Some(event) => all.push(event),
            None => tracing::error!(%app_id, "an unreadable event is not forwarded"),
        }
    }
    all
}

fn forwarded(event: StoredEvent, app: Option<String>) -> Option<Forwarded> {
    let push = Push::read(&event.app_id, &event.body).ok()?;
    Some(Forwarded {
        version: VERSION,
        app,
        open_id: push.from,
        kind: event.kind,
        create_time: push.create_time,
        received_at: event.received_at,
        event: event.event,
        message: push.tree,
        app_id: event.app_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forwarded_event_has_the_documented_shape() {
        let event: StoredEvent = serde_json::from_value(json!({
            "user": "wx1#oAnn", "event": "1795186923#msg-9007199254740993", "app_id": "wx1",
            "kind": "text", "received_at": 1_795_186_924,
            "body": "<xml><ToUserName>gh_1</ToUserName><FromUserName>oAnn</FromUserName>\
                <CreateTime>1795186923</CreateTime><MsgType>text</MsgType><Content>hi</Content>\
                <MsgId>9007199254740993</MsgId></xml>",
        }))
        .unwrap();
        let forwarded = forwarded(event, Some("shop".to_owned())).unwrap();
        assert_eq!(
            json!(forwarded),
            json!({
                "version": 1, "app": "shop", "app_id": "wx1", "open_id": "oAnn", "kind": "text",
                "create_time": 1_795_186_923, "received_at": 1_795_186_924,
                "event": "1795186923#msg-9007199254740993",
                "message": {
                    "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": "1795186923",
                    "MsgType": "text", "Content": "hi", "MsgId": "9007199254740993",
                },
            })
        );
    }
}
