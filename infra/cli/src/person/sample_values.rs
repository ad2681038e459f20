//! Sample values for a template's fields, valid for WeChat's types.

use serde_json::{Map, Value};
use shared::parameters::{FieldSource, Template, fill};
use shared::wechat::field::FieldType;
use std::collections::BTreeMap;

const SAMPLE_TEXT: &str = "示例";

/// A value for each field. If a field fills keys of several types, or a part of a key, the
/// value may be invalid for some; then the dry run reports it.
pub(super) fn sample_values(template: &Template) -> Map<String, Value> {
    let value = |field: &String| (field.clone(), Value::from(sample_value(template, field)));
    template.fields.iter().map(value).collect()
}

fn sample_value(template: &Template, field: &str) -> &'static str {
    let data = template.channels.iter().filter_map(|channel| channel.data());
    for (data, message) in data {
        for (key, content) in data {
            let (text, value) = match content {
                FieldSource::Text { text, .. } => {
                    (text, value_of_type(FieldType::for_key(key, message)))
                }
                FieldSource::Time(text) => (text, "2026-11-20 15:04"),
                FieldSource::Date(text) => (text, "2026-11-20"),
                FieldSource::Amount { amount, .. } => (amount, "12"),
            };
            if contains_field(text, field) {
                return value;
            }
        }
    }
    SAMPLE_TEXT
}

fn contains_field(text: &str, field: &str) -> bool {
    match fill(text, &BTreeMap::new()) {
        Ok(_) => false,
        Err(_) => text.contains(&format!("{{{field}}}")),
    }
}

fn value_of_type(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Number => "1",
        FieldType::Letter => "A",
        FieldType::Symbol => "-",
        FieldType::CharacterString => "A1",
        FieldType::Time => "2026-11-20 15:04",
        FieldType::Date => "2026-11-20",
        FieldType::Amount | FieldType::LongAmount => "¥12.50",
        FieldType::PhoneNumber => "13800000000",
        FieldType::CarNumber => "粤A12345",
        FieldType::Thing
        | FieldType::ShortThing
        | FieldType::Name
        | FieldType::Phrase
        | FieldType::Listed
        | FieldType::OptionalListed
        | FieldType::Keyword
        | FieldType::Hidden
        | FieldType::Unknown => SAMPLE_TEXT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::wechat::field::MessageKind;

    #[test]
    fn sample_values_are_valid_for_their_types() {
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
                let field_type = FieldType::for_key(key, message);
                assert!(
                    field_type.check(value_of_type(field_type)).is_ok(),
                    "{key} of {message:?}"
                );
            }
        }
    }

    #[test]
    fn key_that_shows_a_field_decides_its_value() {
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
        let expected = json!({ "product": SAMPLE_TEXT, "at": "2026-11-20 15:04", "price": "12", "note": SAMPLE_TEXT });
        assert_eq!(Value::Object(sample_values(&template)), expected);
    }
}
