//! A DynamoDB in memory, for the tests of the tables.

use super::item::Item;
use super::table::Table;
use crate::http::HttpClient;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use dynoxide::Database;
use serde_json::{Value, json};

/// The default retention, in seconds.
const RETENTION: u64 = 30 * 24 * 3600;

/// The engine. It ends with the test.
pub(in crate::store) struct TestTables {
    database: Database,
    client: Client,
}

impl TestTables {
    pub(in crate::store) async fn start() -> Self {
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

    /// A table with these two keys.
    pub(in crate::store) fn table(&self, name: &str, keys: [&str; 2]) -> Table {
        let attribute = |key| json!({ "AttributeName": key, "AttributeType": "S" });
        self.create(
            name,
            json!({
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": keys.map(attribute),
                "KeySchema": [
                    { "AttributeName": keys[0], "KeyType": "HASH" },
                    { "AttributeName": keys[1], "KeyType": "RANGE" },
                ],
            }),
        )
    }

    /// A table of this definition.
    pub(in crate::store) fn create(&self, name: &str, definition: Value) -> Table {
        self.database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        Table::new(self.client.clone(), name.to_owned(), "A_TABLE", RETENTION)
    }
}

/// All items of a table.
pub(in crate::store) async fn rows(table: &Table) -> Vec<Item> {
    table.read_all("reading a test's table", super::query::Query::scan()).await.unwrap()
}
