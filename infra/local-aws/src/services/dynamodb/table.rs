//! Tables, made from their definitions in the template.

use std::collections::BTreeMap;
use std::path::Path;

use dynoxide::{Database, TableMetadata};
use serde_json::{Map, Value, json};

use crate::services::error::Error;

/// What `CreateTable` knows of the properties that `AWS::DynamoDB::Table` has.
const PROPERTIES: [&str; 8] = [
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "TableName",
];

/// Makes the table, or brings the one that is there up to its definition.
pub(super) fn create(
    database: &Database,
    folder: Option<&Path>,
    definition: &Value,
) -> Result<(), Error> {
    let Some(name) = definition["TableName"].as_str() else {
        return Err(Error::Database("a table's definition has no TableName".to_owned()));
    };
    match database.get_table_metadata(name)? {
        None => {
            let request = serde_json::from_value(request(definition)).map_err(|error| {
                let reason = error.to_string();
                let reason = reason.strip_prefix("VALIDATION:").unwrap_or(&reason);
                Error::Database(format!("the table {name} cannot be made: {reason}"))
            })?;
            database.create_table(request).map_err(|error| {
                Error::Database(format!("the table {name} cannot be made: {error}"))
            })?;
        }
        Some(table) => update(database, folder, &table, definition)?,
    }
    expire(database, name, &definition["TimeToLiveSpecification"])
}

/// The `CreateTable` request that a definition amounts to.
fn request(definition: &Value) -> Value {
    let mut request: Map<String, Value> = PROPERTIES
        .iter()
        .filter_map(|&name| definition.get(name).map(|value| (name.to_owned(), value.clone())))
        .collect();
    if let Some(view) = stream_view(definition) {
        let stream = json!({"StreamEnabled": true, "StreamViewType": view});
        request.insert("StreamSpecification".to_owned(), stream);
    }
    Value::Object(request)
}

/// What a stream's records show, if the table is to have one. The template
/// says only that; `CreateTable` also says whether.
fn stream_view(definition: &Value) -> Option<&str> {
    let stream = &definition["StreamSpecification"];
    stream["StreamViewType"].as_str().filter(|_| stream["StreamEnabled"] != false)
}

fn update(
    database: &Database,
    folder: Option<&Path>,
    table: &TableMetadata,
    definition: &Value,
) -> Result<(), Error> {
    let differs = |what| {
        Err(Error::TableDiffers {
            table: table.table_name.clone(),
            what,
            folder: folder.map(Path::to_path_buf),
        })
    };
    let stored = |json: Option<&str>| {
        json.and_then(|json| serde_json::from_str::<Value>(json).ok()).unwrap_or_default()
    };
    if keys(&stored(Some(&table.key_schema))) != keys(&definition["KeySchema"]) {
        return differs("keys");
    }
    if attributes(&stored(Some(&table.attribute_definitions)))
        != attributes(&definition["AttributeDefinitions"])
    {
        return differs("key attributes");
    }
    if indexes(&stored(table.gsi_definitions.as_deref()))
        != indexes(&definition["GlobalSecondaryIndexes"])
        || indexes(&stored(table.lsi_definitions.as_deref()))
            != indexes(&definition["LocalSecondaryIndexes"])
    {
        return differs("indexes");
    }
    let protected = definition["DeletionProtectionEnabled"] == true;
    if table.deletion_protection_enabled != protected {
        let request = json!({
            "TableName": table.table_name,
            "DeletionProtectionEnabled": protected,
        });
        let request = serde_json::from_value(request)
            .map_err(|error| Error::Database(format!("cannot protect a table: {error}")))?;
        database.update_table(request)?;
    }
    let Some(view) = stream_view(definition) else { return Ok(()) };
    if !table.stream_enabled {
        let request = json!({
            "TableName": table.table_name,
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": view},
        });
        let request = serde_json::from_value(request)
            .map_err(|error| Error::Database(format!("cannot switch a stream on: {error}")))?;
        database.update_table(request)?;
    } else if table.stream_view_type.as_deref() != Some(view) {
        return differs("contents of its stream's records");
    }
    Ok(())
}

/// Sets the attribute by which items expire, if it is another one now.
fn expire(database: &Database, name: &str, wanted: &Value) -> Result<(), Error> {
    let wanted = wanted["AttributeName"].as_str().filter(|_| wanted["Enabled"] != false);
    let now = database
        .get_table_metadata(name)?
        .and_then(|table| table.ttl_attribute.filter(|_| table.ttl_enabled));
    if now.as_deref() == wanted {
        return Ok(());
    }
    let set = |attribute: &str, enabled: bool| {
        let request = json!({
            "TableName": name,
            "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled},
        });
        let request = serde_json::from_value(request)
            .map_err(|error| Error::Database(format!("cannot set a TTL: {error}")))?;
        Ok::<_, Error>(database.update_time_to_live(request).map(drop)?)
    };
    // The engine, like AWS, wants the old attribute switched off first.
    if let Some(now) = now {
        set(&now, false)?;
    }
    wanted.map_or(Ok(()), |wanted| set(wanted, true))
}

