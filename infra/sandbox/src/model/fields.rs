//! The typed fields of a template, and the rules for their values.
//!
//! Source: for subscription messages WeChat's documentation, "订阅消息参数值内容限制说明" (limits of
//! the values,
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html>).
//! For an Official Account's template messages the rules of category templates (类目模板), which
//! only WeChat's console shows: an `amount` has up to 12 digits, a `const` may be empty.

use crate::api_error::{self, ApiError};
use crate::model::message::ShownField;
use crate::model::template::{Template, TemplateKind};
use serde_json::Value;

mod date_time;

/// Maximum number of characters of a value in an Official Account's template from before 2023;
/// the rest is cut off without an error.
const MAX_UNTYPED_CHARS: usize = 20;

/// Checks `data` against the template, in the template's order, and returns the fields as
/// displayed.
pub(crate) fn render(
    template: &Template,
    data: Option<&Value>,
) -> Result<Vec<ShownField>, ApiError> {
    let data = data.and_then(Value::as_object).ok_or(api_error::DATA_FORMAT)?;
    let mut shown = Vec::new();
    for (label, key) in placeholders(&template.content) {
        let kind = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let value = match data.get(key).map(|field| field.get("value")) {
            None => None,
            Some(Some(Value::String(text))) => Some(text.clone()),
            // The documentation requires a text, but its samples have numbers too.
            Some(Some(Value::Number(number))) => Some(number.to_string()),
            Some(_) => return Err(invalid(key, "value invalid")),
        };
        // Templates from before 2023 have untyped keywords; WeChat no longer shows their first
        // and last lines.
        if matches!(kind, "first" | "remark") {
            continue;
        }
        let value = if kind == "keyword" {
            let value = value.unwrap_or_default();
            match template.kind {
                TemplateKind::Template => value.chars().take(MAX_UNTYPED_CHARS).collect(),
                _ => value,
            }
        } else {
            let value = value.ok_or_else(|| invalid(key, "value"))?;
            let is_account = !template.kind.is_subscription();
            if value.is_empty() && !(is_account && kind == "const") {
                return Err(invalid(key, "value is empty"));
            }
            let values = template.values.get(key).map(Vec::as_slice);
            if !value.is_empty() && !is_allowed(is_account, kind, &value, values) {
                return Err(invalid(key, "value invalid"));
            }
            value
        };
        shown.push(ShownField { key: key.to_owned(), label: label.to_owned(), value });
    }
    Ok(shown)
}

fn invalid(key: &str, what: &str) -> ApiError {
    ApiError::new(47003, format!("argument invalid! data.{key}.{what}"))
}

/// The labels and keys of a template's content, line by line.
fn placeholders(content: &str) -> impl Iterator<Item = (&str, &str)> {
    content.lines().filter_map(|line| {
        let (label, rest) = line.split_once("{{")?;
        let (key, _) = rest.split_once(".DATA}}")?;
        Some((label.trim().trim_end_matches([':', '：']), key.trim()))
    })
}

/// Whether a field of this type may have this value, in an Official Account's template message or
/// in a subscription message. Lengths are in UTF-16 units: WeChat does not document its unit, and
/// this is the strictest one.
fn is_allowed(is_account: bool, kind: &str, value: &str, values: Option<&[String]>) -> bool {
    let length = value.encode_utf16().count();
    let all = |test: fn(char) -> bool| value.chars().all(test);
    if value.chars().any(char::is_control) {
        return false;
    }
    match kind {
        "thing" => length <= 20,
        "short_thing" => length <= 5,
        "number" => length <= 32 && is_decimal(value, 32),
        "letter" => length <= 32 && all(|c| c.is_ascii_alphabetic()),
        "symbol" => length <= 5 && all(is_symbol),
        "character_string" => length <= 32 && all(|c| !is_han(c)),
        "time" => date_time::is_time(value),
        "date" => date_time::is_date(value),
        "amount" => is_amount(value, if is_account { 12 } else { 10 }),
        "phone_number" => length <= 17 && all(|c| c.is_ascii_digit() || is_symbol(c)),
        "car_number" => is_car_number(value),
        "name" if value.chars().any(is_han) => length <= 10 && all(|c| !c.is_ascii_digit()),
        "name" => length <= 20 && all(|c| !c.is_ascii_digit()),
        "phrase" => length <= 5 && all(is_han),
        "enum" | "enum_string" | "const" => {
            values.is_some_and(|values| values.iter().any(|it| it == value))
        }
        // The sandbox has no rule for an unknown type.
        _ => true,
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn is_symbol(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_control()
}

/// Digits with an optional decimal point, at most `max` before it.
fn is_decimal(text: &str, max: usize) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && whole.len() <= max && digits(fraction),
        None => digits(text) && text.len() <= max,
    }
}

/// An optional currency symbol, digits, decimals, and an optional 元.
fn is_amount(text: &str, max_digits: usize) -> bool {
    let text = text.strip_suffix('元').unwrap_or(text);
    is_decimal(text.strip_prefix(is_currency).unwrap_or(text), max_digits)
}

/// Unicode's currency symbols (Sc) that money is written with; a minus is none.
fn is_currency(c: char) -> bool {
    matches!(c, '$' | '¢'..='¥' | '฿' | '៛' | '₠'..='⃏' | '﷼' | '﹩' | '＄' | '￠' | '￡' | '￥' | '￦')
}

