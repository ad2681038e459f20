//! What DynamoDB answers, written so that two answers that say the same are equal.

use crate::request::Request;
use crate::table::Table;
use reqwest::Client;
use serde_json::{Map, Value, json};

/// Signatures aren't checked here, but a request must have one.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
/// No answer has more pages than this.
const PAGES: usize = 20;

/// One DynamoDB of the two.
pub(crate) struct Side {
    pub(crate) client: Client,
    pub(crate) url: String,
    /// Whether it keeps numbers as they were written. DynamoDB doesn't: "Leading and
    /// trailing zeroes are trimmed" ("Supported data types and naming rules").
    pub(crate) keeps_zeroes: bool,
}

impl Side {
    /// What it answers in the end: of what comes in pages, all of them.
    pub(crate) async fn answer(&self, request: &Request, tables: &[Table]) -> Value {
        let (operation, mut body) = (request.operation, request.body.clone());
        if !["Query", "Scan"].contains(&operation) {
            let (status, answer) = self.send(operation, &body).await;
            return if status == 200 {
                without_extras(operation, answer)
            } else {
                refused(status, &answer)
            };
        }
        let mut pages = Vec::new();
        while pages.len() < PAGES {
            let (status, mut page) = self.send(operation, &body).await;
            if status != 200 {
                return refused(status, &page);
            }
            let next = page.get("LastEvaluatedKey").cloned();
            page.sort();
            pages.push(page);
            let Some(next) = next else { break };
            body["ExclusiveStartKey"] = next;
        }
        // A query by the table's key has one order, and so one way into pages. Which of
        // two items with the same sort key comes first in an index, and everything in
        // a scan, is left open ("Query", "Scan").
        if operation == "Query" && body.get("IndexName").is_none() {
            json!({ "pages": pages })
        } else {
            together(&pages, order(&body, tables))
        }
    }

    /// The status, and the JSON.
    pub(crate) async fn send(&self, operation: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(&self.url).body(body.to_string());
        let request = request.header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        let request = request.header("content-type", "application/x-amz-json-1.0");
        let request = request.header("x-amz-date", "20261120T000000Z");
        let answer = request.header("authorization", SIGNED).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        let answer = serde_json::from_str(&text);
        let mut answer = answer.unwrap_or_else(|_| json!({ "not JSON": text }));
        if self.keeps_zeroes {
            trim(&mut answer);
        }
        (status, answer)
    }
}

/// The attribute by which a query of an index has to be in order.
fn order<'t>(body: &Value, tables: &'t [Table]) -> Option<&'t str> {
    let table = tables.iter().find(|table| body["TableName"] == table.name.as_str())?;
    let index = table.indexes.iter().find(|index| body["IndexName"] == index.name.as_str())?;
    body.get("KeyConditionExpression")?;
    index.keys.get(1).map(|key| key.name.as_str())
}

/// All pages as one, however they were cut; and how many there were.
fn together(pages: &[Value], order: Option<&str>) -> Value {
    let sum = |name: &str| pages.iter().filter_map(|page| page[name].as_u64()).sum::<u64>();
    let items = pages.iter().filter_map(|page| page["Items"].as_array()).flatten();
    let in_order: Vec<_> = order.map_or_else(Vec::new, |by| {
        items.clone().map(|item| item.get(by).cloned().unwrap_or_default()).collect()
    });
    let mut items: Vec<_> = items.map(Value::to_string).collect();
    items.sort();
    json!({
        "pages": pages.len(), "Count": sum("Count"), "ScannedCount": sum("ScannedCount"),
        "items": items, "in order": in_order,
    })
}

/// A good answer, without what was not requested.
fn without_extras(operation: &str, mut answer: Value) -> Value {
    let fields = answer.as_object_mut().unwrap();
    // Both are told only if asked for; an empty list of nothing says nothing.
    fields.remove("ConsumedCapacity");
    fields.remove("ItemCollectionMetrics");
    // Nothing that was, or nothing that there is: it may be left out or empty.
    if fields.get("Attributes").is_some_and(|it| it.as_object().is_some_and(Map::is_empty)) {
        fields.remove("Attributes");
    }
    if operation == "BatchGetItem" {
        // In no order ("BatchGetItem").
        let tables = answer["Responses"].as_object_mut().into_iter().flatten();
        for items in tables.filter_map(|(_, items)| items.as_array_mut()) {
            items.iter_mut().for_each(Sort::sort);
            items.sort_by_key(Value::to_string);
        }
    }
    answer.sort();
    answer
}

/// A refusal: its code, what a program can go by, and the words.
fn refused(status: u16, answer: &Value) -> Value {
    let code = answer["__type"].as_str().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    if code.is_empty() || status >= 500 {
        return json!({ "status": status, "broken": answer });
    }
    let mut refused = Map::from_iter([
        ("status".to_owned(), status.into()),
        ("code".to_owned(), code.into()),
        (
            "words".to_owned(),
            json!([answer["message"], answer["Message"], answer["CancellationReasons"]]),
        ),
    ]);
    if let Some(item) = answer.get("Item") {
        refused.insert("Item".to_owned(), item.clone());
    }
    if let Some(reasons) = answer["CancellationReasons"].as_array() {
        let reasons = reasons.iter().map(|it| json!({ "Code": it["Code"], "Item": it["Item"] }));
        refused.insert("reasons".to_owned(), reasons.collect());
    }
    let mut refused = Value::Object(refused);
    refused.sort();
    refused
}

/// Writes numbers as DynamoDB does.
fn trim(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "N") {
                    Some(number) => *value = trimmed(number).into(),
                    None => trim(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(trim),
        _ => {}
    }
}

/// `0.1` for `00.10`.
fn trimmed(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    match (whole, part) {
        ("", "") => "0".to_owned(),
        (whole, "") => format!("{sign}{whole}"),
        ("", part) => format!("{sign}0.{part}"),
        (whole, part) => format!("{sign}{whole}.{part}"),
    }
}

/// Whether two answers say the same, but for words that are for people.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    let without_words = |answer: &Value| {
        let mut answer = answer.clone();
        if let Some(fields) = answer.as_object_mut() {
            fields.remove("words");
        }
        answer
    };
    without_words(one) == without_words(other)
}

/// Puts into order what has none.
trait Sort {
    fn sort(&mut self);
}

impl Sort for Value {
    fn sort(&mut self) {
        match self {
            Self::Object(fields) => {
                for (name, value) in fields {
                    if let (true, Some(members)) =
                        (["SS", "NS", "BS"].contains(&name.as_str()), value.as_array_mut())
                    {
                        members.sort_by_key(Self::to_string);
                    } else {
                        value.sort();
                    }
                }
            }
            Self::Array(values) => values.iter_mut().for_each(Sort::sort),
            _ => {}
        }
    }
}
