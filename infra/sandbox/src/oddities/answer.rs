//! Oddities of the API's answers.

use crate::oddities::catalog::Oddity;
use crate::oddities::draw::Draw;
use crate::oddities::profile;
use crate::oddities::text::{self, HALF_SURROGATE, INVALID_BYTE, raw};
use serde_json::{Map, Value, json};

/// The fields that a caller can do without. A unionid is one only where a user has none, and
/// `errmsg` only where nothing is wrong.
const SIDE_FIELDS: [&str; 8] = [
    "remark",
    "groupid",
    "tagid_list",
    "language",
    "subscribe_scene",
    "qr_scene",
    "qr_scene_str",
    "watermark",
];

/// Codes that no documentation of a path names, and what WeChat says with them.
const UNKNOWN_CODES: [(i64, &str); 4] = [
    (-1000, "system error"),
    (45162, "freq limit"),
    (65302, "system busy"),
    (9_999_999, "unknown error"),
];

/// A code that no documentation names, with its text.
pub(crate) fn unknown_error(draw: &mut Draw) -> (i64, &'static str) {
    draw.random().pick(&UNKNOWN_CODES).unwrap_or(UNKNOWN_CODES[0])
}

/// Changes what an answer says. `sends` is whether the call sends a message.
pub(crate) fn change(draw: &mut Draw, answer: &mut Value, sends: bool) {
    profile::change(draw, answer);
    let is_success = answer.get("errcode").is_none_or(|errcode| errcode == 0);
    if sends && is_success {
        draw.try_to(Oddity::SendWithoutMsgid, |_| remove(answer, "msgid"));
    }
    if let Some(phone) = answer.get_mut("phone_info") {
        draw.try_to(Oddity::PhoneWithoutPureNumber, |_| remove(phone, "purePhoneNumber"));
    }
    draw.try_to(Oddity::NullFields, |_| fill_side_fields(answer, is_success, &Value::Null));
    draw.try_to(Oddity::EmptyFields, |_| fill_side_fields(answer, is_success, &json!("")));
    draw.try_to(Oddity::MissingFields, |_| remove_side_fields(answer, is_success));
    draw.try_to(Oddity::NumbersAsStrings, |_| numbers_as_strings(answer));
    draw.try_to(Oddity::StringsAsNumbers, |_| strings_as_numbers(answer));
    draw.try_to(Oddity::UnknownFields, |_| {
        let odd = json!({"list": [1, null, {"deep": ""}], "errcode": 1});
        insert(answer, "sandbox_object", odd) && insert(answer, "sandbox_text", json!("<xml>雁]]>"))
    });
    let mark = |answer: &mut Value, character: char| insert_text(answer, is_success, character);
    draw.try_to(Oddity::RawControlCharacters, |_| mark(answer, raw('\u{8}')));
    draw.try_to(Oddity::HalfSurrogates, |_| mark(answer, HALF_SURROGATE));
    draw.try_to(Oddity::InvalidUtf8, |_| mark(answer, INVALID_BYTE));
}

/// The bytes of an answer.
pub(crate) fn write(draw: &mut Draw, answer: &Value) -> Vec<u8> {
    let text = if draw.applies(Oddity::WhiteSpace) {
        format!("\r\n {answer:#}\r\n")
    } else {
        answer.to_string()
    };
    let byte_order_mark = draw.applies(Oddity::ByteOrderMark);
    text::bytes(&text, b"\\ud83d", byte_order_mark)
}

/// Applies a function to each value within, and to this one. Returns whether any changed.
fn each(value: &mut Value, change: &mut impl FnMut(&mut Value) -> bool) -> bool {
    let changed = match value {
        Value::Object(map) => map.values_mut().fold(false, |any, it| each(it, change) | any),
        Value::Array(values) => values.iter_mut().fold(false, |any, it| each(it, change) | any),
        _ => false,
    };
    change(value) | changed
}

fn numbers_as_strings(answer: &mut Value) -> bool {
    each(answer, &mut |value| {
        let Value::Number(number) = value else { return false };
        *value = number.to_string().into();
        true
    })
}

fn strings_as_numbers(answer: &mut Value) -> bool {
    each(answer, &mut |value| {
        let number = value.as_str().and_then(plain_number);
        number.is_some_and(|number| {
            *value = number.into();
            true
        })
    })
}

/// The number of which this text is the digits, and nothing is lost.
pub(crate) fn plain_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Applies a function to the name and the value of each side field.
fn side_fields(
    answer: &mut Value,
    is_success: bool,
    change: impl Fn(&mut Map<String, Value>, &str),
) -> bool {
    let mut any = false;
    if is_success && let Some(map) = answer.as_object_mut().filter(|it| it.contains_key("errmsg")) {
        change(map, "errmsg");
        any = true;
    }
    each(answer, &mut |value| {
        let Some(map) = value.as_object_mut() else { return false };
        let before = map.clone();
        for name in SIDE_FIELDS.into_iter().filter(|name| before.contains_key(*name)) {
            change(map, name);
        }
        *map != before
    }) | any
}

fn fill_side_fields(answer: &mut Value, is_success: bool, with: &Value) -> bool {
    // A session and a profile of a user without a unionid.
    let without_union_id = each(answer, &mut |value| {
        let is_user = value.get("openid").is_some_and(Value::is_string)
            && (value.get("session_key").is_some() || value.get("subscribe").is_some());
        is_user && value.get("unionid").is_none() && insert(value, "unionid", with.clone())
    });
    side_fields(answer, is_success, |map, name| {
        map.insert(name.to_owned(), with.clone());
    }) | without_union_id
}

fn remove_side_fields(answer: &mut Value, is_success: bool) -> bool {
    side_fields(answer, is_success, |map, name| drop(map.remove(name)))
}

/// Puts a character where people's texts are: into remarks, or into the text of a success.
/// Elsewhere there is a field for it.
fn insert_text(answer: &mut Value, is_success: bool, character: char) -> bool {
    let append = |value: Option<&mut Value>| {
        let Some(Value::String(text)) = value else { return false };
        text.push(character);
        true
    };
    let any = each(answer, &mut |value| append(value.get_mut("remark")));
    any || is_success && append(answer.get_mut("errmsg"))
        || insert(answer, "sandbox_remark", format!("雁{character}").into())
}

fn insert(value: &mut Value, name: &str, field: Value) -> bool {
    value.as_object_mut().is_some_and(|map| map.insert(name.to_owned(), field).is_none())
}

fn remove(value: &mut Value, name: &str) -> bool {
    value.as_object_mut().is_some_and(|map| map.remove(name).is_some())
}
