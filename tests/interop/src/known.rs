//! What the peers are known to refuse or to misread of a push, or to reply to it, and why
//! that is theirs.

use serde_json::Value;

/// What is known of one peer and one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownReading {
    /// Both sides read the same.
    Alike,
    /// The peer takes the push for an error.
    Refused,
    /// The peer reads something else in these places.
    Misread(&'static [&'static str]),
}

impl KnownReading {
    /// What is known of this push, under WeChat's names. What has gone is as much a failure
    /// as what is new.
    pub(crate) fn for_push(peer: &str, format: &str, push: &Value) -> Self {
        let event = push["Event"].as_str().unwrap_or_default();
        match (peer, format, event) {
            // It takes one name in two spellings for one: MsgID is MsgId, and AppID AppId.
            ("WxJava", "xml", _) | ("silenceper/wechat", "json", _) if !push["MsgID"].is_null() => {
                Self::Misread(&["MsgId"])
            }
            ("silenceper/wechat", "json", "user_authorization_revoke") => Self::Misread(&["AppId"]),
            // It has room for one item of an event in XML, and keeps the last.
            ("silenceper/wechat", "xml", "subscribe_msg_popup_event")
                if push["List"][1].is_object()
                    || push["SubscribeMsgPopupEvent"]["List"][1].is_object() =>
            {
                Self::Misread(&[
                    "List/SubscribeStatusString",
                    "List/TemplateId",
                    "List/SubscribeStatusString",
                    "List/TemplateId",
                ])
            }
            // In JSON it takes no text for a number, and no object for a list.
            ("silenceper/wechat", "json", "pic_sysphoto" | "pic_photo_or_album" | "pic_weixin")
                if push["SendPicsInfo"]["PicList"].is_object() =>
            {
                Self::Refused
            }
            ("silenceper/wechat", "json", "location_select") => Self::Refused,
            ("silenceper/wechat", "json", "")
                if push["MsgType"] == "location" || push["bizmsgmenuid"].is_string() =>
            {
                Self::Refused
            }
            // It has room for one picture, and keeps the last.
            (
                "ArtisanCloud/PowerWeChat",
                "xml",
                "pic_sysphoto" | "pic_photo_or_album" | "pic_weixin",
            ) if push["SendPicsInfo"]["PicList"][1].is_object()
                || push["SendPicsInfo"]["PicList"]["item"][1].is_object() =>
            {
                Self::Misread(&["SendPicsInfo/PicList/PicMd5Sum", "SendPicsInfo/PicList/PicMd5Sum"])
            }
            // Neither takes a text in JSON for a number.
            ("silenceper/wechat" | "ArtisanCloud/PowerWeChat", "json", event)
                if event.starts_with("subscribe_msg_") =>
            {
                Self::Refused
            }
            // It takes a text in JSON for one in base64.
            ("ArtisanCloud/PowerWeChat", "json", "") if push["MsgType"] == "text" => Self::Refused,
            _ => Self::Alike,
        }
    }
}

/// Why the sandbox is known to refuse a peer's replies to pushes in this format.
pub(crate) fn reply_refusal(peer: &str, format: &str) -> Option<&'static str> {
    // It writes a date with its time zone where WeChat has a number.
    (peer == "ArtisanCloud/PowerWeChat" && format == "xml")
        .then_some("CreateTime is not a number of seconds")
}

/// Whether the differences are in these places, and all of them.
pub(crate) fn are_at(differences: &[String], places: &[&str]) -> bool {
    differences.len() == places.len()
        && differences
            .iter()
            .zip(places)
            .all(|(line, at)| line.strip_prefix(at).is_some_and(|rest| rest.starts_with(": ")))
}
