use super::*;
use serde_json::json;

fn try_read(body: &str) -> Result<Push, InvalidPush> {
    Push::read(&AppId::parse("wx1").unwrap(), body)
}

fn read(body: &str) -> Push {
    try_read(body).unwrap()
}

/// An event in XML.
fn event(rest: &str) -> Push {
    read(&format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAnn]]></FromUserName>\
         <CreateTime>1700000400</CreateTime><MsgType><![CDATA[event]]></MsgType>{rest}</xml>"
    ))
}

/// The same in JSON.
fn json_event(rest: &str) -> Push {
    read(&format!(
        r#"{{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":"1700000400","MsgType":"event",{rest}}}"#
    ))
}

#[test]
fn text_message_is_read() {
    let xml = read(
        "\n<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAnn]]></FromUserName>\
         <CreateTime>1700000000</CreateTime><MsgType><![CDATA[TEXT]]></MsgType>\
         <Content><![CDATA[ping]]></Content><MsgId>9007199254740993</MsgId></xml>",
    );
    let json = read(
        r#" {"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":1700000000,"MsgType":"text","Content":"ping","MsgId":9007199254740993}"#,
    );
    assert_eq!((xml.format, json.format), (Format::Xml, Format::Json));
    assert_eq!(xml.tree["MsgId"], "9007199254740993");
    assert_eq!(json.tree["MsgId"], 9_007_199_254_740_993_u64);
    for push in [xml, json] {
        assert_eq!(push.to, "gh_1");
        assert_eq!(push.from.as_str(), "oAnn");
        assert_eq!(push.create_time, Timestamp(1_700_000_000));
        assert_eq!(push.kind.name(), "text");
        let text = Message::Text { content: "ping".to_owned(), menu_id: None };
        assert_eq!(push.kind, PushKind::Message(text));
        assert_eq!(push.dedup_key, "msg-9007199254740993");
        assert_eq!(push.tree["Content"], "ping");
    }
}

/// Half of WeChat's accounts write their events in capitals.
#[test]
fn names_are_read_in_any_case() {
    for name in ["unsubscribe", "UNSUBSCRIBE", " Unsubscribe\n"] {
        let push = event(&format!("<Event><![CDATA[{name}]]></Event><EventKey></EventKey>"));
        assert_eq!(push.kind, PushKind::Event(Event::Unsubscribe));
        assert_eq!(push.kind.name(), "unsubscribe");
    }
}

