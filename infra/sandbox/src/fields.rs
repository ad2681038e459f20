//! The typed fields of a template, and what each of them may say.
//!
//! Source: WeChat's documentation, "订阅消息参数值内容限制说明" (limits of the
//! values of subscription messages).

use crate::app::{Template, TemplateKind};
use crate::message::Shown;
use crate::refusal::{self, Refusal};
use serde_json::Value;

mod moment;

/// Old templates of an Official Account cut their values here, without an error.
const OLD_LIMIT: usize = 20;

/// Checks `data` against the template, in the template's order, and gives the
/// fields as displayed.
pub(crate) fn fit(template: &Template, data: Option<&Value>) -> Result<Vec<Shown>, Refusal> {
    let data = data.and_then(Value::as_object).ok_or(refusal::DATA_FORMAT)?;
    let mut shown = Vec::new();
    for (label, key) in placeholders(&template.content) {
        let kind = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let value = match data.get(key).map(|field| field.get("value")) {
            None => None,
            Some(Some(Value::String(text))) => Some(text.clone()),
            // The documentation wants text, but its samples have numbers too.
            Some(Some(Value::Number(number))) => Some(number.to_string()),
            Some(_) => return Err(invalid(key, "value invalid")),
        };
        // The templates of before 2023 have no types; their first and last
        // lines are not shown any more.
        if matches!(kind, "first" | "remark") {
            continue;
        }
        if kind == "keyword" {
            let mut value = value.unwrap_or_default();
            if template.kind == TemplateKind::Template {
                value = value.chars().take(OLD_LIMIT).collect();
            }
            shown.push(Shown { key: key.to_owned(), label: label.to_owned(), value });
            continue;
        }
        let value = value.ok_or_else(|| invalid(key, "value"))?;
        if value.is_empty() {
            return Err(invalid(key, "value is empty"));
        }
        if !allowed(kind, &value, template.values.get(key).map(Vec::as_slice)) {
            return Err(invalid(key, "value invalid"));
        }
        shown.push(Shown { key: key.to_owned(), label: label.to_owned(), value });
    }
    Ok(shown)
}

fn invalid(key: &str, what: &str) -> Refusal {
    Refusal::new(47003, format!("argument invalid! data.{key}.{what}"))
}

/// The labels and keys of a template's content, line by line.
pub(crate) fn placeholders(content: &str) -> impl Iterator<Item = (&str, &str)> {
    content.lines().filter_map(|line| {
        let (label, rest) = line.split_once("{{")?;
        let (key, _) = rest.split_once(".DATA}}")?;
        Some((label.trim().trim_end_matches([':', '：']), key.trim()))
    })
}

/// Whether a field of this kind may say this. Lengths count UTF-16 units, as
/// WeChat's documentation doesn't say what a character is and this is the
/// strictest reading.
fn allowed(kind: &str, value: &str, values: Option<&[String]>) -> bool {
    let length = value.encode_utf16().count();
    let all = |test: fn(char) -> bool| value.chars().all(test);
    if value.chars().any(char::is_control) {
        return false;
    }
    match kind {
        "thing" => length <= 20,
        "short_thing" => length <= 5,
        "number" => length <= 32 && decimal(value, 32),
        "letter" => length <= 32 && all(|c| c.is_ascii_alphabetic()),
        "symbol" => length <= 5 && all(is_symbol),
        "character_string" => length <= 32 && all(|c| !is_han(c)),
        "time" => moment::is_time(value),
        "date" => moment::is_date(value),
        "amount" => is_amount(value),
        "phone_number" => length <= 17 && all(|c| c.is_ascii_digit() || is_symbol(c)),
        "car_number" => is_car_number(value),
        "name" if value.chars().any(is_han) => length <= 10 && all(|c| !c.is_ascii_digit()),
        "name" => length <= 20 && all(|c| !c.is_ascii_digit()),
        "phrase" => length <= 5 && all(is_han),
        "enum" | "enum_string" | "const" => {
            values.is_some_and(|values| values.iter().any(|it| it == value))
        }
        // A kind that this sandbox has not heard of has no rule to break.
        _ => true,
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn is_symbol(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_control()
}

/// Digits with at most one point between them, at most `most` before it.
fn decimal(text: &str, most: usize) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && whole.len() <= most && digits(fraction),
        None => digits(text) && text.len() <= most,
    }
}

/// One currency symbol, which may be missing, up to ten digits, decimals, and
/// 元 at the end if one likes.
fn is_amount(text: &str) -> bool {
    let text = text.strip_suffix('元').unwrap_or(text);
    let mut rest = text.chars();
    let rest =
        if rest.next().is_some_and(|c| is_symbol(c) && c != '.') { rest.as_str() } else { text };
    decimal(rest, 10)
}

/// Up to eight; the first and the last may be Chinese, the rest are letters and
/// digits.
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
        allowed(kind, value, None)
    }

    #[test]
    fn every_kind_has_its_rule() {
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
        assert!(allowed("enum_string", "大", Some(&values)));
        assert!(!allowed("enum_string", "中", Some(&values)));
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
    fn the_first_bad_key_in_the_templates_order_is_named() {
        let template = template("What:{{thing9.DATA}}\nWhen：{{time1.DATA}}\n");
        let errmsg = |data: Value| fit(&template, Some(&data)).unwrap_err().errmsg.into_owned();
        // In the order of the alphabet time1 would come after thing9 as well,
        // so the other way round is tried below.
        assert_eq!(errmsg(json!({})), "argument invalid! data.thing9.value");
        let empty = json!({"time1": {"value": "no"}, "thing9": {"value": ""}});
        assert_eq!(errmsg(empty), "argument invalid! data.thing9.value is empty");
        let wrong = json!({"time1": {"value": "no"}, "thing9": {"value": "kettle"}});
        assert_eq!(errmsg(wrong), "argument invalid! data.time1.value invalid");
        let template = self::template("When:{{time1.DATA}}\nWhat:{{thing9.DATA}}");
        let both = json!({"time1": {"value": "no"}, "thing9": {"value": ""}});
        let refusal = fit(&template, Some(&both)).unwrap_err();
        assert_eq!(refusal.errmsg, "argument invalid! data.time1.value invalid");
    }

    #[test]
    fn fields_are_shown_with_their_labels() {
        let template = template("What:{{thing9.DATA}}\nWhen：{{time1.DATA}}\n");
        let data = json!({"time1": {"value": "15:04"}, "thing9": {"value": "kettle"}, "extra": {"value": "ignored"}});
        let shown: Vec<_> = fit(&template, Some(&data))
            .unwrap()
            .into_iter()
            .map(|it| format!("{} {}", it.label, it.value))
            .collect();
        assert_eq!(shown, ["What kettle", "When 15:04"]);
    }

    #[test]
    fn old_templates_are_cut_and_lose_their_first_and_last_line() {
        let template = template("{{first.DATA}}\n订单:{{keyword1.DATA}}\n{{remark.DATA}}");
        let data =
            json!({"first": {"value": "hi"}, "keyword1": {"value": "123456789012345678901234"}});
        let shown = fit(&template, Some(&data)).unwrap();
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].value, "12345678901234567890");
        // What a Mini Program sent until 2020 was not cut.
        let legacy = Template { kind: TemplateKind::Legacy, ..template };
        assert_eq!(fit(&legacy, Some(&data)).unwrap()[0].value.len(), 24);
    }
}
