//! Differences that are known, one by one, with what AWS says of them. Whatever else
//! differs fails the run.

use crate::answer::is_same;
use crate::request::Request;
use crate::table::Table;
use crate::words::ATTRIBUTES;
use serde_json::Value;

/// What is known of this difference; nothing, as a rule.
pub(crate) fn difference(
    request: &Request,
    tables: &[Table],
    ours: &Value,
    theirs: &Value,
) -> Option<&'static str> {
    let body = &request.body;
    match request.operation {
        // "ALL_OLD - Returns all of the attributes of the item, as they appeared before
        // the UpdateItem operation" ("UpdateItem"): of no item, there are none.
        "UpdateItem"
            if body["ReturnValues"] == "ALL_OLD"
                && ours["Attributes"] == body["Key"]
                && theirs.get("Attributes").is_none() =>
        {
            Some("ours: UpdateItem gives the key as the old item where there was none")
        }
        // "If no attribute names are specified, then all attributes [...] are returned"
        // ("TransactGetItems", ProjectionExpression): those that are, and no others.
        "TransactGetItems" if is_same(&without_keys(body, tables, ours), theirs) => {
            Some("ours: TransactGetItems gives the keys, though others were asked for")
        }
        // "The primary key of the first item that this operation will evaluate. Use the
        // value that was returned for LastEvaluatedKey in the previous operation"
        // ("Query", ExclusiveStartKey): what was told once isn't told again.
        "Query"
            if body.get("IndexName").is_none()
                && has_one_key(body, tables)
                && ours["pages"][0] == theirs["pages"][0]
                && ours["pages"][1] == ours["pages"][0]
                && theirs["pages"][1]["ScannedCount"] == 0 =>
        {
            Some("ours: Query of a table without a sort key begins anew after its one item")
        }
        // "A filter expression cannot contain partition key or sort key attributes"
        // ("Filter expressions for the Query operation").
        "Query" if is_filter_by_key(ours) && theirs.get("code").is_none() => {
            Some("theirs: Query takes a filter by a key")
        }
        // "You can't use [...] empty values for key attributes" ("Supported data types
        // and naming rules"), so none can be asked for.
        "Query" if asks_for_nothing(body) && theirs["code"] == "ValidationException" => {
            Some("ours: Query takes an empty text for a key")
        }
        // "Global secondary index queries cannot fetch attributes from the base table"
        // ("Using Global Secondary Indexes in DynamoDB"): nor can a filter.
        "Query" | "Scan"
            if filters_beyond_index(body, tables)
                && ours["ScannedCount"].is_u64()
                && ours["ScannedCount"] == theirs["ScannedCount"]
                && ours["pages"] == theirs["pages"] =>
        {
            Some("theirs: a filter of an index sees what isn't in the index")
        }
        _ => None,
    }
}

/// Whether it reads an index, and its filter names an attribute that isn't in it. (The
/// template's indexes have nothing but keys.)
fn filters_beyond_index(body: &Value, tables: &[Table]) -> bool {
    let (Some(table), Some(filter)) =
        (table(&body["TableName"], tables), body["FilterExpression"].as_str())
    else {
        return false;
    };
    let index = table.indexes.iter().find(|index| body["IndexName"] == index.name.as_str());
    let Some(index) = index else { return false };
    let names = &body["ExpressionAttributeNames"];
    let words = filter.split(|it: char| !(it.is_ascii_alphanumeric() || "_#".contains(it)));
    words.map(|word| names[word].as_str().unwrap_or(word)).any(|name| {
        let mut keys = table.keys.iter().chain(&index.keys);
        ATTRIBUTES.contains(&name) && !keys.any(|key| key.name == name)
    })
}

/// Whether a value of an expression is an empty text.
fn asks_for_nothing(body: &Value) -> bool {
    let values = body["ExpressionAttributeValues"].as_object().into_iter().flatten();
    values.into_iter().any(|(_, value)| value["S"] == "")
}

fn table<'t>(name: &Value, tables: &'t [Table]) -> Option<&'t Table> {
    tables.iter().find(|table| *name == table.name.as_str())
}

fn has_one_key(body: &Value, tables: &[Table]) -> bool {
    table(&body["TableName"], tables).is_some_and(|table| table.keys.len() == 1)
}

/// What a `TransactGetItems` answers, without the keys of items of which something else
/// was asked for. Nothing here asks for keys.
fn without_keys(body: &Value, tables: &[Table], answer: &Value) -> Value {
    let mut answer = answer.clone();
    let asked = body["TransactItems"].as_array().into_iter().flatten();
    let told = answer["Responses"].as_array_mut().into_iter().flatten();
    for (asked, told) in asked.zip(told) {
        let get = &asked["Get"];
        let item = told.get_mut("Item").and_then(Value::as_object_mut);
        let table = table(&get["TableName"], tables);
        let (Some(item), Some(table), Some(_)) = (item, table, get.get("ProjectionExpression"))
        else {
            continue;
        };
        item.retain(|name, _| !table.keys.iter().any(|key| key.name == *name));
    }
    answer
}

fn is_filter_by_key(answer: &Value) -> bool {
    let words = answer["words"][0].as_str().unwrap_or_default();
    words.starts_with("Filter Expression can only contain non-primary key attributes")
}
