//! A table: a client and a name.

use super::item::Item;
use super::retention;
use crate::aws::AwsError;
use crate::config::{self, VariableError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;

/// Errors of DynamoDB that stay until an operator fixes the table, its name or the
/// function's role.
///
/// Source: DynamoDB's documentation, "Error handling with DynamoDB" and "Common
/// errors".
const PERMANENT_ERRORS: [&str; 5] = [
    "ResourceNotFoundException",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "OptInRequired",
    "ValidationException",
];

/// One table.
#[derive(Clone, Debug)]
pub(in crate::store) struct Table {
    dynamodb: Client,
    name: String,
    variable: &'static str,
    retention: u64,
}

impl Table {
    /// Reads the table's name from this variable.
    pub(in crate::store) fn from_environment(
        dynamodb: &Client,
        variable: &'static str,
    ) -> Result<Self, VariableError> {
        Ok(Self::new(
            dynamodb.clone(),
            config::required(variable)?,
            variable,
            retention::seconds()?,
        ))
    }

    pub(super) fn new(
        dynamodb: Client,
        name: String,
        variable: &'static str,
        retention: u64,
    ) -> Self {
        Self { dynamodb, name, variable, retention }
    }

    pub(super) fn dynamodb(&self) -> &Client {
        &self.dynamodb
    }

    pub(in crate::store) fn name(&self) -> &str {
        &self.name
    }

    /// How long a row is kept that isn't kept for ever, in seconds.
    pub(in crate::store) fn retention(&self) -> u64 {
        self.retention
    }

    /// Checks that the table exists, which also opens the connection that the first
    /// call uses. Only a permanent error is returned: a transient one says nothing
    /// about the table, and would stop a function that could work a second later.
    ///
    /// Of the operations that need no more than a table's name this one has the
    /// smallest response: the code that reads `DescribeTable`'s weighs 60 kB in the zip
    /// of each function.
    pub(in crate::store) async fn check(&self) -> Result<(), AwsError> {
        let request = self.dynamodb.describe_time_to_live().table_name(&self.name);
        let Err(error) = request.send().await else { return Ok(()) };
        let action = format!("checking the table {} ({})", self.name, self.variable);
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let is_permanent = code.is_some_and(|code| PERMANENT_ERRORS.contains(&code));
        let error = AwsError::new(action, &error);
        if is_permanent {
            return Err(error);
        }
        tracing::warn!("{error}");
        Ok(())
    }

    /// Reads one item, consistently.
    pub(in crate::store) async fn read(
        &self,
        action: &str,
        key: Item,
    ) -> Result<Option<Item>, AwsError> {
        self.get(action, key, true).await
    }

    /// Reads one item as it was up to a second ago, for half the price.
    pub(in crate::store) async fn read_eventually(
        &self,
        action: &str,
        key: Item,
    ) -> Result<Option<Item>, AwsError> {
        self.get(action, key, false).await
    }

    async fn get(
        &self,
        action: &str,
        key: Item,
        consistent: bool,
    ) -> Result<Option<Item>, AwsError> {
        let request = self.dynamodb.get_item().table_name(&self.name).set_key(Some(key));
        let found = request.consistent_read(consistent).send().await;
        Ok(found.map_err(|error| AwsError::new(self.action(action), &error))?.item)
    }

    /// What an error says was done.
    pub(in crate::store) fn action(&self, action: &str) -> String {
        format!("{action} (table {})", self.name)
    }
}
