use super::*;
use crate::wechat::push::receipt::{ConsentAnswer, DeliveryStatus};
use serde_json::{Value, json};

fn read(name: &str, tree: &Value) -> Event {
    let event = Event::read(name, Fields(tree)).unwrap().unwrap();
    assert_eq!(event.name().strip_prefix("event_").unwrap_or(event.name()), name);
    event
}

fn s(text: &str) -> String {
    text.to_owned()
}

#[test]
fn follow_and_scan_events_are_read() {
    let code = json!({ "EventKey": "qrscene_user_42", "Ticket": "T" });
    let (scene, ticket) = (Some(s("user_42")), Some(s("T")));
    assert_eq!(read("subscribe", &code), Event::Subscribe { scene, ticket });
    // Without a code: no key, an empty one, or one that tells of a payment.
    for key in [Value::Null, json!(""), json!("last_trade_no_4003752001201412220000000000")] {
        let plain = Event::Subscribe { scene: None, ticket: None };
        assert_eq!(read("subscribe", &json!({ "EventKey": key })), plain);
    }
    assert_eq!(read("unsubscribe", &json!({ "EventKey": "" })), Event::Unsubscribe);
    let scan = read("scan", &json!({ "EventKey": 42, "Ticket": "T" }));
    assert_eq!(scan, Event::Scan { scene: s("42"), ticket: Some(s("T")) });
    let place = json!({ "Latitude": 23.137_466, "Longitude": "113.352425", "Precision": "119.4" });
    assert_eq!(
        read("location", &place),
        Event::Location {
            latitude: s("23.137466"),
            longitude: s("113.352425"),
            precision: s("119.4")
        }
    );
}

#[test]
fn menu_events_are_read() {
    let key = || s("K");
    assert_eq!(read("click", &json!({ "EventKey": "K" })), Event::Click { key: key() });
    let tree = json!({ "EventKey": "K", "MenuId": "4" });
    assert_eq!(read("view", &tree), Event::View { url: key(), menu_id: Some(s("4")) });
    let mini = Event::ViewMiniProgram { page: key(), menu_id: Some(s("4")) };
    assert_eq!(read("view_miniprogram", &tree), mini);

    let tree = json!({
        "EventKey": "K", "ScanCodeInfo": { "ScanType": "qrcode", "ScanResult": "BOX-0007" },
    });
    let scan = ScannedCode { code_type: s("qrcode"), result: s("BOX-0007") };
    let push = Event::ScanCodePush { key: key(), scan: scan.clone() };
    assert_eq!(read("scancode_push", &tree), push);
    assert_eq!(read("scancode_waitmsg", &tree), Event::ScanCodeWaitMessage { key: key(), scan });

    let tree = json!({ "EventKey": "K", "SendLocationInfo": {
        "Location_X": "23", "Location_Y": "113", "Scale": "15", "Label": "Road 1", "Poiname": "",
    } });
    let place = ChosenLocation {
        latitude: s("23"),
        longitude: s("113"),
        scale: Some(15),
        label: s("Road 1"),
        name: s(""),
    };
    assert_eq!(read("location_select", &tree), Event::LocationSelect { key: key(), place });
}

#[test]
fn picture_events_are_read() {
    let one = json!({ "item": { "PicMd5Sum": "a" } });
    let two = json!({ "item": [{ "PicMd5Sum": "a" }, { "PicMd5Sum": "b" }] });
    let bare = json!([{ "PicMd5Sum": "a" }, { "PicMd5Sum": "b" }]);
    let one_each = json!([{ "item": { "PicMd5Sum": "a" } }, { "item": { "PicMd5Sum": "b" } }]);
    for (list, md5) in [
        (one, vec![s("a")]),
        (two, vec![s("a"), s("b")]),
        (bare, vec![s("a"), s("b")]),
        (one_each, vec![s("a"), s("b")]),
    ] {
        let count = Some(md5.len() as u64);
        let tree = json!({ "EventKey": "K", "SendPicsInfo": { "Count": count, "PicList": list } });
        let (key, pictures) = (s("K"), Pictures { count, md5 });
        let pair = || (key.clone(), pictures.clone());
        let (key, pictures) = pair();
        assert_eq!(read("pic_sysphoto", &tree), Event::PictureSystemPhoto { key, pictures });
        let (key, pictures) = pair();
        assert_eq!(read("pic_photo_or_album", &tree), Event::PicturePhotoOrAlbum { key, pictures });
        let (key, pictures) = pair();
        assert_eq!(read("pic_weixin", &tree), Event::PictureWeChat { key, pictures });
    }
}

#[test]
fn receipts_are_read() {
    let delivery = |template_id| DeliveryReceipt {
        message_id: s("33"),
        template_id,
        status: DeliveryStatus::Delivered,
    };
    let tree = json!({ "MsgID": "33", "Status": "success" });
    let event = Event::TemplateSendJobFinish(delivery(None));
    assert_eq!(read("templatesendjobfinish", &tree), event);
    let tree = json!({ "List": { "TemplateId": "T", "MsgID": "33", "ErrorCode": "0", "ErrorStatus": "success" } });
    let event = Event::SubscribeMessageSent(vec![delivery(Some(s("T")))]);
    assert_eq!(read("subscribe_msg_sent_event", &tree), event);
    let tree = json!({
        "MsgID": 1, "Status": "send success", "TotalCount": 100, "FilterCount": 80, "SentCount": "75",
        "ErrorCount": 5, "CopyrightCheckResult": { "Count": 0 },
    });
    let mass = MassDeliveryReceipt {
        message_id: s("1"),
        status: s("send success"),
        total: Some(100),
        filtered: Some(80),
        sent: Some(75),
        failed: Some(5),
    };
    assert_eq!(read("masssendjobfinish", &tree), Event::MassSendJobFinish(mass));
    let tree = json!({
        "notify_code": "C", "notify_type": 2001, "card_status": 1, "fail_ret": -10001, "fail_msg": "no",
    });
    let service = ServiceDeliveryReceipt {
        code: s("C"),
        card_type: s("2001"),
        status: s("1"),
        error_code: s("-10001"),
        error: s("no"),
    };
    let event = Event::NotifyServiceMessageSendResult(service);
    assert_eq!(read("notify_service_msg_send_result", &tree), event);
}

