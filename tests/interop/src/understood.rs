//! What a peer and we have understood of the same push.

use serde_json::Value;
use shared::wechat::push::{
    ConsentAnswer, ConsentDecision, DeliveryReceipt, DeliveryStatus, Event, Message, Push, PushKind,
};
use std::collections::BTreeMap;

/// Texts by place: WeChat's names, with slashes between them.
type Texts = BTreeMap<String, String>;

/// Compares what a peer has read, under WeChat's names, with what we have. Gives how many of
/// our fields the peer has read alike.
///
/// # Errors
///
/// Each place in which something was lost or read otherwise, as a line.
pub(crate) fn compare(theirs: &Value, push: &Push) -> Result<usize, Vec<String>> {
    let (theirs, written, ours) = (texts(theirs), texts(&push.tree), fields(push));
    // Whatever they have read stands in our tree.
    let from_tree = theirs
        .iter()
        .filter(|(at, text)| written.get(*at).is_none_or(|ours| !is_same(text, ours)))
        .map(|(at, text)| format!("{at}: theirs {text:?}, our tree {:?}", written.get(at)));
    // Whatever we have read is the same there, if it is there.
    let from_fields = ours
        .iter()
        .filter(|(at, text)| theirs.get(*at).is_some_and(|theirs| !is_same(theirs, text)))
        .map(|(at, text)| format!("{at}: theirs {:?}, ours {text:?}", theirs.get(at)));
    let differences: Vec<_> = from_tree.chain(from_fields).collect();
    if !differences.is_empty() {
        return Err(differences);
    }
    Ok(ours.keys().filter(|at| theirs.contains_key(*at)).count())
}

/// All texts in `tree` that aren't empty.
fn texts(tree: &Value) -> Texts {
    let mut found = Texts::new();
    collect(String::new(), tree, &mut found);
    found
}

/// One object and a list of one are the same, as WeChat writes either. So are an element
/// with items and the items, and an event's list with and without its wrapper.
fn collect(at: String, value: &Value, found: &mut Texts) {
    let within = |name: &str| match name {
        "item" | "SubscribeMsgPopupEvent" | "SubscribeMsgChangeEvent" | "SubscribeMsgSentEvent" => {
            at.clone()
        }
        name if at.is_empty() => name.to_owned(),
        name => format!("{at}/{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(within(name), value, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let at = if index == 0 { at.clone() } else { format!("{at}/{index}") };
                collect(at, item, found);
            }
        }
        Value::Null => {}
        Value::String(text) if text.trim().is_empty() => {}
        Value::String(text) => {
            found.insert(at, text.trim().to_owned());
        }
        other => {
            found.insert(at, other.to_string());
        }
    }
}

/// Texts, or fractions that a peer has read as such: an id with 19 digits is none.
fn is_same(one: &str, other: &str) -> bool {
    let fraction = |text: &str| text.parse::<f64>().ok();
    let fractions = || one.contains('.') && fraction(one) == fraction(other);
    one == other || (fractions() && fraction(one).is_some())
}

/// What we have read, in our types, back under WeChat's names.
fn fields(push: &Push) -> Texts {
    let mut found = vec![
        ("ToUserName", push.to.clone()),
        (sender(push), push.from.as_str().to_owned()),
        ("CreateTime", push.create_time.to_string()),
    ];
    match &push.kind {
        PushKind::Message(message) => {
            found.push(("MsgType", message.name().to_owned()));
            let id = push.dedup_key.strip_prefix("msg-").unwrap_or_default();
            found.push(("MsgId", id.to_owned()));
            found.extend(message_fields(message));
        }
        PushKind::Event(event) => found.extend(event_fields(event)),
        PushKind::Malformed { .. } | PushKind::Other { .. } => {}
    }
    let found = found.into_iter().filter(|(_, text)| !text.trim().is_empty());
    found.map(|(at, text)| (at.to_owned(), text.trim().to_owned())).collect()
}

/// Where WeChat names the user that a push is about: WeChat sends some itself.
fn sender(push: &Push) -> &'static str {
    match push.kind {
        PushKind::Event(
            Event::UserInfoModified { .. }
            | Event::UserAuthorizationRevoke { .. }
            | Event::UserAuthorizationCancellation { .. },
        ) => "OpenID",
        _ => "FromUserName",
    }
}

