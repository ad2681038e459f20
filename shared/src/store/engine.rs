//! A DynamoDB on this machine, for the tests of the tables.

use super::{Item, Table};
use crate::http::HttpClient;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use dynoxide::Database;
use serde_json::json;

/// As the functions keep rows unless somebody says otherwise.
const RETENTION: u64 = 30 * 24 * 3600;

/// The engine, in memory. It ends with the test.
pub(super) struct Engine {
    database: Database,
    client: Client,
}

impl Engine {
    pub(super) async fn start() -> Self {
        let database = Database::memory().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("any", "any", None, None, "tests"))
            .http_client(HttpClient::new())
            .endpoint_url(format!("http://{address}"));
        Self { database, client: Client::from_conf(config.build()) }
    }

    /// Makes a table with these two keys, as `infra/aws/template.yaml` has it.
    pub(super) fn table(&self, name: &str, keys: [&str; 2]) -> Table {
        let attribute = |key| json!({ "AttributeName": key, "AttributeType": "S" });
        let definition = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": keys.map(attribute),
            "KeySchema": [
                { "AttributeName": keys[0], "KeyType": "HASH" },
                { "AttributeName": keys[1], "KeyType": "RANGE" },
            ],
        });
        self.database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        self.named(name)
    }

    /// Makes a table for notifications, with their index.
    pub(super) fn notifications(&self, name: &str) -> Table {
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let attribute =
            |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
        let definition = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions":
                [attribute("id", "S"), attribute("due_shard", "S"), attribute("due_at", "N")],
            "KeySchema": [key("id", "HASH")],
            "GlobalSecondaryIndexes": [{
                "IndexName": "due",
                "KeySchema": [key("due_shard", "HASH"), key("due_at", "RANGE")],
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            }],
        });
        self.database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        self.named(name)
    }

    fn named(&self, name: &str) -> Table {
        Table {
            dynamodb: self.client.clone(),
            name: name.to_owned(),
            variable: "A_TABLE",
            retention: RETENTION,
        }
    }
}

/// All there is in a table.
pub(super) async fn rows(table: &Table) -> Vec<Item> {
    let found = table.dynamodb.scan().table_name(&table.name).send().await.unwrap();
    found.items.unwrap_or_default()
}