/// Up to eight letters and digits; the first and the last may be Chinese.
fn is_car_number(text: &str) -> bool {
    let count = text.chars().count();
    let fits = |(at, c): (usize, char)| {
        c.is_ascii_alphanumeric() || (is_han(c) && (at == 0 || at + 1 == count))
    };
    count <= 8 && text.chars().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ok(kind: &str, value: &str) -> bool {
        is_allowed(false, kind, value, None)
    }

    #[test]
    fn account_template_has_rules_of_its_own() {
        let shown = |kind: TemplateKind, key: &str, value: &str| {
            let template = Template { kind, ..template(&format!("A:{{{{{key}.DATA}}}}")) };
            render(&template, Some(&json!({ key: { "value": value } }))).is_ok()
        };
        let account = TemplateKind::Template;
        for (key, value) in
            [("amount1", "12345678901"), ("amount1", "¥123456789012.00"), ("const4", "")]
        {
            assert!(shown(account, key, value), "{key}: {value}");
            assert!(!shown(TemplateKind::OneTime, key, value), "{key}: {value}");
        }
        for value in ["-5.00", "1234567890123", "+1", "#1"] {
            assert!(!shown(account, "amount1", value), "{value}");
            assert!(!shown(TemplateKind::OneTime, "amount1", value), "{value}");
        }
        assert!(!shown(account, "enum_string4", ""));
    }

    #[test]
    fn each_type_has_a_rule() {
        for (kind, good, bad) in [
            ("thing", "二十个字以内，mixed 1!", "123456789012345678901"),
            ("thing", "12345678901234567890", "a\nb"),
            ("thing", "😀😀😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😀😀😀😀"),
            ("short_thing", "五个字以内", "六个字以内了"),
            ("number", "3.14", "3.1.4"),
            ("number", "0012", "12a"),
            ("letter", "abcXYZ", "abc1"),
            ("symbol", "!?-", "!a"),
            ("character_string", "SF-1234567890", "顺丰123"),
            ("time", "15:04", "25:00"),
            ("time", "2026-11-20 15:04", "2026-11-20"),
            ("time", "2026年11月20日 15:04:05", "15:04 2026-11-20"),
            ("time", "09:00~18:00", "09:00~"),
            ("date", "2026年11月20日", "2026-13-01"),
            ("date", "2026-11-20 15:04", "15:04"),
            ("date", "11月20日", "today"),
            ("amount", "￥19.90", "19.90.1"),
            ("amount", "100元", "12345678901"),
            ("amount", "0.01", "USD 1"),
            ("phone_number", "+86-0766-66888866", "call me"),
            ("car_number", "粤A8Z888挂", "粤A粤Z888"),
            ("name", "张三", "十一个汉字十一个汉字了"),
            ("name", "Ann Smith-Jones", "Ann Smith-Jones the 2nd"),
            ("phrase", "已发货", "shipped"),
            ("phrase", "五个汉字整", "六个汉字整了"),
        ] {
            assert!(ok(kind, good), "{kind}: {good}");
            assert!(!ok(kind, bad), "{kind}: {bad}");
        }
        let values = ["大".to_owned(), "小".to_owned()];
        assert!(is_allowed(false, "enum_string", "大", Some(&values)));
        assert!(!is_allowed(false, "enum_string", "中", Some(&values)));
    }

    fn template(content: &str) -> Template {
        Template {
            template_id: String::new(),
            title: String::new(),
            kind: TemplateKind::Template,
            content: content.to_owned(),
            example: String::new(),
            values: [].into(),
            industry: None,
        }
    }

    #[test]
    fn error_names_the_first_invalid_key_in_template_order() {
        let template = template("What:{{thing9.DATA}}\nWhen：{{time1.DATA}}\n");
        let errmsg = |data: Value| render(&template, Some(&data)).unwrap_err().errmsg.into_owned();
        // The alphabetical order is the same here, and the opposite below.
        assert_eq!(errmsg(json!({})), "argument invalid! data.thing9.value");
        let empty = json!({"time1": {"value": "no"}, "thing9": {"value": ""}});
        assert_eq!(errmsg(empty), "argument invalid! data.thing9.value is empty");
        let wrong = json!({"time1": {"value": "no"}, "thing9": {"value": "kettle"}});
        assert_eq!(errmsg(wrong), "argument invalid! data.time1.value invalid");
        let template = self::template("When:{{time1.DATA}}\nWhat:{{thing9.DATA}}");
        let both = json!({"time1": {"value": "no"}, "thing9": {"value": ""}});
        let error = render(&template, Some(&both)).unwrap_err();
        assert_eq!(error.errmsg, "argument invalid! data.time1.value invalid");
    }

    #[test]
    fn fields_are_shown_with_their_labels() {
        let template = template("What:{{thing9.DATA}}\nWhen：{{time1.DATA}}\n");
        let data = json!({"time1": {"value": "15:04"}, "thing9": {"value": "kettle"}, "extra": {"value": "ignored"}});
        let shown: Vec<_> = render(&template, Some(&data))
            .unwrap()
            .into_iter()
            .map(|it| format!("{} {}", it.label, it.value))
            .collect();
        assert_eq!(shown, ["What kettle", "When 15:04"]);
    }

    #[test]
    fn untyped_values_are_cut_and_first_and_remark_are_hidden() {
        let template = template("{{first.DATA}}\n订单:{{keyword1.DATA}}\n{{remark.DATA}}");
        let data =
            json!({"first": {"value": "hi"}, "keyword1": {"value": "123456789012345678901234"}});
        let shown = render(&template, Some(&data)).unwrap();
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].value, "12345678901234567890");
        // The messages of Mini Programs until 2020 were not cut off.
        let legacy = Template { kind: TemplateKind::Legacy, ..template };
        assert_eq!(render(&legacy, Some(&data)).unwrap()[0].value.len(), 24);
    }
}
