//! What others' code is told of an event.
//!
//! An EventBridge Pipe that reads the stream of the events table invokes this
//! function for its enrichment: with the records as they are, for an answer with
//! what is to be passed on, one object for each new event. See "Event enrichment
//! in Amazon EventBridge Pipes" in the EventBridge user guide.

use crate::app::App;
use crate::stream::arrivals;
use serde::Serialize;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::store::StoredEvent;
use shared::wechat::id::{AppId, OpenId};
use shared::wechat::push::Push;

/// The shape of [`Forwarded`]. It counts up when a field is removed or comes to
/// mean something else; new ones may be added to it at any time.
const VERSION: u32 = 1;

/// One event, as others' code gets it. The same one may come more than once, and
/// after younger ones; `app_id`, `open_id` and `event` together tell it from all
/// others.
#[derive(Debug, Serialize)]
pub(crate) struct Forwarded {
    /// 1: see [`VERSION`].
    version: u32,
    /// The app's alias; null if it is no longer under `/apps`.
    app: Option<String>,
    /// The app, as WeChat calls it.
    app_id: AppId,
    /// The user it is about, in this app.
    open_id: OpenId,
    /// WeChat's word for what happened, in lower case: the `MsgType` of a
    /// message, the `Event` of an event.
    kind: String,
    /// When it happened, by WeChat's clock: seconds since 1970.
    create_time: Timestamp,
    /// When it was written down: seconds since 1970.
    received_at: Timestamp,
    /// The sort key of its row in the events table.
    event: String,
    /// All that WeChat sent, under WeChat's own names. What came as XML has only
    /// strings; elements of one name are an array.
    message: Value,
}

/// Tells of the new events among the records, and does nothing else. What is no
/// new event is left out.
pub(crate) async fn enrich(app: &App, records: Vec<Value>, now: Timestamp) -> Vec<Forwarded> {
    let mut all = Vec::with_capacity(records.len());
    for arrival in arrivals(records).0 {
        let apps = app.apps(now, Some(&arrival.event.app_id)).await;
        let alias = apps.by_id(&arrival.event.app_id).map(|app| app.alias.clone());
        let app_id = arrival.event.app_id.clone();
        match forwarded(arrival.event, alias) {
            Some(event) => all.push(event),
            None => tracing::error!(%app_id, "an event that can't be read isn't forwarded"),
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
    fn the_documented_shape() {
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
