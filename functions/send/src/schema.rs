//! The contract of this function as JSON Schema. `make schema` writes the files in
//! `schema/` from the types.

use crate::commands::cancel::Cancel;
use crate::commands::check_templates::{CheckTemplates, CheckTemplatesResponse};
use crate::commands::list_templates::{ListTemplates, ListTemplatesResponse};
use crate::commands::remaining::{Remaining, RemainingResponse};
use crate::recipient::Recipient;
use crate::request::{MAX_RECIPIENTS, Recipients, Request};
use schemars::generate::Contract;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use shared::parameters::Template;
use shared::schema::schema_for;
use shared::send_response::{NotificationResult, SendResponse};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

mod agreement;
pub(crate) mod date_time;

impl JsonSchema for Recipients {
    fn schema_name() -> Cow<'static, str> {
        "Recipients".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Recipient>();
        json_schema!({
            "description": "One recipient, or several; each of several gets a notification of its own.",
            "anyOf": [
                one,
                { "type": "array", "items": one, "minItems": 1, "maxItems": MAX_RECIPIENTS },
            ],
        })
    }
}

/// The files by name.
fn files() -> Vec<(&'static str, Schema)> {
    use Contract::{Deserialize, Serialize};
    vec![
        ("request.json", schema_for::<Request>(&Deserialize)),
        ("response.json", schema_for::<SendResponse>(&Serialize)),
        ("cancel.json", command("cancel", schema_for::<Cancel>(&Deserialize))),
        ("cancel.response.json", schema_for::<NotificationResult>(&Serialize)),
        ("remaining.json", command("remaining", schema_for::<Remaining>(&Deserialize))),
        ("remaining.response.json", schema_for::<RemainingResponse>(&Serialize)),
        (
            "check_templates.json",
            command("check_templates", schema_for::<CheckTemplates>(&Deserialize)),
        ),
        ("check_templates.response.json", schema_for::<CheckTemplatesResponse>(&Serialize)),
        (
            "list_templates.json",
            command("list_templates", schema_for::<ListTemplates>(&Deserialize)),
        ),
        ("list_templates.response.json", schema_for::<ListTemplatesResponse>(&Serialize)),
        ("template.json", schema_for::<Template>(&Deserialize)),
    ]
}

/// A command is an object with its parameters under its name, and nothing beside it.
fn command(name: &str, mut params: Schema) -> Schema {
    let description = params.remove("description");
    let schema = params.remove("$schema");
    let definitions = params.remove("$defs");
    params.remove("title");
    let mut command = json_schema!({
        "$schema": schema,
        "title": name,
        "description": description,
        "type": "object",
        "properties": { name: params },
        "required": [name],
        "additionalProperties": false,
    });
    if let Some(definitions) = definitions {
        command.insert("$defs".to_owned(), definitions);
    }
    command
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

fn to_text(schema: &Schema) -> String {
    serde_json::to_string_pretty(schema).unwrap() + "\n"
}

#[test]
fn schema_files_match_the_types() {
    for (name, schema) in files() {
        let file = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(file == to_text(&schema), "schema/{name} is out of date; run `make schema`");
    }
}

#[test]
#[ignore = "it writes the files; `make schema` runs it"]
fn write() {
    std::fs::create_dir_all(folder()).unwrap();
    for (name, schema) in files() {
        std::fs::write(folder().join(name), to_text(&schema)).unwrap();
    }
}
