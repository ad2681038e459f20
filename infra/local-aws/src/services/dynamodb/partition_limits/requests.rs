//! The calls of one item each that a request is made of.

use axum::http::StatusCode;
use dynoxide::types::{item_size, read_capacity_units_with_consistency};
use dynoxide::{Database, Item};
use serde_json::{Map, Value, json};

use super::MESSAGE;
use super::buckets::Partition;
use super::units::{ItemChange, Schema};

/// The operations that are limited.
pub(super) fn is_limited(operation: &str) -> bool {
    matches!(
        operation,
        "BatchGetItem"
            | "BatchWriteItem"
            | "DeleteItem"
            | "GetItem"
            | "PutItem"
            | "Query"
            | "TransactGetItems"
            | "TransactWriteItems"
            | "UpdateItem"
    )
}

/// A request, as calls of one item each.
pub(super) struct Calls {
    shape: Shape,
    /// The request, without the calls that are refused.
    body: Value,
    calls: Vec<Call>,
    /// Whether each call of the request is refused, in its order.
    refused: Vec<bool>,
    /// The part of a batch that is refused.
    left: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Transaction,
    /// What is refused is handed back.
    Batch {
        field: &'static str,
        left: &'static str,
    },
}

/// A call of one item, or a query.
pub(super) struct Call {
    /// Units by partition, as far as they are known before.
    pub(super) expected: Vec<(Partition, f64)>,
    kind: Kind,
    /// Of a batch: its table, and the part of the request.
    part: (String, Value),
}

enum Kind {
    Read,
    Query(Partition),
    Write { schema: Box<Schema>, table: String, key: Item, before: Option<Item>, after: After },
}

enum After {
    Is(Option<Item>),
    /// It is read from the table.
    Unknown,
    Unchanged,
}

impl Calls {
    /// `None` if the request makes no sense: the engine says why.
    pub(super) fn read(database: &Database, operation: &str, mut body: Value) -> Option<Self> {
        let mut calls = Vec::new();
        let shape = match operation {
            "Query" => {
                body.as_object_mut()?
                    .entry("ReturnConsumedCapacity")
                    .or_insert_with(|| "TOTAL".into());
                calls.push(query(database, &body)?);
                Shape::Single
            }
            "TransactWriteItems" => {
                for item in body["TransactItems"].as_array()? {
                    let (operation, request) = item.as_object()?.iter().next()?;
                    calls.push(write(database, operation, request, true)?);
                }
                Shape::Transaction
            }
            "TransactGetItems" => {
                for item in body["TransactItems"].as_array()? {
                    let request = &item["Get"];
                    let table = request["TableName"].as_str()?;
                    calls.push(read(database, table, &request["Key"], 2.0)?);
                }
                Shape::Transaction
            }
            "BatchWriteItem" => {
                for (table, requests) in body["RequestItems"].as_object()? {
                    for part in requests.as_array()? {
                        let (kind, request) = part.as_object()?.iter().next()?;
                        let mut request = request.clone();
                        request["TableName"] = table.as_str().into();
                        let operation = if kind == "PutRequest" { "Put" } else { "Delete" };
                        let call = write(database, operation, &request, false)?;
                        calls.push(Call { part: (table.clone(), part.clone()), ..call });
                    }
                }
                Shape::Batch { field: "RequestItems", left: "UnprocessedItems" }
            }
            "BatchGetItem" => {
                for (table, request) in body["RequestItems"].as_object()? {
                    for key in request["Keys"].as_array()? {
                        let call = read(database, table, key, consistency(request))?;
                        calls.push(Call { part: (table.clone(), key.clone()), ..call });
                    }
                }
                Shape::Batch { field: "RequestItems", left: "UnprocessedKeys" }
            }
            "GetItem" => {
                let table = body["TableName"].as_str()?;
                calls.push(read(database, table, &body["Key"], consistency(&body))?);
                Shape::Single
            }
            _ => {
                calls.push(write(database, operation.strip_suffix("Item")?, &body, false)?);
                Shape::Single
            }
        };
        Some(Self { shape, body, calls, refused: Vec::new(), left: Value::Null })
    }

    /// The request that is to be executed.
    pub(super) fn body(&self) -> &Value {
        &self.body
    }

    /// Takes out the calls that are refused.
    pub(super) fn retain(&mut self, mut is_admitted: impl FnMut(&Call) -> bool) {
        self.refused = self.calls.iter().map(|call| !is_admitted(call)).collect();
        if let Shape::Batch { field, .. } = self.shape
            && self.refused.contains(&true)
        {
            self.left = self.parts(field, true);
            self.body[field] = self.parts(field, false);
        }
    }

