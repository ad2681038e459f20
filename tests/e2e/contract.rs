//! What send is asked and answers in all these scenarios is what its schemas say.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/send/schema");

/// What may be asked, by the name that only it has; and what is answered then.
static CONTRACT: LazyLock<Vec<(&str, Validator, Validator)>> = LazyLock::new(|| {
    let orders = ["cancel", "remaining", "check_templates", "list_templates"].map(|order| {
        (order, read(&format!("{order}.json")), read(&format!("{order}.response.json")))
    });
    let request = ("id", read("request.json"), read("response.json"));
    orders.into_iter().chain([request]).collect()
});

/// A schema, by which an answer has nothing that the schema doesn't name.
fn read(file: &str) -> Validator {
    let text = fs::read_to_string(Path::new(SCHEMAS).join(file)).unwrap();
    let mut schema = serde_json::from_str(&text).unwrap();
    forbid_others(&mut schema);
    jsonschema::validator_for(&schema).unwrap()
}

fn forbid_others(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(forbid_others);
            if object.get("properties").is_some_and(Value::is_object) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(forbid_others),
        _ => {}
    }
}

/// Checks what send has understood, and its answer.
pub(crate) fn check(asked: &Value, answer: &Value) {
    let part = CONTRACT.iter().find(|(name, ..)| asked.get(name).is_some());
    // The queue and the schedule ask as AWS does.
    let Some((_, question, report)) = part else { return };
    for (schema, value) in [(question, asked), (report, answer)] {
        if let Err(error) = schema.validate(value) {
            panic!("{value} is not what the schema says: {error} at {}", error.instance_path());
        }
    }
}
