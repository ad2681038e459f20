//! Clients' requests, as the engine takes and answers them.

use axum::http::StatusCode;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Inner, engine, lock, stream};

/// How the engine begins its ARNs; ours name a real region, which some clients check.
const THEIRS: &str = "arn:aws:dynamodb:dynoxide:000000000000:";
const OURS: &str = "arn:aws:dynamodb:us-east-1:000000000000:";

/// How the engine's types begin the reasons that a request isn't one of theirs, and whether the
/// error is DynamoDB's `ValidationException`; the others are `SerializationException`s. The
/// longer of two that begin alike comes first.
const MARKS: [(&str, bool); 5] = [
    ("SERIALIZATION_AS_READ:", false),
    ("VALIDATION_AS_READ:", true),
    ("SERIALIZATION:", false),
    ("VALIDATION_REQUEST:", true),
    ("VALIDATION:", true),
];

/// The same of unmarked reasons, wherever in the text.
const INVALID: [&str; 5] = [
    "missing field",
    "unknown variant",
    "invalid type: null",
    "empty AttributeValue",
    "Supplied AttributeValue",
];

/// Executes a request; returns the status and the body of the answer. Runs SQL on this thread.
pub(super) fn answer(inner: &Inner, operation: &str, asked: &[u8]) -> (StatusCode, String) {
    let asked = String::from_utf8_lossy(asked);
    let answered = if needs_correction(operation) {
        let answered = execute(&inner.database, operation, &asked.replace(OURS, THEIRS));
        answered.map(|answer| correct(inner, operation, &answer.replace(THEIRS, OURS)))
    } else {
        execute(&inner.database, operation, &asked)
    };
    match answered {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            let body = error.to_json().replace(THEIRS, OURS);
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
        }
    }
}

fn execute(database: &Database, operation: &str, asked: &str) -> Result<String, DynoxideError> {
    macro_rules! operations {
        ($($name:literal => $method:ident),* $(,)?) => {
            match operation {
                $($name => written(&database.$method(read(operation, asked)?)?),)*
                _ => Err(DynoxideError::UnsupportedCapability(format!(
                    "{operation} is not served on this machine"
                ))),
            }
        };
    }
    operations! {
        "CreateTable" => create_table,
        "DeleteTable" => delete_table,
        "DescribeTable" => describe_table,
        "UpdateTable" => update_table,
        "ListTables" => list_tables,
        "UpdateTimeToLive" => update_time_to_live,
        "DescribeTimeToLive" => describe_time_to_live,
        "TagResource" => tag_resource,
        "UntagResource" => untag_resource,
        "ListTagsOfResource" => list_tags_of_resource,
        "PutItem" => put_item,
        "GetItem" => get_item,
        "DeleteItem" => delete_item,
        "UpdateItem" => update_item,
        "Query" => query,
        "Scan" => scan,
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "TransactGetItems" => transact_get_items,
        "TransactWriteItems" => transact_write_items,
        "ExecuteStatement" => execute_statement,
        "ExecuteTransaction" => execute_transaction,
        "BatchExecuteStatement" => batch_execute_statement,
        "ListStreams" => list_streams,
        "DescribeStream" => describe_stream,
        "GetShardIterator" => get_shard_iterator,
        "GetRecords" => get_records,
    }
}

fn read<T: DeserializeOwned>(operation: &str, asked: &str) -> Result<T, DynoxideError> {
    serde_json::from_str(asked).map_err(|error| {
        let text = error.to_string();
        let (text, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
        for (mark, is_invalid) in MARKS {
            let Some(text) = text.strip_prefix(mark) else { continue };
            // DynamoDB says so of single writes only.
            let write = matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem");
            let prefix = if mark == "VALIDATION_REQUEST:" && write {
                "1 validation error detected: "
            } else {
                ""
            };
            return unreadable(is_invalid, format!("{prefix}{text}"));
        }
        unreadable(INVALID.iter().any(|known| text.contains(known)), text.to_owned())
    })
}

fn unreadable(is_invalid: bool, text: String) -> DynoxideError {
    if is_invalid {
        DynoxideError::ValidationException(text)
    } else {
        DynoxideError::SerializationException(text)
    }
}

fn written(answer: &impl Serialize) -> Result<String, DynoxideError> {
    serde_json::to_string(answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Whether requests and answers of this operation need corrections; items pass untouched.
fn needs_correction(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable"
            | "DeleteTable"
            | "DescribeStream"
            | "DescribeTable"
            | "GetRecords"
            | "GetShardIterator"
            | "ListStreams"
            | "ListTagsOfResource"
            | "TagResource"
            | "UntagResource"
            | "UpdateTable"
    )
}

/// Records as AWS would have them, and an open shard that looks open. A deleted table's records
/// go as well, or a new table of the name would seem to have them.
fn correct(inner: &Inner, operation: &str, text: &str) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    match operation {
        "DeleteTable" => {
            let table = body["TableDescription"]["TableName"].as_str().unwrap_or_default();
            if let Err(error) = engine::delete_stream_records(&lock(&inner.beside), table) {
                tracing::warn!(%error, "a deleted table's stream records stay");
            }
        }
        "DescribeStream" => open_shards(&mut body),
        "GetRecords" => {
            if let Some(records) = body["Records"].as_array_mut() {
                records.retain(|record| !stream::changed_nothing(record));
                for record in records {
                    record["awsRegion"] = crate::services::REGION.into();
                }
            }
        }
        _ => {}
    }
    body.to_string()
}

fn open_shards(body: &mut Value) {
    for shard in body["StreamDescription"]["Shards"].as_array_mut().into_iter().flatten() {
        if let Some(range) = shard["SequenceNumberRange"].as_object_mut() {
            range.remove("EndingSequenceNumber");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynoxide::actions::put_item::PutItemRequest;
    use serde_json::json;

    #[test]
    fn an_open_shard_has_no_end() {
        let range = json!({"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"});
        let shard = json!({"ShardId": "s", "SequenceNumberRange": range});
        let mut body = json!({"StreamDescription": {"Shards": [shard]}});
        open_shards(&mut body);
        let range = &body["StreamDescription"]["Shards"][0]["SequenceNumberRange"];
        assert_eq!(range, &json!({"StartingSequenceNumber": "1"}));
    }

    #[test]
    fn request_that_is_none_is_refused_as_dynamodb_does() {
        let refusal = |body: &str| {
            let read = read::<PutItemRequest>("PutItem", body);
            let error = read.err().unwrap();
            (error.status_code(), error.to_json())
        };
        for (body, code) in [
            ("", "SerializationException"),
            ("{", "SerializationException"),
            (r#"{"TableName": 7, "Item": {}}"#, "SerializationException"),
            (r#"{"TableName": "t", "Item": {"id": {}}}"#, "ValidationException"),
            (r#"{"TableName": "t", "Item": {"id": {"N": "x"}}}"#, "ValidationException"),
        ] {
            let (status, json) = refusal(body);
            assert_eq!(status, 400, "{body}");
            assert!(json.contains(code), "{body}: {json}");
            for (mark, _) in MARKS {
                assert!(!json.contains(mark), "{body}: {json}");
            }
        }
    }
}
