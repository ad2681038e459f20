//! AWS as its clients see it: rows of the tables, parameters, queues.

use reqwest::Client;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// The AWS endpoint of one cloud.
pub(crate) struct Aws {
    client: Client,
    address: SocketAddr,
}

impl Aws {
    pub(crate) fn new(client: Client, address: SocketAddr) -> Self {
        Self { client, address }
    }

    /// All rows of a table, called as its variable is: `users`, `events`, ….
    pub(crate) async fn rows(&self, table: &str) -> Vec<Value> {
        self.rows_of(&name(table)).await
    }

    /// All rows of a table, called by its full name.
    pub(crate) async fn rows_of(&self, name: &str) -> Vec<Value> {
        let scan = json!({ "TableName": name, "ConsistentRead": true });
        let found = self.call_service("DynamoDB_20120810.Scan", &scan).await;
        found["Items"].as_array().unwrap().iter().map(plain_item).collect()
    }

    /// All rows of a table with DynamoDB's types, as [`Aws::restore`] takes them.
    pub(crate) async fn backup(&self, table: &str) -> Vec<Value> {
        let scan = json!({ "TableName": name(table), "ConsistentRead": true });
        let mut found = self.call_service("DynamoDB_20120810.Scan", &scan).await;
        serde_json::from_value(found["Items"].take()).unwrap()
    }

    /// Writes rows back that a backup has, as a restored table has them.
    pub(crate) async fn restore(&self, table: &str, rows: &[Value]) {
        for row in rows {
            let put = json!({ "TableName": name(table), "Item": row });
            self.call_service("DynamoDB_20120810.PutItem", &put).await;
        }
    }

    /// The one row in which `attribute` is `value`.
    pub(crate) async fn row(&self, table: &str, attribute: &str, value: &str) -> Value {
        let rows = self.rows(table).await;
        let mut found: Vec<_> = rows.iter().filter(|row| row[attribute] == value).collect();
        let one = found.pop();
        assert!(found.is_empty(), "{} rows of {table} have {attribute} {value}", found.len() + 1);
        one.unwrap_or_else(|| panic!("no row of {table} has {attribute} {value}: {rows:#?}"))
            .clone()
    }

    /// Sets a number in one notification's row, to skip a wait.
    pub(crate) async fn set_time(&self, notification: &str, attribute: &str, seconds: u64) {
        let update = json!({
            "TableName": name("notifications"),
            "Key": { "id": { "S": notification } },
            "UpdateExpression": "SET #a = :v",
            "ConditionExpression": "attribute_exists(id)",
            "ExpressionAttributeNames": { "#a": attribute },
            "ExpressionAttributeValues": { ":v": { "N": seconds.to_string() } },
        });
        self.call_service("DynamoDB_20120810.UpdateItem", &update).await;
    }

    /// Sets a number in the one row in which `attribute` is there: a time that
    /// is skipped.
    pub(crate) async fn turn_back(&self, table: &str, key: [&str; 2], attribute: &str) {
        let rows = self.rows(table).await;
        let mut found = rows.iter().filter(|row| row.get(attribute).is_some());
        let (Some(row), None) = (found.next(), found.next()) else {
            panic!("not one row of {table} has {attribute}: {rows:#?}");
        };
        let update = json!({
            "TableName": name(table),
            "Key": { key[0]: { "S": row[key[0]] }, key[1]: { "S": row[key[1]] } },
            "UpdateExpression": "SET #a = :v",
            "ExpressionAttributeNames": { "#a": attribute },
            "ExpressionAttributeValues": { ":v": { "N": "1" } },
        });
        self.call_service("DynamoDB_20120810.UpdateItem", &update).await;
    }

    /// Removes a parameter. `name` is what follows the prefix.
    pub(crate) async fn delete_parameter(&self, name: &str) {
        let delete = json!({ "Name": format!("/hongyan/local/{name}") });
        self.call_service("AmazonSSM.DeleteParameter", &delete).await;
    }

    /// Hands Lambda an event for a function, and doesn't wait for the result.
    pub(crate) async fn submit_form_ids(&self, function: &str, event: &Value) {
        let path = format!("2015-03-31/functions/{function}/invocations");
        let accepted = self
            .client
            .post(format!("http://{}/{path}", self.address))
            .header("x-amz-invocation-type", "Event")
            .header("authorization", SIGNED)
            .header("x-amz-date", "20261120T000000Z")
            .body(event.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(accepted.status(), 202);
    }

    /// Invokes a function with a text that need not be JSON, and returns the answer.
    pub(crate) async fn invoke_raw(&self, function: &str, event: &str) -> String {
        let path = format!("2015-03-31/functions/{function}/invocations");
        let answer = self
            .client
            .post(format!("http://{}/{path}", self.address))
            .header("authorization", SIGNED)
            .header("x-amz-date", "20261120T000000Z")
            .body(event.to_owned())
            .send()
            .await
            .unwrap();
        answer.text().await.unwrap()
    }

    /// One request, as an SDK makes it.
    pub(crate) async fn call_service(&self, target: &str, body: &Value) -> Value {
        let answer = self
            .client
            .post(format!("http://{}/", self.address))
            .header("x-amz-target", target)
            .header("authorization", SIGNED)
            .header("x-amz-date", "20261120T000000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{target} was answered with {status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

impl Aws {
    /// The names of all parameters.
    pub(crate) async fn parameter_names(&self) -> Vec<String> {
        let (mut names, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut asked = json!({});
            if token.is_string() {
                asked["NextToken"] = token;
            }
            let page = self.call_service("AmazonSSM.DescribeParameters", &asked).await;
            let found = page["Parameters"].as_array().unwrap().iter();
            names.extend(found.map(|it| it["Name"].as_str().unwrap().to_owned()));
            token = page["NextToken"].clone();
            if !token.is_string() {
                return names;
            }
        }
    }
}

/// The local AWS doesn't check signatures, but a request must have one.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0";

fn name(table: &str) -> String {
    format!("hongyan-local-{table}")
}

/// An item without DynamoDB's types: `{"S": "a"}` is `"a"`.
fn plain_item(item: &Value) -> Value {
    let item = item.as_object().unwrap();
    let plain: Map<_, _> = item.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    Value::Object(plain)
}

fn plain(value: &Value) -> Value {
    let (kind, value) = value.as_object().and_then(|typed| typed.iter().next()).unwrap();
    match kind.as_str() {
        "N" => serde_json::from_str(value.as_str().unwrap()).unwrap(),
        "M" => plain_item(value),
        "L" => value.as_array().unwrap().iter().map(plain).collect(),
        _ => value.clone(),
    }
}