    /// Whether all calls are refused.
    pub(super) fn is_empty(&self) -> bool {
        self.refused.iter().all(|refused| *refused)
    }

    /// Whether the request is refused as a whole if one of its calls is.
    pub(super) fn is_all_or_nothing(&self) -> bool {
        !matches!(self.shape, Shape::Batch { .. })
    }

    /// Why a transaction is cancelled: one reason for each of its items.
    pub(super) fn cancellation_reasons(&self) -> Option<Vec<Value>> {
        (self.shape == Shape::Transaction).then(|| {
            let reason = |refused: &bool| match refused {
                true => json!({ "Code": "ThrottlingError", "Message": MESSAGE }),
                false => json!({ "Code": "None" }),
            };
            self.refused.iter().map(reason).collect()
        })
    }

    /// The part of a batch that is refused, or the one that isn't, as the batch has it.
    fn parts(&self, field: &str, refused: bool) -> Value {
        let mut tables = Map::new();
        let calls = self.calls.iter().zip(&self.refused).filter(|(_, is)| **is == refused);
        for (Call { part: (table, part), .. }, _) in calls {
            let entry = match &self.body[field][table] {
                Value::Object(request) => {
                    let entry = tables.entry(table.clone()).or_insert_with(|| {
                        let mut request = request.clone();
                        request.insert("Keys".to_owned(), json!([]));
                        Value::Object(request)
                    });
                    &mut entry["Keys"]
                }
                _ => tables.entry(table.clone()).or_insert_with(|| json!([])),
            };
            if let Some(parts) = entry.as_array_mut() {
                parts.push(part.clone());
            }
        }
        Value::Object(tables)
    }

    /// The units that the answered request has consumed.
    pub(super) fn consumed(
        &self,
        database: &Database,
        status: StatusCode,
        answer: &Value,
    ) -> Vec<(Partition, f64)> {
        let in_transaction = self.shape == Shape::Transaction;
        let failed = answer["__type"].as_str().unwrap_or_default();
        let is_condition = ["ConditionalCheckFailedException", "TransactionCanceledException"]
            .iter()
            .any(|name| failed.ends_with(name));
        let executed = self.calls.iter().zip(&self.refused).filter(|(_, refused)| !**refused);
        let consumed = executed.flat_map(|(call, _)| match &call.kind {
            Kind::Write { schema, key, before, .. } if is_condition => {
                schema.looked_at(key, before.as_ref(), None, in_transaction)
            }
            _ if !status.is_success() => Vec::new(),
            Kind::Read => call.expected.clone(),
            Kind::Query(partition) => vec![(partition.clone(), units(&answer["ConsumedCapacity"]))],
            Kind::Write { schema, table, key, before, after } => {
                let found;
                let after = match after {
                    After::Is(after) => after.as_ref(),
                    After::Unchanged => before.as_ref(),
                    After::Unknown => {
                        found = item(database, table, key);
                        found.as_ref()
                    }
                };
                schema.written(key, before.as_ref(), after, in_transaction)
            }
        });
        consumed.collect()
    }

    /// The answer with what was refused, if something was.
    pub(super) fn complete(&self, mut answer: Value) -> Option<Value> {
        let Shape::Batch { left, .. } = self.shape else { return None };
        if !self.refused.contains(&true) || !answer.is_object() {
            return None;
        }
        answer[left] = self.left.clone();
        Some(answer)
    }
}

fn item(database: &Database, table: &str, key: &Item) -> Option<Item> {
    let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
    database.get_item(serde_json::from_value(request).ok()?).ok()?.item
}

fn parse(item: &Value) -> Option<Item> {
    serde_json::from_value(item.clone()).ok()
}

/// The share of a read's units: an eventually consistent one costs half.
fn consistency(request: &Value) -> f64 {
    if request["ConsistentRead"] == true { 1.0 } else { 0.5 }
}

fn read(database: &Database, table: &str, key: &Value, factor: f64) -> Option<Call> {
    let key = parse(key)?;
    let partition = Schema::read(database, table)?.partition(&key, true)?;
    let size = item(database, table, &key).map_or(0, |item| item_size(&item));
    let units = read_capacity_units_with_consistency(size, true) * factor;
    Some(Call { expected: vec![(partition, units)], kind: Kind::Read, part: Default::default() })
}

