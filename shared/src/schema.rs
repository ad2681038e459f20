//! Types as JSON Schema, in the form of the published contracts. Only tests use it.

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// Settings for schemas with one-line descriptions and without null defaults. A response's
/// schema has what is present, a request's what is allowed.
pub fn settings(contract: &Contract) -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.contract = contract.clone();
    let is_response = settings.contract.is_serialize();
    settings = settings
        .with_transform(RecursiveTransform(in_one_line))
        .with_transform(RecursiveTransform(no_null_default));
    if is_response {
        settings = settings.with_transform(RecursiveTransform(omit_null));
    }
    settings
}

/// The schema of a type.
pub fn schema_for<T: JsonSchema>(contract: &Contract) -> Schema {
    settings(contract).into_generator().into_root_schema_for::<T>()
}

/// Joins the lines of a doc comment.
fn in_one_line(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split('\n').collect::<Vec<_>>().join(" ").replace('`', "");
    }
}

/// Optional fields of a response are omitted, never null.
fn omit_null(schema: &mut Schema) {
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

/// Removes a default of null.
fn no_null_default(schema: &mut Schema) {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
}
