//! What types look like as JSON Schema, as the contracts that we publish have it.
//! Only tests take this.

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// How types are described: on one line each, and without what nobody needs to
/// know. What is answered says what is there, what is asked what may be.
pub fn settings(contract: &Contract) -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.contract = contract.clone();
    let answered = settings.contract.is_serialize();
    settings = settings
        .with_transform(RecursiveTransform(in_one_line))
        .with_transform(RecursiveTransform(no_null_default));
    if answered {
        settings = settings.with_transform(RecursiveTransform(left_out));
    }
    settings
}

/// What one type looks like.
pub fn of<T: JsonSchema>(contract: &Contract) -> Schema {
    settings(contract).into_generator().into_root_schema_for::<T>()
}

/// The lines of a doc comment are no lines elsewhere.
fn in_one_line(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split('\n').collect::<Vec<_>>().join(" ").replace('`', "");
    }
}

/// What is left out of an answer when there is none of it is never null.
fn left_out(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| required.as_array().is_some_and(|it| it.contains(&json!(name)));
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
        let Value::Object(property) = property else { continue };
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|kind| kind != "null");
            let kind = types[0].take();
            property.insert("type".to_owned(), kind);
        }
        if let Some(Value::Array(kinds)) = property.get_mut("anyOf") {
            kinds.retain(|kind| kind["type"] != "null");
            let kind = kinds[0]["$ref"].take();
            property.remove("anyOf");
            property.insert("$ref".to_owned(), kind);
        }
    }
}

/// That nothing is meant by nothing needs no saying.
fn no_null_default(schema: &mut Schema) {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
}
