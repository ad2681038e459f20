//! The contract of this function, as JSON Schema: the files in `schema/` say what
//! the types say. `make schema` writes them.

use crate::cancel::Cancel;
use crate::check;
use crate::list;
use crate::remaining::{Left, Remaining};
use crate::report::{Report, Reports};
use crate::request::{MOST_RECIPIENTS, Recipient, Recipients, Request};
use schemars::generate::Contract;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use shared::parameters::Template;
use shared::schema::of;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

mod agreement;

/// A moment, as callers write it.
pub(crate) struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "By RFC 3339, with any zone (2026-11-20T15:04:00+08:00), or in seconds since 1970.",
            "anyOf": [
                {
                    "type": "string",
                    "format": "date-time",
                    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
                },
                { "type": "integer", "minimum": 0 },
            ],
        })
    }
}

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
                { "type": "array", "items": one, "minItems": 1, "maxItems": MOST_RECIPIENTS },
            ],
        })
    }
}

/// All files: their names, and what they say.
fn files() -> Vec<(&'static str, Schema)> {
    use Contract::{Deserialize as Asked, Serialize as Answered};
    vec![
        ("request.json", of::<Request>(&Asked)),
        ("answer.json", of::<Reports>(&Answered)),
        ("cancel.json", order("cancel", of::<Cancel>(&Asked))),
        ("cancel.answer.json", of::<Report>(&Answered)),
        ("remaining.json", order("remaining", of::<Remaining>(&Asked))),
        ("remaining.answer.json", of::<Left>(&Answered)),
        ("check_templates.json", order("check_templates", of::<check::Asked>(&Asked))),
        ("check_templates.answer.json", of::<check::Answer>(&Answered)),
        ("list_templates.json", order("list_templates", of::<list::Asked>(&Asked))),
        ("list_templates.answer.json", of::<list::Answer>(&Answered)),
        ("template.json", of::<Template>(&Asked)),
    ]
}

/// An order stands alone under its name.
fn order(name: &str, mut asked: Schema) -> Schema {
    let description = asked.remove("description");
    let schema = asked.remove("$schema");
    let definitions = asked.remove("$defs");
    asked.remove("title");
    let mut order = json_schema!({
        "$schema": schema,
        "title": name,
        "description": description,
        "type": "object",
        "properties": { name: asked },
        "required": [name],
        "additionalProperties": false,
    });
    if let Some(definitions) = definitions {
        order.insert("$defs".to_owned(), definitions);
    }
    order
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

fn written(schema: &Schema) -> String {
    serde_json::to_string_pretty(schema).unwrap() + "\n"
}

#[test]
fn the_files_say_what_the_types_say() {
    for (name, schema) in files() {
        let file = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(file == written(&schema), "schema/{name} is out of date; run `make schema`");
    }
}

#[test]
#[ignore = "it writes the files; `make schema` runs it"]
fn write() {
    std::fs::create_dir_all(folder()).unwrap();
    for (name, schema) in files() {
        std::fs::write(folder().join(name), written(&schema)).unwrap();
    }
}
