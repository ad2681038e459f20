//! One user of one app: what is known, and what they do.

use super::{Item, Table, get_string, item_of, string, user_key};
use crate::aws::AwsError;
use crate::config::VariableError;
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::Client;

/// The users table.
#[derive(Clone, Debug)]
pub struct Users {
    pub(super) table: Table,
}

impl Users {
    /// Reads `USERS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
        Ok(Self { table: Table::from_environment(dynamodb, "USERS_TABLE")? })
    }

    /// Asks DynamoDB whether the table is there.
    ///
    /// # Errors
    ///
    /// When it isn't, or may not be looked at.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.table.check().await
    }

    /// The key of the item that says who a user is.
    pub(super) fn profile_key(app_id: &AppId, open_id: &OpenId) -> Item {
        item_of([("user", string(user_key(app_id, open_id))), ("item", string("profile"))])
    }

    /// All that is known of who a user is.
    pub(super) async fn profile(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<Item>, AwsError> {
        self.table.read("reading a user", Self::profile_key(app_id, open_id)).await
    }

    /// The person behind a user, and whether they follow, each where it is known.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn identity(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<(Option<UnionId>, Option<bool>), AwsError> {
        let found = self
            .table
            .dynamodb
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(Self::profile_key(app_id, open_id)))
            .projection_expression("union_id, follows")
            .send()
            .await
            .map_err(|error| AwsError::new(self.table.action("reading a user"), &error))?;
        let item = found.item.unwrap_or_default();
        let union_id = get_string(&item, "union_id").and_then(|id| UnionId::parse(id).ok());
        let follows = item.get("follows").and_then(|follows| follows.as_bool().ok()).copied();
        Ok((union_id, follows))
    }
}