/// A list's members, whatever is missing being empty.
fn members(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// `(HASH or RANGE, attribute)`, handle.
fn keys(schema: &Value) -> Vec<(&str, &str)> {
    let mut keys: Vec<_> =
        members(schema).map(|key| (text(key, "KeyType"), text(key, "AttributeName"))).collect();
    keys.sort_unstable();
    keys
}

fn attributes(definitions: &Value) -> BTreeMap<&str, &str> {
    members(definitions)
        .map(|attribute| (text(attribute, "AttributeName"), text(attribute, "AttributeType")))
        .collect()
}

/// What makes one index another: its keys, and what it holds besides.
#[derive(PartialEq)]
struct Index<'a> {
    keys: Vec<(&'a str, &'a str)>,
    projection: &'a str,
    attributes: Vec<&'a str>,
}

/// Each index by name.
fn indexes(list: &Value) -> BTreeMap<&str, Index<'_>> {
    members(list)
        .map(|index| {
            let name = text(index, "IndexName");
            let projection = &index["Projection"];
            let mut attributes: Vec<_> =
                members(&projection["NonKeyAttributes"]).filter_map(Value::as_str).collect();
            attributes.sort_unstable();
            let index = Index {
                keys: keys(&index["KeySchema"]),
                projection: projection["ProjectionType"].as_str().unwrap_or("ALL"),
                attributes,
            };
            (name, index)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Value {
        json!({
            "TableName": "letters",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "sent", "AttributeType": "N"},
            ],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-time",
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "sent", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b"]},
            }],
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
        })
    }

    fn ttl(database: &Database) -> Option<String> {
        let table = database.get_table_metadata("letters").unwrap().unwrap();
        table.ttl_attribute.filter(|_| table.ttl_enabled)
    }

    #[test]
    fn the_same_definition_twice_is_one_table() {
        let database = Database::memory().unwrap();
        create(&database, None, &definition()).unwrap();
        let mut again = definition();
        again["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] = json!(["b", "a"]);
        create(&database, None, &again).unwrap();
        let table = database.get_table_metadata("letters").unwrap().unwrap();
        assert!(table.stream_enabled);
        assert_eq!(ttl(&database).as_deref(), Some("expires"));
    }

    #[test]
    fn changed_table_definition_is_an_error_that_asks_for_a_new_table() {
        let database = Database::memory().unwrap();
        create(&database, None, &definition()).unwrap();
        for (pointer, value, what) in [
            ("/KeySchema/0/AttributeName", json!("sent"), "keys"),
            ("/AttributeDefinitions/1/AttributeType", json!("S"), "key attributes"),
            ("/GlobalSecondaryIndexes/0/IndexName", json!("x"), "indexes"),
            ("/GlobalSecondaryIndexes", json!([]), "indexes"),
            ("/StreamSpecification/StreamViewType", json!("KEYS_ONLY"), "contents"),
        ] {
            let mut other = definition();
            *other.pointer_mut(pointer).unwrap() = value;
            let folder = Some(Path::new("elsewhere/data"));
            let error = create(&database, folder, &other).unwrap_err().to_string();
            assert!(error.contains(what), "{pointer}: {error}");
            assert!(error.contains("delete the folder elsewhere/data"), "{error}");
        }
    }

    #[test]
    fn a_stream_and_a_ttl_can_be_added_and_the_ttl_changed() {
        let database = Database::memory().unwrap();
        let mut plain = definition();
        plain.as_object_mut().unwrap().remove("StreamSpecification");
        plain.as_object_mut().unwrap().remove("TimeToLiveSpecification");
        create(&database, None, &plain).unwrap();
        assert_eq!(ttl(&database), None);

        create(&database, None, &definition()).unwrap();
        assert!(database.get_table_metadata("letters").unwrap().unwrap().stream_enabled);
        assert_eq!(ttl(&database).as_deref(), Some("expires"));

        let mut other = definition();
        other["TimeToLiveSpecification"]["AttributeName"] = json!("until");
        create(&database, None, &other).unwrap();
        assert_eq!(ttl(&database).as_deref(), Some("until"));
    }

    #[test]
    fn a_definition_that_dynamodb_would_refuse_is_refused() {
        let database = Database::memory().unwrap();
        let mut bad = definition();
        bad["AttributeDefinitions"] = json!([]);
        let error = create(&database, None, &bad).unwrap_err().to_string();
        assert!(error.starts_with("the database: the table letters cannot be made: "), "{error}");
    }
}
