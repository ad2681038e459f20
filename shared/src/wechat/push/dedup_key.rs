//! The deduplication key of a push.
//!
//! WeChat delivers a push up to three times until it is acknowledged. A message has a
//! `MsgId`; an event has none. For events WeChat's documentation recommends `FromUserName`
//! and `CreateTime`, but two events of a user can share a second: two tapped menu items, two
//! consents.
//!
//! Source: WeChat's documentation, ["接收普通消息"] (receiving messages) and ["接收事件推送"]
//! (receiving events), each under 重试 (retries).
//!
//! ["接收普通消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
//! ["接收事件推送"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html

use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::wire::fields::Fields;
use sha2::{Digest, Sha256};

/// The key of a push among those of one app, user and second.
///
/// `names` are its MsgType and, for an event, its name, in lower case.
pub(super) fn dedup_key(
    app_id: &AppId,
    from: &OpenId,
    create_time: Timestamp,
    names: [&str; 2],
    fields: Fields<'_>,
) -> String {
    let is_message = names[1].is_empty();
    match fields.id("MsgId").filter(|_| is_message) {
        Some(id) => format!("msg-{id}"),
        None => hash(app_id, from, create_time, names, fields),
    }
}

/// A hash of the fields in which two events of one second usually differ. Events that
/// differ in another field have the same key, and the store compares their bodies.
fn hash(
    app_id: &AppId,
    from: &OpenId,
    create_time: Timestamp,
    names: [&str; 2],
    fields: Fields<'_>,
) -> String {
    let mut items: Vec<_> = fields
        .items()
        .into_iter()
        .map(|item| [item.text("TemplateId"), item.text("MsgID")])
        .collect();
    items.sort_unstable();

    let mut sha = Sha256::new();
    // The length in front keeps the parts apart.
    let mut part = |text: &str| {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text.as_bytes());
    };
    part(app_id.as_str());
    part(from.as_str());
    part(&create_time.to_string());
    names.into_iter().for_each(&mut part);
    for name in ["EventKey", "MsgID", "MsgId"] {
        part(&fields.text(name));
    }
    items.iter().flatten().for_each(|text| part(text));
    sha.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event_key(event: &str, tree: &Value) -> String {
        let app_id = AppId::parse("wx1").unwrap();
        let from = OpenId::parse("oAnn").unwrap();
        dedup_key(&app_id, &from, Timestamp(1_700_000_000), ["event", event], Fields(tree))
    }

    fn message_key(tree: &Value) -> String {
        let app_id = AppId::parse("wx1").unwrap();
        let from = OpenId::parse("oAnn").unwrap();
        dedup_key(&app_id, &from, Timestamp(1_700_000_000), ["text", ""], Fields(tree))
    }

    #[test]
    fn message_has_its_id_as_key() {
        assert_eq!(
            message_key(&json!({ "MsgId": 24_000_000_000_000_001_u64 })),
            "msg-24000000000000001"
        );
        let odd = message_key(&json!({ "MsgId": "1#2" }));
        assert_eq!(odd.len(), 32);
        assert_ne!(odd, message_key(&json!({ "MsgId": "1#3" })));
    }

    /// Fault 9.
    #[test]
    fn events_of_one_second_have_different_keys() {
        let popup = |template: &str| json!({ "List": { "TemplateId": template } });
        let keys = [
            event_key("click", &json!({ "EventKey": "a" })),
            event_key("click", &json!({ "EventKey": "b" })),
            event_key("scan", &json!({ "EventKey": "a" })),
            event_key("templatesendjobfinish", &json!({ "MsgID": "1" })),
            event_key("templatesendjobfinish", &json!({ "MsgID": "2" })),
            event_key("subscribe_msg_popup_event", &popup("A")),
            event_key("subscribe_msg_popup_event", &popup("B")),
            event_key("subscribe_msg_change_event", &popup("A")),
            event_key(
                "subscribe_msg_sent_event",
                &json!({ "List": { "TemplateId": "A", "MsgID": 1 } }),
            ),
            event_key(
                "subscribe_msg_sent_event",
                &json!({ "List": { "TemplateId": "A", "MsgID": 2 } }),
            ),
            event_key("subscribe", &json!({})),
            event_key("unsubscribe", &json!({})),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
    }

    #[test]
    fn repeated_event_has_the_same_key() {
        assert_eq!(
            event_key("subscribe", &json!({ "EventKey": "" })),
            event_key("subscribe", &json!({}))
        );
        assert_eq!(
            event_key(
                "x",
                &json!({ "SubscribeMsgPopupEvent": { "List": [{ "TemplateId": "A" }, { "TemplateId": "B" }] } })
            ),
            event_key("x", &json!({ "List": [{ "TemplateId": "B" }, { "TemplateId": "A" }] })),
        );
    }
}