fn message_fields(message: &Message) -> Vec<(&'static str, String)> {
    let text = String::clone;
    match message {
        Message::Text { content, menu_id } => {
            vec![("Content", text(content)), ("bizmsgmenuid", menu_id.clone().unwrap_or_default())]
        }
        Message::Image { picture_url, media_id } => {
            vec![("PicUrl", text(picture_url)), ("MediaId", text(media_id))]
        }
        Message::Voice { media_id, format, media_id_16k, recognition } => vec![
            ("MediaId", text(media_id)),
            ("Format", text(format)),
            ("MediaId16K", media_id_16k.clone().unwrap_or_default()),
            ("Recognition", recognition.clone().unwrap_or_default()),
        ],
        Message::Video { media_id, thumb_media_id }
        | Message::ShortVideo { media_id, thumb_media_id } => {
            vec![("MediaId", text(media_id)), ("ThumbMediaId", text(thumb_media_id))]
        }
        Message::Location { latitude, longitude, scale, label } => vec![
            ("Location_X", text(latitude)),
            ("Location_Y", text(longitude)),
            ("Scale", scale.map(|it| it.to_string()).unwrap_or_default()),
            ("Label", text(label)),
        ],
        Message::Link { title, description, url } => {
            vec![("Title", text(title)), ("Description", text(description)), ("Url", text(url))]
        }
        Message::Other { .. } => vec![],
        Message::MiniProgramPage { title, app_id, page_path, thumb_url, thumb_media_id } => vec![
            ("Title", text(title)),
            ("AppId", text(app_id)),
            ("PagePath", text(page_path)),
            ("ThumbUrl", text(thumb_url)),
            ("ThumbMediaId", text(thumb_media_id)),
        ],
    }
}

fn event_fields(event: &Event) -> Vec<(&'static str, String)> {
    let text = String::clone;
    let number = |number: &Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
    match event {
        Event::Subscribe { scene, ticket } => vec![
            ("EventKey", scene.as_ref().map(|it| format!("qrscene_{it}")).unwrap_or_default()),
            ("Ticket", ticket.clone().unwrap_or_default()),
        ],
        Event::Scan { scene, ticket } => {
            vec![("EventKey", text(scene)), ("Ticket", ticket.clone().unwrap_or_default())]
        }
        Event::Location { latitude, longitude, precision } => vec![
            ("Latitude", text(latitude)),
            ("Longitude", text(longitude)),
            ("Precision", text(precision)),
        ],
        Event::Click { key } => vec![("EventKey", text(key))],
        Event::View { url: key, menu_id } | Event::ViewMiniProgram { page: key, menu_id } => {
            vec![("EventKey", text(key)), ("MenuId", menu_id.clone().unwrap_or_default())]
        }
        Event::ScanCodePush { key, scan } | Event::ScanCodeWaitMessage { key, scan } => vec![
            ("EventKey", text(key)),
            ("ScanCodeInfo/ScanType", text(&scan.code_type)),
            ("ScanCodeInfo/ScanResult", text(&scan.result)),
        ],
        Event::PictureSystemPhoto { key, pictures }
        | Event::PicturePhotoOrAlbum { key, pictures }
        | Event::PictureWeChat { key, pictures } => vec![
            ("EventKey", text(key)),
            ("SendPicsInfo/Count", number(&pictures.count)),
            ("SendPicsInfo/PicList/PicMd5Sum", pictures.md5.first().cloned().unwrap_or_default()),
            ("SendPicsInfo/PicList/1/PicMd5Sum", pictures.md5.get(1).cloned().unwrap_or_default()),
        ],
        Event::LocationSelect { key, place } => vec![
            ("EventKey", text(key)),
            ("SendLocationInfo/Location_X", text(&place.latitude)),
            ("SendLocationInfo/Location_Y", text(&place.longitude)),
            ("SendLocationInfo/Scale", number(&place.scale)),
            ("SendLocationInfo/Label", text(&place.label)),
            ("SendLocationInfo/Poiname", text(&place.name)),
        ],
        Event::TemplateSendJobFinish(receipt) => {
            vec![("MsgID", text(&receipt.message_id)), ("Status", status_of_template(receipt))]
        }
        Event::MassSendJobFinish(receipt) => vec![
            ("MsgID", text(&receipt.message_id)),
            ("Status", text(&receipt.status)),
            ("TotalCount", number(&receipt.total)),
            ("FilterCount", number(&receipt.filtered)),
            ("SentCount", number(&receipt.sent)),
            ("ErrorCount", number(&receipt.failed)),
        ],
        Event::SubscribeMessagePopup(decisions) | Event::SubscribeMessageChange(decisions) => {
            decisions.first().map(decision_fields).into_iter().flatten().collect()
        }
        Event::SubscribeMessageSent(receipts) => {
            receipts.first().map(receipt_fields).into_iter().flatten().collect()
        }
        Event::UserEnterTempSession { session_from } => vec![("SessionFrom", text(session_from))],
        Event::UserInfoModified { revoked }
        | Event::UserAuthorizationRevoke { revoked }
        | Event::UserAuthorizationCancellation { revoked } => {
            let numbers: Vec<_> = revoked.iter().map(ToString::to_string).collect();
            vec![("RevokeInfo", numbers.join(","))]
        }
        Event::MediaCheck { trace_id, suggestion, label, error_code } => vec![
            ("trace_id", text(trace_id)),
            ("result/suggest", text(suggestion)),
            ("result/label", number(label)),
            ("errcode", error_code.clone().unwrap_or_default()),
        ],
        Event::QualificationVerifySuccess(verification)
        | Event::QualificationVerifyFail(verification)
        | Event::NamingVerifySuccess(verification)
        | Event::NamingVerifyFail(verification)
        | Event::AnnualRenew(verification)
        | Event::VerifyExpired(verification) => vec![
            ("ExpiredTime", number(&verification.expires)),
            ("FailTime", number(&verification.failed)),
            ("FailReason", text(&verification.reason)),
        ],
        Event::KfCreateSession { account } | Event::KfCloseSession { account } => {
            vec![("KfAccount", text(account))]
        }
        Event::KfSwitchSession { from, to } => {
            vec![("FromKfAccount", text(from)), ("ToKfAccount", text(to))]
        }
        Event::Unsubscribe | Event::DebugDemo { .. } | Event::NotifyServiceMessageSendResult(_) => {
            Vec::new()
        }
    }
}

