//! The five tables. Their names come from the environment, their keys and indexes from
//! `infra/aws/template.yaml`.

use super::dynamodb::table::Table;
use crate::aws::AwsError;
use crate::config::VariableError;
use aws_sdk_dynamodb::Client;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $variable:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub(in crate::store) Table);

        impl $name {
            #[doc = concat!("Reads the table's name from `", $variable, "`, and the retention.")]
            pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
                Ok(Self(Table::from_environment(dynamodb, $variable)?))
            }

            /// Checks that the table exists, and opens the connection to DynamoDB. Fails if an
            /// operator has to fix it; a transient error is only logged.
            pub async fn check(&self) -> Result<(), AwsError> {
                self.0.check().await
            }
        }
    )+};
}

/// A type for what one table holds of one kind, made of that table.
macro_rules! aggregate {
    ($(#[$doc:meta])* pub struct $name:ident { $visibility:vis table: $table:ident }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $visibility table: $crate::store::dynamodb::table::Table,
        }

        impl $name {
            /// Those in this table.
            pub fn new(table: &$table) -> Self {
                Self { table: table.0.clone() }
            }
        }
    };
}
pub(in crate::store) use aggregate;

tables! {
    /// What belongs to one user of one app, and sessions: `user`, `item`.
    UsersTable = "USERS_TABLE",
    /// How a person is found: `subject`, `app_id`.
    MappingsTable = "MAPPINGS_TABLE",
    /// What WeChat pushed: `user`, `event`.
    EventsTable = "EVENTS_TABLE",
    /// What is sent, and what functions coordinate by: `id`.
    NotificationsTable = "NOTIFICATIONS_TABLE",
    /// Whose erasure has to be repeated after one of the others was restored: `id`. It has no
    /// backups.
    ErasuresTable = "ERASURES_TABLE",
}

#[cfg(test)]
pub(in crate::store) mod tests {
    use super::*;
    use crate::store::dynamodb::test_tables::TestTables;
    use serde_json::json;

    /// Empty tables, as `infra/aws/template.yaml` defines them.
    pub(in crate::store) struct EmptyTables {
        pub(in crate::store) users: UsersTable,
        pub(in crate::store) mappings: MappingsTable,
        pub(in crate::store) events: EventsTable,
        pub(in crate::store) notifications: NotificationsTable,
        pub(in crate::store) erasures: ErasuresTable,
    }

    impl EmptyTables {
        pub(in crate::store) async fn start() -> Self {
            let tables = TestTables::start().await;
            let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
            let attribute =
                |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
            let events = json!({
                "TableName": "events",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    attribute("user", "S"), attribute("event", "S"),
                    attribute("pending", "S"), attribute("due_at", "N"),
                ],
                "KeySchema": [key("user", "HASH"), key("event", "RANGE")],
                "GlobalSecondaryIndexes": [{
                    "IndexName": "pending",
                    "KeySchema": [key("pending", "HASH"), key("due_at", "RANGE")],
                    "Projection": { "ProjectionType": "KEYS_ONLY" },
                }],
            });
            let notifications = json!({
                "TableName": "notifications",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    attribute("id", "S"), attribute("due_shard", "S"), attribute("due_at", "N"),
                ],
                "KeySchema": [key("id", "HASH")],
                "GlobalSecondaryIndexes": [{
                    "IndexName": "due",
                    "KeySchema": [key("due_shard", "HASH"), key("due_at", "RANGE")],
                    "Projection": { "ProjectionType": "KEYS_ONLY" },
                }],
            });
            let erasures = json!({
                "TableName": "erasures",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [attribute("id", "S")],
                "KeySchema": [key("id", "HASH")],
            });
            Self {
                erasures: ErasuresTable(tables.create("erasures", erasures)),
                users: UsersTable(tables.table("users", ["user", "item"])),
                mappings: MappingsTable(tables.table("mappings", ["subject", "app_id"])),
                events: EventsTable(tables.create("events", events)),
                notifications: NotificationsTable(tables.create("notifications", notifications)),
            }
        }
    }
}