fn query(database: &Database, body: &Value) -> Option<Call> {
    let schema = Schema::read(database, body["TableName"].as_str()?)?;
    let (resource, hash) = schema.hash_of(body["IndexName"].as_str())?;
    let values: Option<Vec<_>> = hash.iter().map(|name| key_value(body, name)).collect();
    let key = serde_json::to_string(&values?).ok()?;
    let partition = Partition { resource: resource.to_owned(), key, reads: true };
    Some(Call {
        expected: vec![(partition.clone(), 0.5)],
        kind: Kind::Query(partition),
        part: Default::default(),
    })
}

/// The value that a query's condition sets a key attribute equal to.
fn key_value<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let Some(expression) = body["KeyConditionExpression"].as_str() else {
        return body["KeyConditions"][name]["AttributeValueList"].get(0);
    };
    let spaced = expression.replace(['(', ')'], " ").replace('=', " = ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let is_named =
        |word: &str| word == name || body["ExpressionAttributeNames"][word].as_str() == Some(name);
    let placeholder = words.windows(3).find_map(|words| match words {
        [word, "=", value] if is_named(word) => Some(*value),
        [value, "=", word] if is_named(word) => Some(*value),
        _ => None,
    });
    body["ExpressionAttributeValues"].get(placeholder?)
}

/// `operation` is `Put`, `Update`, `Delete` or `ConditionCheck`.
fn write(
    database: &Database,
    operation: &str,
    request: &Value,
    in_transaction: bool,
) -> Option<Call> {
    let table = request["TableName"].as_str()?.to_owned();
    let schema = Box::new(Schema::read(database, &table)?);
    let put = if operation == "Put" { Some(parse(&request["Item"])?) } else { None };
    let key = match &put {
        Some(item) => schema.key(item),
        None => parse(&request["Key"])?,
    };
    let before = item(database, &table, &key);
    let expression = request["UpdateExpression"].as_str().unwrap_or_default();
    let names = &request["ExpressionAttributeNames"];
    let is_changed = |attribute: &str| {
        let placeholders = names.as_object().into_iter().flatten();
        let mut placeholders = placeholders.filter(|(_, name)| *name == attribute);
        mentions(expression, attribute)
            || placeholders.any(|(placeholder, _)| mentions(expression, placeholder))
            || !request["AttributeUpdates"][attribute].is_null()
    };
    let (change, after) = match operation {
        "Put" => (ItemChange::To(put.as_ref()), After::Is(put.clone())),
        "Delete" => (ItemChange::To(None), After::Is(None)),
        "Update" => (ItemChange::Some(&is_changed), After::Unknown),
        "ConditionCheck" => (ItemChange::Nothing, After::Unchanged),
        _ => return None,
    };
    let expected = schema.expected(&key, before.as_ref(), &change, in_transaction);
    let kind = Kind::Write { schema, table, key, before, after };
    Some(Call { expected, kind, part: Default::default() })
}

/// Whether a name or a placeholder stands in an expression.
fn mentions(expression: &str, name: &str) -> bool {
    let ends = |letter: char| !(letter.is_alphanumeric() || "_#:-".contains(letter));
    expression.split(ends).any(|word| word == name)
}

/// Of one table, or of several.
fn units(consumed: &Value) -> f64 {
    consumed["CapacityUnits"].as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_querys_key_is_found_however_it_is_written() {
        let ann = json!({ "S": "ann" });
        let query = |condition: &str, names: Value| {
            let values = json!({ ":v": ann, ":w": { "N": "1" } });
            json!({
                "KeyConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            })
        };
        for body in [
            query("to = :v", json!({})),
            query("#k=:v AND begins_with(id, :w)", json!({ "#k": "to" })),
            query("(id <= :w) AND (:v = #k)", json!({ "#k": "to" })),
            json!({ "KeyConditions": { "to": { "AttributeValueList": [ann] } } }),
        ] {
            assert_eq!(key_value(&body, "to"), Some(&ann), "{body}");
        }
        assert_eq!(key_value(&query("#k = :v", json!({ "#k": "id" })), "to"), None);
    }

    #[test]
    fn an_expression_mentions_whole_names() {
        assert!(mentions("SET state=:v REMOVE due_at", "due_at"));
        assert!(mentions("SET #a = if_not_exists(#b, :v)", "#b"));
        assert!(!mentions("SET #ab = :v", "#a"));
        assert!(!mentions("SET estate = :v", "state"));
    }
}
