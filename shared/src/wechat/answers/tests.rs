//! One odd field of an answer or of a push leaves the rest of it usable.

use super::*;
use crate::wechat::id::{AppId, OpenId, UnionId};
use crate::wechat::push::Push;
use serde_json::{Value, json};

/// What was read: each value, with the path of the field that it comes from.
type Read = Vec<(String, String)>;

/// An answer or a push: a sample, what reads it, and the fields without which it can't be
/// read.
struct Example {
    name: &'static str,
    sample: Value,
    read: fn(&[u8]) -> Option<Read>,
    required: &'static [&'static str],
}

fn answer_of<T: ApiResponse>(body: &[u8]) -> Option<T> {
    T::read(Fields(&answer::tree(body).ok()?)).ok()
}

fn read<const N: usize>(fields: [(&str, String); N]) -> Read {
    fields.map(|(path, value)| (path.to_owned(), value)).into()
}

fn user_info(prefix: &str, info: &UserInfo) -> Read {
    let details = &info.details;
    let fields = [
        ("subscribe", format!("{:?}", info.follows)),
        ("subscribe_time", format!("{:?}", info.subscribe_time)),
        ("unionid", format!("{:?}", info.union_id.as_ref().map(UnionId::as_str))),
        ("subscribe_scene", format!("{:?}", details.subscribe_scene)),
        ("qr_scene", format!("{:?}", details.qr_scene)),
        ("qr_scene_str", format!("{:?}", details.qr_scene_str)),
        ("tagid_list", format!("{:?}", details.tagid_list)),
        ("remark", format!("{:?}", details.remark)),
        ("language", format!("{:?}", details.language)),
    ];
    fields.map(|(name, value)| (format!("{prefix}/{name}"), value)).into()
}

fn read_push(body: &[u8]) -> Option<Read> {
    let text = String::from_utf8_lossy(body);
    let push = Push::read(&AppId::parse("wx1").unwrap(), &text).ok()?;
    Some(read([
        ("/FromUserName", push.from.as_str().to_owned()),
        ("/CreateTime", push.create_time.to_string()),
        ("/MsgType", push.kind.name().to_owned()),
        ("/ToUserName", push.to),
    ]))
}