#[test]
fn xml_and_json_give_the_same_event() {
    let pairs = [
        ("<Event>CLICK</Event><EventKey>7</EventKey>", r#""Event":"click","EventKey":7"#),
        ("<Event>subscribe</Event><EventKey></EventKey>", r#""Event":"subscribe""#),
        (
            "<Event>TEMPLATESENDJOBFINISH</Event><MsgID>18446744073709551617</MsgID><Status>success</Status>",
            r#""Event":"templatesendjobfinish","MsgID":18446744073709551617,"Status":"success""#,
        ),
        (
            "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>\
             <List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>\
             <List><TemplateId>B</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List>\
             </SubscribeMsgPopupEvent>",
            r#""Event":"subscribe_msg_popup_event","List":[{"TemplateId":"A","SubscribeStatusString":"accept"},{"TemplateId":"B","SubscribeStatusString":"reject"}]"#,
        ),
        (
            "<Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent>\
             <List><TemplateId>A</TemplateId><MsgID>5</MsgID><ErrorCode>0</ErrorCode></List></SubscribeMsgSentEvent>",
            r#""Event":"subscribe_msg_sent_event","SubscribeMsgSentEvent":{"List":{"TemplateId":"A","MsgID":5,"ErrorCode":0}}"#,
        ),
    ];
    for (xml, json) in pairs {
        let (xml, json) = (event(xml), json_event(json));
        assert!(matches!(xml.kind, PushKind::Event(_)), "{xml:?}");
        assert_eq!(xml.kind, json.kind);
        assert_eq!(xml.dedup_key, json.dedup_key);
    }
}

#[test]
fn privacy_event_is_about_the_user_it_names() {
    let revoke = |user: &str| {
        read(&format!(
            r#"{{" FromUserName ":"oSystem","CreateTime":1700000700,"MsgType":"Event","Event":"user_authorization_revoke",{user}"RevokeInfo":"8"}}"#
        ))
    };
    let push = revoke(r#""OpenID ":"oAnn","#);
    assert_eq!(push.from.as_str(), "oAnn");
    assert_eq!(push.kind, PushKind::Event(Event::UserAuthorizationRevoke { revoked: vec![8] }));
    let push = revoke("");
    assert_eq!(push.from.as_str(), "oSystem");
    let name = "user_authorization_revoke".to_owned();
    assert_eq!(push.kind, PushKind::Malformed { name, problem: "OpenID is missing or no openid" });
}

/// Fault 29.
#[test]
fn unknown_push_is_kept_whole() {
    let push = event("<Event>Poi_Check_Notify</Event><PoiId>17</PoiId><A><B>1</B><B>2</B></A>");
    assert_eq!(push.kind, PushKind::Other { name: "poi_check_notify".to_owned() });
    assert_eq!(push.tree["PoiId"], "17");
    assert_eq!(push.tree["A"], json!({ "B": ["1", "2"] }));
    let push = read(r#"{"FromUserName":"oAnn","CreateTime":1,"MsgType":"Hologram","MsgId":4}"#);
    let message_type = "hologram".to_owned();
    assert_eq!(push.kind, PushKind::Message(Message::Other { message_type }));
    assert_eq!((push.kind.name(), push.dedup_key.as_str()), ("hologram", "msg-4"));
    let long = event(&format!("<Event>\u{1}{}</Event>", "e".repeat(9_000)));
    assert_eq!(long.kind.name(), "e".repeat(64));
}

/// Only an operator can handle these, but they are not lost.
#[test]
fn push_without_a_needed_field_is_malformed() {
    let cases = [
        (r#"{"CreateTime":1,"MsgType":"text"}"#, "FromUserName is missing or no openid"),
        (
            r#"{"FromUserName":"o#b","CreateTime":1,"MsgType":"text"}"#,
            "FromUserName is missing or no openid",
        ),
        (r#"{"FromUserName":"oAnn","MsgType":"text"}"#, "CreateTime is missing or no time"),
        (
            r#"{"FromUserName":"oAnn","CreateTime":1700000000000,"MsgType":"text"}"#,
            "CreateTime is missing or no time",
        ),
        (
            r#"{"FromUserName":"oAnn","CreateTime":"now","MsgType":"text"}"#,
            "CreateTime is missing or no time",
        ),
        (r#"{"FromUserName":"oAnn","CreateTime":1,"MsgType":"event"}"#, "Event is missing"),
    ];
    for (body, expected) in cases {
        let push = read(body);
        match push.kind {
            PushKind::Malformed { problem, .. } => assert_eq!(problem, expected, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    let unnamed = read(r#"{"MsgType":"event","Event":"click"}"#);
    assert_eq!(unnamed.from, OpenId::unknown());
    assert_eq!(unnamed.create_time, Timestamp(0));
    assert_eq!(unnamed.kind.name(), "click");
}

/// WeChat's payment platform and its games push events without a sender.
#[test]
fn event_that_changes_nothing_of_a_users_needs_no_sender() {
    let unnamed = read(r#"{"MsgType":"event","Event":"minigame_deliver"}"#);
    assert_eq!(unnamed.kind, PushKind::Other { name: "minigame_deliver".to_owned() });
    assert_eq!((unnamed.from, unnamed.create_time), (OpenId::unknown(), Timestamp(0)));
    let paid = read(
        r#"{"CreateTime":1,"MsgType":"event","Event":"xpay_goods_deliver_notify","OpenId":"oAnn"}"#,
    );
    assert_eq!(paid.kind, PushKind::Other { name: "xpay_goods_deliver_notify".to_owned() });
    assert_eq!(paid.from.as_str(), "oAnn");
    let verified = read(r#"{"CreateTime":1,"MsgType":"event","Event":"annual_renew"}"#);
    assert!(matches!(verified.kind, PushKind::Event(Event::AnnualRenew(_))));
}

#[test]
fn message_and_event_of_one_name_have_different_kinds() {
    let message = r#"{"FromUserName":"oAnn","CreateTime":1,"MsgType":"location","MsgId":4}"#;
    assert_eq!(read(message).kind.name(), "location");
    for (name, kind) in [("LOCATION", "event_location"), ("video", "event_video"), ("x", "x")] {
        let push = event(&format!("<Event>{name}</Event>"));
        assert_eq!(push.kind.name(), kind);
    }
    let malformed = read(r#"{"CreateTime":1,"MsgType":"event","Event":"LOCATION"}"#);
    assert!(matches!(malformed.kind, PushKind::Malformed { .. }), "{malformed:?}");
    assert_eq!(malformed.kind.name(), "event_location");
}

#[test]
fn sender_of_an_unreadable_push_is_found() {
    let sender = |body: &str| Push::sender_of_unreadable(body);
    let ann = OpenId::parse("oAnn").ok();
    for body in [
        "<xml><FromUserName> <![CDATA[oAnn]]>\n</FromUserName><MsgType>",
        "\u{feff}{\"ToUserName\":\"gh_1\",\"FromUserName\":\"oAnn\",\"Content\":\"x",
        r#"{"FromUserName":"oAnn","FromUserName":"oEve"}"#,
    ] {
        assert!(try_read(body).is_err(), "{body}");
        assert_eq!(sender(body), ann, "{body}");
    }
    for body in [
        "",
        "hello",
        r#"{"Content":"x\",\"FromUserName\":\"oEve\"","#,
        "<xml><Content><![CDATA[x]]></Content><FromUserName>oEve</FromUserName>",
        "<xml><FromUserName>a#b</FromUserName>",
    ] {
        assert_eq!(sender(body), None, "{body}");
    }
}

#[test]
fn invalid_push_has_a_reason() {
    for body in [
        "",
        "hello",
        "{}",
        "[]",
        "{\"FromUserName\":\"o\"",
        "{\"MsgType\":\"\"}",
        "{\"MsgType\":[\"text\"]}",
        "{\"FromUserName\":[\"a\",\"b\"],\"CreateTime\":1,\"MsgType\":\"text\"}",
        "{\"MsgType\":\"text\",\"MsgType\":\"event\"}",
        "{\"FromUserName\":\"o\",\"FromUserName \":\"p\",\"CreateTime\":1,\"MsgType\":\"text\"}",
        "<xml></xml>",
        "<xml>text</xml>",
        "<xml><MsgType><A>text</A></MsgType></xml>",
        "<xml><FromUserName>o</FromUserName><FromUserName>p</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>",
        "<xml><FromUserName>o</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><MsgType>event</MsgType></xml>",
    ] {
        assert!(try_read(body).is_err(), "{body}");
    }
}
