//! The schema of a time.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// A time, as callers write it.
pub(crate) struct DateTime;

impl JsonSchema for DateTime {
    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "By RFC 3339, with any zone (2026-11-20T15:04:00+08:00), or in seconds since 1970.",
            "anyOf": [
                {
                    "type": "string",
                    "format": "date-time",
                    "maxLength": shared::timestamp::MAX_LENGTH,
                    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
                },
                { "type": "integer", "minimum": 0, "maximum": shared::timestamp::MAX_SECONDS },
            ],
        })
    }
}