fn examples() -> Vec<Example> {
    let profile = |open_id: &str| {
        json!({
            "subscribe": 1, "openid": open_id, "language": "zh_CN", "subscribe_time": 1_700_000_000,
            "unionid": "uAnn", "remark": "vip", "groupid": 0, "tagid_list": [128, 2],
            "subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 98765, "qr_scene_str": "s",
        })
    };
    vec![
        Example {
            name: "jscode2session",
            sample: json!({ "session_key": "k", "openid": "oAnn", "unionid": "uAnn", "errcode": 0, "errmsg": "ok" }),
            read: |body| {
                let session: CodeSession = answer_of(body)?;
                let union_id = session.union_id.as_ref().map(UnionId::as_str);
                Some(read([
                    ("/openid", session.open_id.as_str().to_owned()),
                    ("/unionid", format!("{union_id:?}")),
                ]))
            },
            required: &["/openid"],
        },
        Example {
            name: "getuserphonenumber",
            sample: json!({ "errcode": 0, "errmsg": "ok", "phone_info": {
                "phoneNumber": "+85251234567", "purePhoneNumber": "51234567", "countryCode": "852",
                "watermark": { "timestamp": 1_637_744_274, "appid": "wx1" },
            } }),
            read: |body| {
                let phone: PhoneNumber = answer_of(body)?;
                Some(read([
                    ("/phone_info/purePhoneNumber", phone.number.expose().to_owned()),
                    ("/phone_info/countryCode", phone.country_code),
                ]))
            },
            required: &["/phone_info"],
        },
        Example {
            name: "stable_token",
            sample: json!({ "access_token": "t", "expires_in": 7200, "more": {} }),
            read: |body| {
                let token: GrantedToken = answer_of(body)?;
                Some(read([
                    ("/access_token", token.access_token.expose().to_owned()),
                    ("/expires_in", token.expires_in.to_string()),
                ]))
            },
            required: &["/access_token"],
        },
        Example {
            name: "template/send",
            sample: json!({ "errcode": 0, "errmsg": "ok", "msgid": 20_261_201_123_456_789_012_u128.to_string() }),
            read: |body| {
                let accepted: Accepted = answer_of(body)?;
                Some(read([("/msgid", format!("{:?}", accepted.message_id()))]))
            },
            required: &["/errcode"],
        },
        Example {
            name: "user/info",
            sample: profile("oAnn"),
            read: |body| Some(user_info("", &answer_of(body)?)),
            required: &[],
        },
        Example {
            name: "user/info/batchget",
            sample: json!({ "user_info_list": [profile("oAnn"), profile("oBob")] }),
            read: |body| {
                let infos: UserInfos = answer_of(body)?;
                let ann = infos.read.iter().find(|(open_id, _)| open_id.as_str() == "oAnn");
                let bob = infos.read.iter().find(|(open_id, _)| open_id.as_str() == "oBob")?;
                assert_eq!(infos.read.len() + infos.unreadable.len(), 2);
                let mut read = user_info("/user_info_list/1", &bob.1);
                read.extend(
                    ann.map(|ann| user_info("/user_info_list/0", &ann.1)).unwrap_or_default(),
                );
                Some(read)
            },
            required: &[
                "/user_info_list",
                "/user_info_list/1",
                "/user_info_list/1/openid",
                "/user_info_list/1/subscribe",
            ],
        },
        Example {
            name: "user/get",
            sample: json!({ "total": 2, "count": 2, "data": { "openid": ["o1", "o2"] }, "next_openid": "o2" }),
            read: |body| {
                let page: FollowerPage = answer_of(body)?;
                Some(read([
                    ("/total", format!("{:?}", page.total)),
                    ("/data", format!("{:?}", page.open_ids.last().map(OpenId::as_str))),
                ]))
            },
            required: &["/data", "/data/openid"],
        },
        Example {
            name: "template/get_all_private_template",
            sample: json!({ "template_list": [
                { "template_id": "T", "title": "t", "content": "{{a.DATA}}", "example": "e" },
                { "template_id": "U", "title": "u", "content": "{{b.DATA}}" },
            ] }),
            read: |body| {
                let PrivateTemplates(listed) = answer_of(body)?;
                let last = listed.last()?;
                Some(read([
                    ("/template_list/1", format!("{} {}", last.template_id, last.content)),
                    ("/template_list/1/title", last.title.clone()),
                ]))
            },
            required: &[
                "/template_list",
                "/template_list/1",
                "/template_list/1/template_id",
                "/template_list/1/content",
            ],
        },
        Example {
            name: "newtmpl/gettemplate",
            sample: json!({ "errcode": 0, "data": [
                { "priTmplId": "T", "title": "t", "content": "{{enum_string2.DATA}}", "type": 3,
                  "keywordEnumValueList": [{ "keywordCode": "enum_string2.DATA", "enumValueList": ["a", "b"] }] },
                { "priTmplId": "U", "title": "u", "content": "{{b.DATA}}", "type": 2 },
            ] }),
            read: |body| {
                let SubscriptionTemplates(listed) = answer_of(body)?;
                let last = listed.last()?;
                Some(read([
                    ("/data/1", format!("{} {}", last.template_id, last.content)),
                    ("/data/1/title", last.title.clone()),
                    ("/data/1/type", format!("{:?}", last.consent)),
                ]))
            },
            required: &["/data", "/data/1", "/data/1/priTmplId", "/data/1/content"],
        },
        Example {
            name: "a message",
            sample: json!({ "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": 1_700_000_000,
                "MsgType": "text", "Content": "hi", "MsgId": 17, "bizmsgmenuid": "1", "Idx": 1 }),
            read: read_push,
            required: &["/MsgType", "/FromUserName", "/CreateTime"],
        },
        Example {
            name: "an event",
            sample: json!({ "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": "1700000000",
                "MsgType": "event", "Event": "scancode_push", "EventKey": "K",
                "ScanCodeInfo": { "ScanType": "qrcode", "ScanResult": "r" } }),
            read: read_push,
            required: &["/MsgType", "/Event", "/FromUserName", "/CreateTime"],
        },
    ]
}

/// The paths of all fields, as JSON pointers.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (format!("{path}/{name}"), value)).collect()
        }
        Value::Array(elements) => {
            let elements = elements.iter().enumerate();
            elements.map(|(place, value)| (format!("{path}/{place}"), value)).collect()
        }
        _ => Vec::new(),
    };
    for (path, value) in inside {
        paths(value, &path, found);
        found.push(path);
    }
}

