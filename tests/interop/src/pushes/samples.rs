//! A push of every kind that Hongyan applies, with invented values.

use serde_json::{Value, json};

/// The pushes, without who they are from and when.
pub(super) fn samples() -> Vec<Value> {
    let mut samples = messages();
    samples.extend(events());
    samples
}

fn messages() -> Vec<Value> {
    vec![
        json!({ "MsgType": "text", "Content": super::DIFFICULT }),
        json!({ "MsgType": "text", "Content": "满意", "bizmsgmenuid": "101" }),
        json!({ "MsgType": "image", "PicUrl": "https://p.example/1?a=1&b=2", "MediaId": "M1" }),
        json!({ "MsgType": "voice", "MediaId": "M2", "Format": "amr", "Recognition": "鸿雁" }),
        json!({ "MsgType": "video", "MediaId": "M3", "ThumbMediaId": "T3" }),
        json!({ "MsgType": "shortvideo", "MediaId": "M4", "ThumbMediaId": "T4" }),
        json!({
            "MsgType": "location", "Location_X": "31.230416", "Location_Y": "121.473701",
            "Scale": "16", "Label": "上海市黄浦区",
        }),
        json!({
            "MsgType": "link", "Title": "标题", "Description": "<b>描述</b>",
            "Url": "https://l.example/?a=1&b=2",
        }),
        json!({
            "MsgType": "miniprogrampage", "Title": "订单 17", "AppId": "wx0000000000005a02",
            "PagePath": "pages/order/index?id=17&from=雁", "ThumbUrl": "https://t.example/1",
            "ThumbMediaId": "T5",
        }),
    ]
}

fn events() -> Vec<Value> {
    let event = |name: &str, fields: Value| {
        let mut event = json!({ "MsgType": "event", "Event": name });
        for (name, value) in fields.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    };
    let scan = json!({ "ScanType": "qrcode", "ScanResult": "https://s.example/?a=1&b=2" });
    let pictures = json!({
        "Count": 2,
        "PicList": { "item": [
            { "PicMd5Sum": "5a75aaca956d97be686719218f275c6b" },
            { "PicMd5Sum": "1b5f7c23b5bf75682a53e7b6d163e185" },
        ] },
    });
    // One list for each picture, as WxJava has met it.
    let lists = json!({
        "Count": 2,
        "PicList": [
            { "item": { "PicMd5Sum": "aef52ae501537e552725c5d7f99c1741" } },
            { "item": { "PicMd5Sum": "c4564632a4fab91378c39bea6aad6f9e" } },
        ],
    });
    let place = json!({
        "Location_X": "23.134521", "Location_Y": "113.358803", "Scale": "15",
        "Label": "广州市海珠区", "Poiname": "广州塔",
    });
    let accepted = json!({
        "TemplateId": "SandboxTemplateOfMini-order-shipped-0000001",
        "SubscribeStatusString": "accept", "PopupScene": "1",
    });
    let rejected = json!({
        "TemplateId": "SandboxTemplateOfMini-order-receipt-0000003",
        "SubscribeStatusString": "reject", "PopupScene": "0",
    });
    let turned_off = json!({
        "TemplateId": "SandboxTemplateOfMini-order-shipped-0000001",
        "SubscribeStatusString": "reject",
    });
    let sent = json!({
        "TemplateId": "SandboxTemplateOfMini-order-shipped-0000001",
        "MsgID": "3300000000000000001", "ErrorCode": "0", "ErrorStatus": "success",
    });
    vec![
        event("subscribe", json!({ "EventKey": "" })),
        event("subscribe", json!({ "EventKey": "qrscene_user_42", "Ticket": "gQH47joAAAAA" })),
        event("unsubscribe", json!({ "EventKey": "" })),
        event("SCAN", json!({ "EventKey": "42", "Ticket": "gQH47joAAAAA" })),
        event(
            "LOCATION",
            json!({ "Latitude": "23.137466", "Longitude": "113.352425", "Precision": "119.385040" }),
        ),
        event("CLICK", json!({ "EventKey": "ORDERS" })),
        event("VIEW", json!({ "EventKey": "https://v.example/?a=1&b=2", "MenuId": "408126467" })),
        event("view_miniprogram", json!({ "EventKey": "pages/index", "MenuId": "408126467" })),
        event("scancode_push", json!({ "EventKey": "6", "ScanCodeInfo": scan })),
        event("scancode_waitmsg", json!({ "EventKey": "6", "ScanCodeInfo": scan })),
        event("pic_sysphoto", json!({ "EventKey": "6", "SendPicsInfo": pictures })),
        event("pic_photo_or_album", json!({ "EventKey": "6", "SendPicsInfo": pictures })),
        event("pic_weixin", json!({ "EventKey": "6", "SendPicsInfo": pictures })),
        event("pic_weixin", json!({ "EventKey": "6", "SendPicsInfo": lists })),
        event("location_select", json!({ "EventKey": "6", "SendLocationInfo": place })),
        event(
            "TEMPLATESENDJOBFINISH",
            json!({ "MsgID": 3_300_000_000_000_000_001_u64, "Status": "success" }),
        ),
        event(
            "TEMPLATESENDJOBFINISH",
            json!({ "MsgID": 3_300_000_000_000_000_002_u64, "Status": "failed:user block" }),
        ),
        event(
            "MASSSENDJOBFINISH",
            json!({
                "MsgID": 1_000_001_625_u64, "Status": "send success", "TotalCount": 100,
                "FilterCount": 80, "SentCount": 75, "ErrorCount": 5,
            }),
        ),
        event("subscribe_msg_popup_event", json!({ "List": [accepted] })),
        event("subscribe_msg_popup_event", json!({ "List": [accepted, rejected] })),
        event("subscribe_msg_change_event", json!({ "List": [turned_off] })),
        event("subscribe_msg_sent_event", json!({ "List": [sent] })),
        event("user_enter_tempsession", json!({ "SessionFrom": "order-17&from=雁" })),
        event(
            "user_authorization_revoke",
            json!({
                "OpenID": "o0000000000000000000000000ab", "AppID": "wx0000000000005a02",
                "RevokeInfo": "6,8", "PluginID": "", "OpenPID": "",
            }),
        ),
        event("annual_renew", json!({ "ExpiredTime": 1_900_000_000 })),
        event(
            "qualification_verify_fail",
            json!({ "FailTime": 1_700_000_000, "FailReason": "资料不符" }),
        ),
        event("kf_create_session", json!({ "KfAccount": "test1@test" })),
        event("kf_switch_session", json!({ "FromKfAccount": "a@test", "ToKfAccount": "b@test" })),
    ]
}
