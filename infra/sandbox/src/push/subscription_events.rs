//! The events of subscription messages and subscription notifications.
//!
//! Source: WeChat's documentation, "订阅消息语音提醒/事件推送".

use crate::push::event::{Event, Field};

/// A message was sent.
pub(crate) fn sent(template_id: &str, msgid: i64) -> Event {
    Event::new("subscribe_msg_sent_event").with_items(vec![vec![
        ("TemplateId".to_owned(), Field::text(template_id)),
        ("MsgID".to_owned(), Field::Number(msgid.into())),
        ("ErrorCode".to_owned(), Field::Number(0.into())),
        ("ErrorStatus".to_owned(), Field::text("success")),
    ]])
}

/// A user answered a request for consent. `popup_scene` is 0 on a page of the Mini Program, 1
/// on a web page, and 2 in an article of the Official Account.
pub(crate) fn answered(template_id: &str, accept: bool, popup_scene: u8) -> Event {
    Event::new("subscribe_msg_popup_event").with_items(vec![vec![
        ("TemplateId".to_owned(), Field::text(template_id)),
        ("SubscribeStatusString".to_owned(), Field::text(if accept { "accept" } else { "reject" })),
        ("PopupScene".to_owned(), Field::Number(popup_scene.into())),
    ]])
}

/// A user turned these templates off in the settings.
pub(crate) fn turned_off<'a>(template_ids: impl Iterator<Item = &'a String>) -> Event {
    let item = |template_id: &'a String| {
        vec![
            ("TemplateId".to_owned(), Field::text(template_id)),
            ("SubscribeStatusString".to_owned(), Field::text("reject")),
        ]
    };
    Event::new("subscribe_msg_change_event").with_items(template_ids.map(item).collect())
}
