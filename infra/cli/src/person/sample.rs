//! Made-up values for a template's fields, of the sort that WeChat's keys take.

use serde_json::{Map, Value};
use shared::parameters::{FieldSource, Template, fill};
use shared::wechat::field::FieldType;
use std::collections::BTreeMap;

/// What stands in for a text.
const TEXT: &str = "示例";

/// A value for each field. Where a field fills keys of several sorts, or stands in the
/// middle of a text, none may fit; then the dry run says so.
pub(super) fn sample(template: &Template) -> Map<String, Value> {
    let value = |field: &String| (field.clone(), Value::from(of(template, field)));
    template.fields.iter().map(value).collect()
}

fn of(template: &Template, field: &str) -> &'static str {
    let data = template.channels.iter().filter_map(|channel| channel.data());
    for (data, message) in data {
        for (key, content) in data {
            let (text, value) = match content {
                FieldSource::Text { text, .. } => (text, of_type(FieldType::of(key, message))),
                FieldSource::Time(text) => (text, "2026-11-20 15:04"),
                FieldSource::Date(text) => (text, "2026-11-20"),
                FieldSource::Amount { amount, .. } => (amount, "12"),
            };
            if names(text, field) {
                return value;
            }
        }
    }
    TEXT
}

/// Whether a text has the field in it: whether leaving that one field out is noticed.
fn names(text: &str, field: &str) -> bool {
    match fill(text, &BTreeMap::new()) {
        Ok(_) => false,
        Err(_) => text.contains(&format!("{{{field}}}")),
    }
}

fn of_type(of: FieldType) -> &'static str {
    match of {
        FieldType::Number => "1",
        FieldType::Letter => "A",
        FieldType::Symbol => "-",
        FieldType::CharacterString => "A1",
        FieldType::Time => "2026-11-20 15:04",
        FieldType::Date => "2026-11-20",
        FieldType::Amount => "¥12.50",
        FieldType::PhoneNumber => "13800000000",
        FieldType::CarNumber => "粤A12345",
        FieldType::Thing
        | FieldType::ShortThing
        | FieldType::Name
        | FieldType::Phrase
        | FieldType::Listed
        | FieldType::Keyword
        | FieldType::Hidden
        | FieldType::Unknown => TEXT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::wechat::field::MessageKind;

    #[test]
    fn every_value_keeps_to_the_rule_of_its_type() {
        let names = [
            "thing1",
            "short_thing1",
            "number1",
            "letter1",
            "symbol1",
            "character_string1",
            "time1",
            "date1",
            "amount1",
            "phone_number1",
            "car_number1",
            "name1",
            "phrase1",
            "const1",
            "keyword1",
            "first",
        ];
        for message in [MessageKind::Template, MessageKind::Subscribe] {
            for key in names {
                let of = FieldType::of(key, message);
                assert!(of.check(of_type(of)).is_ok(), "{key} of {message:?}");
            }
        }
    }

    #[test]
    fn a_field_is_filled_by_the_key_that_shows_it() {
        let template: Template = serde_json::from_value(json!({
            "fields": ["product", "at", "price", "note"],
            "channels": [
                { "channel": "customer_service", "app": "shop", "text": "{product} {note}" },
                { "channel": "template", "app": "shop", "template_id": "T", "data": {
                    "thing1": "{product}", "time2": { "time": "{at}" },
                    "amount3": { "amount": "{price}" } } },
            ],
        }))
        .unwrap();
        let expected =
            json!({ "product": TEXT, "at": "2026-11-20 15:04", "price": "12", "note": TEXT });
        assert_eq!(Value::Object(sample(&template)), expected);
    }
}