fn status_of_template(receipt: &DeliveryReceipt) -> String {
    match &receipt.status {
        DeliveryStatus::Delivered => "success".to_owned(),
        DeliveryStatus::Blocked => "failed:user block".to_owned(),
        DeliveryStatus::Failed(status) | DeliveryStatus::Unknown(status) => status.clone(),
    }
}

fn decision_fields(decision: &ConsentDecision) -> Vec<(&'static str, String)> {
    let answer = match &decision.answer {
        ConsentAnswer::Accepted => "accept",
        ConsentAnswer::Refused => "reject",
        ConsentAnswer::Unknown(word) => word,
    };
    vec![
        ("List/TemplateId", decision.template_id.clone()),
        ("List/SubscribeStatusString", answer.to_owned()),
        ("List/PopupScene", decision.scene.clone().unwrap_or_default()),
    ]
}

fn receipt_fields(receipt: &DeliveryReceipt) -> Vec<(&'static str, String)> {
    let delivered = receipt.status == DeliveryStatus::Delivered;
    vec![
        ("List/TemplateId", receipt.template_id.clone().unwrap_or_default()),
        ("List/MsgID", receipt.message_id.clone()),
        ("List/ErrorCode", if delivered { "0".to_owned() } else { String::new() }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::wechat::id::AppId;

    fn push(body: &Value) -> Push {
        Push::read(&AppId::parse("wx1").unwrap(), &body.to_string()).unwrap()
    }

    #[test]
    fn every_misreading_is_a_difference() {
        let scan = json!({
            "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": 1_700_000_000,
            "MsgType": "event", "Event": "SCAN", "EventKey": "17", "Ticket": "T",
        });
        let push = push(&scan);
        assert_eq!(compare(&scan, &push), Ok(5));
        assert_eq!(
            compare(&json!({ "EventKey": "17", "Ticket": "", "Status": null }), &push),
            Ok(1)
        );
        for misread in [json!({ "EventKey": "18" }), json!({ "Status": "success" })] {
            assert!(!compare(&misread, &push).unwrap_err().is_empty(), "{misread}");
        }
        let mut ours = push;
        ours.kind = PushKind::Event(Event::Scan { scene: "18".to_owned(), ticket: None });
        let lines = compare(&scan, &ours).unwrap_err();
        assert_eq!(lines, [r#"EventKey: theirs Some("17"), ours "18""#]);
    }

    #[test]
    fn long_id_is_no_fraction() {
        assert!(is_same("16.0", "16") && is_same("31.230416", "31.2304160"));
        assert!(!is_same("3300000000000000001", "3300000000000000002"));
        assert!(!is_same("3300000000000000000.0", "x") && !is_same("x.", "y."));
    }

    #[test]
    fn items_are_alike_however_they_nest() {
        let listed = json!({ "List": [{ "TemplateId": "A" }, { "TemplateId": "B" }] });
        let wrapped = json!({ "SubscribeMsgPopupEvent": listed });
        assert_eq!(texts(&listed), texts(&wrapped));
        assert_eq!(
            texts(&json!({ "List": { "TemplateId": "A" } })),
            texts(&json!({ "List": [{ "TemplateId": "A" }] }))
        );
    }
}