#[test]
fn consent_events_are_read() {
    let tree = json!({ "List": { "TemplateId": "A", "SubscribeStatusString": "accept" } });
    let answers =
        vec![ConsentDecision { template_id: s("A"), answer: ConsentAnswer::Accepted, scene: None }];
    let event = Event::SubscribeMessagePopup(answers.clone());
    assert_eq!(read("subscribe_msg_popup_event", &tree), event);
    let event = Event::SubscribeMessageChange(answers);
    assert_eq!(read("subscribe_msg_change_event", &tree), event);
}

#[test]
fn mini_program_and_privacy_events_are_read() {
    let event = Event::UserEnterTempSession { session_from: s("order-17") };
    assert_eq!(read("user_enter_tempsession", &json!({ "SessionFrom": "order-17" })), event);
    let revoked = || vec![6, 8];
    let tree = json!({ "RevokeInfo": "6, 8" });
    assert_eq!(read("user_info_modified", &tree), Event::UserInfoModified { revoked: revoked() });
    assert_eq!(
        read("user_authorization_revoke", &tree),
        Event::UserAuthorizationRevoke { revoked: revoked() }
    );
    assert_eq!(
        read("user_authorization_cancellation", &tree),
        Event::UserAuthorizationCancellation { revoked: revoked() }
    );
    let one = read("user_authorization_revoke", &json!({ "RevokeInfo": 301 }));
    assert_eq!(one, Event::UserAuthorizationRevoke { revoked: vec![301] });
    let tree = json!({
        "trace_id": "T", "version": 2, "errcode": 0, "errmsg": "ok",
        "result": { "suggest": "risky", "label": 20001 }, "detail": [{ "prob": 90 }],
    });
    assert_eq!(
        read("wxa_media_check", &tree),
        Event::MediaCheck {
            trace_id: s("T"),
            suggestion: s("risky"),
            label: Some(20001),
            error_code: Some(s("0")),
        }
    );
    let event = Event::DebugDemo { text: s("hello") };
    assert_eq!(read("debug_demo", &json!({ "debug_str": "hello" })), event);
}

#[test]
fn verification_and_customer_service_events_are_read() {
    let failed = Verification { expires: None, failed: Some(1_442_401_122), reason: s("by time") };
    let tree = json!({ "FailTime": 1_442_401_122, "FailReason": "by time" });
    let event = Event::QualificationVerifyFail(failed.clone());
    assert_eq!(read("qualification_verify_fail", &tree), event);
    assert_eq!(read("naming_verify_fail", &tree), Event::NamingVerifyFail(failed));
    let runs_out = || Verification { expires: Some(1_442_401_156), failed: None, reason: s("") };
    let tree = json!({ "ExpiredTime": "1442401156" });
    for (name, event) in [
        ("qualification_verify_success", Event::QualificationVerifySuccess(runs_out())),
        ("naming_verify_success", Event::NamingVerifySuccess(runs_out())),
        ("annual_renew", Event::AnnualRenew(runs_out())),
        ("verify_expired", Event::VerifyExpired(runs_out())),
    ] {
        assert_eq!(read(name, &tree), event);
    }
    let account = || s("kf1@shop");
    let tree = json!({ "KfAccount": "kf1@shop" });
    let event = Event::KfCreateSession { account: account() };
    assert_eq!(read("kf_create_session", &tree), event);
    assert_eq!(read("kf_close_session", &tree), Event::KfCloseSession { account: account() });
    let tree = json!({ "FromKfAccount": "kf1@shop", "ToKfAccount": "kf2@shop" });
    let event = Event::KfSwitchSession { from: account(), to: s("kf2@shop") };
    assert_eq!(read("kf_switch_session", &tree), event);
}

/// What an event lacks is a reason to quarantine it only if it does nothing
/// without it.
#[test]
fn only_four_events_have_required_fields() {
    const NEEDY: [&str; 4] = [
        "templatesendjobfinish",
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
        "subscribe_msg_sent_event",
    ];
    const FRUGAL: [&str; 30] = [
        "subscribe",
        "unsubscribe",
        "scan",
        "location",
        "click",
        "view",
        "view_miniprogram",
        "scancode_push",
        "scancode_waitmsg",
        "pic_sysphoto",
        "pic_photo_or_album",
        "pic_weixin",
        "location_select",
        "masssendjobfinish",
        "notify_service_msg_send_result",
        "user_enter_tempsession",
        "user_info_modified",
        "user_authorization_revoke",
        "user_authorization_cancellation",
        "wxa_media_check",
        "debug_demo",
        "qualification_verify_success",
        "qualification_verify_fail",
        "naming_verify_success",
        "naming_verify_fail",
        "annual_renew",
        "verify_expired",
        "kf_create_session",
        "kf_close_session",
        "kf_switch_session",
    ];
    for name in NEEDY {
        assert!(Event::read(name, Fields(&json!({}))).is_err(), "{name}");
    }
    for name in FRUGAL {
        read(name, &json!({}));
        read(name, &json!({ "EventKey": [1], "List": "", "SendPicsInfo": "", "result": 7 }));
    }
    assert_eq!(Event::read("poi_check_notify", Fields(&json!({}))), Ok(None));
}