/// What a field may hold instead of what is documented, as it is written in JSON. None
/// leaves it out.
const ODD: [Option<&[u8]>; 18] = [
    None,
    Some(b"null"),
    Some(b"\"\""),
    Some(b"\" \""),
    Some(b"0"),
    Some(b"-1"),
    Some(b"2.50"),
    Some(b"1e400"),
    Some(b"20261201123456789012"),
    Some(b"\"7\""),
    Some(b"true"),
    Some(b"[]"),
    Some(b"[null, 1]"),
    Some(b"{}"),
    Some(b"{\"a\": [1]}"),
    Some(b"\"a\x08\x00\n#b\""),
    Some(b"\"\\ud83d#\""),
    Some(b"\"#\xe4\xff\""),
];

/// The sample with something odd in the place of a field.
fn damaged(sample: &Value, path: &str, odd: Option<&[u8]>) -> Vec<u8> {
    const MARK: &str = "\"@@@\"";
    let (parent, name) = path.rsplit_once('/').unwrap();
    let mut tree = sample.clone();
    match (tree.pointer_mut(parent).unwrap(), odd) {
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (Value::Array(elements), None) => drop(elements.remove(name.parse().unwrap())),
        _ => *tree.pointer_mut(path).unwrap() = json!("@@@"),
    }
    let text = tree.to_string();
    let Some(odd) = odd else { return text.into_bytes() };
    let place = text.find(MARK).unwrap();
    [&text.as_bytes()[..place], odd, &text.as_bytes()[place + MARK.len()..]].concat()
}

/// Fault 89.
#[test]
fn odd_side_field_leaves_the_rest_usable() {
    for Example { name, sample, read, required } in examples() {
        let whole = read(sample.to_string().as_bytes()).unwrap_or_else(|| panic!("{name}"));
        let mut found = Vec::new();
        paths(&sample, "", &mut found);
        for path in &found {
            let is_required = required.contains(&path.as_str());
            // Without an element, those behind it move.
            let moves = |odd: &Option<&[u8]>| {
                odd.is_some()
                    || path.rsplit('/').next().is_some_and(|it| it.parse::<usize>().is_err())
            };
            for odd in ODD.iter().copied().filter(moves) {
                let body = damaged(&sample, path, odd);
                let shown = format!("{name} {path}: {}", String::from_utf8_lossy(&body));
                let Some(rest) = read(&body) else {
                    assert!(is_required || path == "/errcode", "{shown}");
                    continue;
                };
                for (of, value) in &whole {
                    let concerns = of.starts_with(path) || path.starts_with(of) || is_required;
                    let same = rest.iter().any(|(it, now)| it == of && now == value);
                    let is_left_out = path.starts_with("/user_info_list/0");
                    assert!(
                        concerns || same || (is_left_out && of.starts_with("/user_info_list/0")),
                        "{of} of {shown}"
                    );
                }
            }
        }
    }
}

#[test]
fn answer_is_read_with_what_may_stand_around_it() {
    let session = br#"{"openid":"oAnn","session_key":"k"}"#;
    for (before, after) in [("\u{feff}", ""), (" \r\n", "\n\n"), ("\u{feff}\n", "\t")] {
        let body = [before.as_bytes(), session, after.as_bytes()].concat();
        assert_eq!(readable_as(&body), ["code_session", "user_info"], "{before:?}");
    }
    assert_eq!(readable_as(br#"{"errcode":"40001","openid":"oAnn"}"#), ["refusal"]);
    assert_eq!(readable_as(b"<html>"), [""; 0]);
}

#[test]
fn no_digit_of_an_id_is_lost() {
    for id in ["20261201123456789012", "9007199254740993"] {
        let body = format!(r#"{{"errcode":0,"msgid":{id}}}"#);
        let accepted: Accepted = answer_of(body.as_bytes()).unwrap();
        assert_eq!(accepted.message_id().as_deref(), Some(id));
    }
    for none in ["0", "true", "12.50", "\"33#1\"", "\"\"", "null"] {
        let body = format!(r#"{{"errcode":0,"msgid":{none}}}"#);
        let accepted: Accepted = answer_of(body.as_bytes()).unwrap();
        assert_eq!(accepted.message_id(), None, "{none}");
    }
}
