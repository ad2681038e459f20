//! The events of subscription messages and subscription notifications.
//!
//! Source: WeChat's documentation, "订阅消息语音提醒/事件推送".

use crate::push::event::{Event, Field};

/// A user changed consents in the settings.
pub(crate) const CHANGE_EVENT: &str = "subscribe_msg_change_event";

/// The end of a message: `success`, or why WeChat didn't deliver it.
pub(crate) fn sent(template_id: &str, msgid: i64, status: &str) -> Event {
    // WeChat documents the code of a success only.
    let errcode = i64::from(status != "success");
    Event::new("subscribe_msg_sent_event").with_items(vec![vec![
        ("TemplateId".to_owned(), Field::text(template_id)),
        ("MsgID".to_owned(), Field::Number(msgid.into())),
        ("ErrorCode".to_owned(), Field::Number(errcode.into())),
        ("ErrorStatus".to_owned(), Field::text(status)),
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

/// A user confirmed a consent in the settings, for instance by turning its sound on.
pub(crate) fn confirmed(template_id: &str) -> Event {
    Event::new(CHANGE_EVENT).with_items(vec![vec![
        ("TemplateId".to_owned(), Field::text(template_id)),
        ("SubscribeStatusString".to_owned(), Field::text("acceptWithAudio")),
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
    Event::new(CHANGE_EVENT).with_items(template_ids.map(item).collect())
}
