//! A function with an HTTP API, a table, a queue and a schedule.

#![expect(clippy::disallowed_methods, reason = "a function reads its configuration")]

#[path = "../../tests/aws/sdk_client.rs"]
mod sdk_client;

use std::env;

use aws_sdk_dynamodb::{
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use sdk_client::SdkClient;
use serde_json::{Value, json};

/// State reused across invocations.
struct App {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    table: String,
    queue: String,
    longest_entry: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // An application would leave this to the crate `aws-config`.
    let (key, secret) = (env::var("AWS_ACCESS_KEY_ID")?, env::var("AWS_SECRET_ACCESS_KEY")?);
    let credentials = Credentials::new(key, secret, None, None, "environment");
    let (region, url) = (Region::new(env::var("AWS_REGION")?), env::var("AWS_ENDPOINT_URL")?);
    let client = SdkClient::new();
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials.clone())
        .http_client(client.clone())
        .region(region.clone())
        .endpoint_url(&url);
    let sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .http_client(client)
        .region(region)
        .endpoint_url(&url);
    let app = App {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        table: env::var("TABLE")?,
        queue: env::var("QUEUE")?,
        longest_entry: env::var("LONGEST_ENTRY")?.parse()?,
    };
    let app = &app;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        app.handle(event.payload).await
    }))
    .await
}

impl App {
    async fn handle(&self, event: Value) -> Result<Value, Error> {
        if let Some(records) = event["Records"].as_array() {
            for record in records {
                self.check(record["body"].as_str().unwrap_or_default()).await?;
            }
            return Ok(Value::Null);
        }
        match event["routeKey"].as_str() {
            Some("POST /entries") => self.write(&text(&event)?).await,
            Some("GET /entries") => self.read().await,
            _ => self.count().await,
        }
    }

    /// Stores an entry, and queues it to be checked.
    async fn write(&self, text: &str) -> Result<Value, Error> {
        if text.is_empty() || text.len() > self.longest_entry {
            return Ok(
                json!({ "statusCode": 400, "body": format!("an entry has 1 to {} bytes", self.longest_entry) }),
            );
        }
        let id = uuid::Uuid::new_v4().to_string();
        let put = self.dynamodb.put_item().table_name(&self.table);
        put.item("id", string(&id)).item("text", string(text)).send().await?;
        self.sqs.send_message().queue_url(&self.queue).message_body(&id).send().await?;
        Ok(json!({ "statusCode": 201, "body": json!({ "id": id }).to_string() }))
    }

    /// Lists the entries that were checked.
    async fn read(&self) -> Result<Value, Error> {
        let scan = self.dynamodb.scan().table_name(&self.table);
        let scan = scan.filter_expression("attribute_exists(checked)").send().await?;
        let text = |item: &std::collections::HashMap<String, AttributeValue>| {
            item.get("text").and_then(|text| text.as_s().ok()).cloned()
        };
        let entries: Vec<_> = scan.items().iter().filter_map(text).collect();
        Ok(json!({ "statusCode": 200, "body": json!({ "entries": entries }).to_string() }))
    }

    /// Checks an entry.
    async fn check(&self, id: &str) -> Result<(), Error> {
        let update = self.dynamodb.update_item().table_name(&self.table).key("id", string(id));
        let update = update.update_expression("SET checked = :true");
        let update = update.expression_attribute_values(":true", AttributeValue::Bool(true));
        update.send().await?;
        Ok(())
    }

    /// Counts the entries and logs their number.
    #[expect(clippy::print_stdout, reason = "what a function prints is its log")]
    async fn count(&self) -> Result<Value, Error> {
        let scan = self.dynamodb.scan().table_name(&self.table);
        let entries = scan.select(aws_sdk_dynamodb::types::Select::Count).send().await?.count();
        println!("{entries} entries");
        Ok(json!({ "entries": entries }))
    }
}

/// The body of a request. What isn't declared as text comes in base64.
fn text(event: &Value) -> Result<String, Error> {
    let body = event["body"].as_str().unwrap_or_default();
    if event["isBase64Encoded"] == true {
        return Ok(String::from_utf8(BASE64_STANDARD.decode(body)?)?);
    }
    Ok(body.to_owned())
}

fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
