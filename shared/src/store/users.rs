//! One user of one app: what is known, and what they do.

use super::{Table, get_string, number, string, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::MissingVariable;
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::Client;

/// The users table.
#[derive(Clone, Debug)]
pub struct Users {
    pub(super) table: Table,
}

/// Whether someone follows, as of a moment.
#[derive(Debug)]
pub struct FollowState<'a> {
    /// Whether they do.
    pub follows: bool,
    /// When that began, by WeChat's clock.
    pub at: Timestamp,
    /// The person, where it is known.
    pub union_id: Option<&'a UnionId>,
    /// How the user found the account.
    pub scene: Option<&'a str>,
}

impl Users {
    /// Reads `USERS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, MissingVariable> {
        Ok(Self { table: Table::from_environment(dynamodb, "USERS_TABLE")? })
    }

    /// Asks DynamoDB whether the table is there.
    ///
    /// # Errors
    ///
    /// When it isn't, or DynamoDB doesn't answer.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.table.check().await
    }

    /// Moves a user's state forward in WeChat's time: an older event than the
    /// one that is known changes nothing.
    ///
    /// Gives the person the user is known to be, whichever event told.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn set_follows(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        state: &FollowState<'_>,
    ) -> Result<Option<UnionId>, AwsError> {
        let mut set = "SET follows = :follows, state_time = :at".to_owned();
        let mut update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("user", string(user_key(app_id, open_id)))
            .key("item", string("profile"))
            .condition_expression("attribute_not_exists(state_time) OR state_time <= :at")
            .expression_attribute_values(
                ":follows",
                aws_sdk_dynamodb::types::AttributeValue::Bool(state.follows),
            )
            .expression_attribute_values(":at", number(state.at))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            );
        if let Some(union_id) = state.union_id {
            set.push_str(", union_id = :union");
            update = update.expression_attribute_values(":union", string(union_id.as_str()));
        }
        if let Some(scene) = state.scene {
            set.push_str(", scene = :scene");
            update = update.expression_attribute_values(":scene", string(scene));
        } else {
            set.push_str(" REMOVE scene");
        }
        let known = match update.update_expression(set).send().await {
            Ok(updated) => updated.attributes,
            Err(error) => match error.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                        older,
                    ),
                ) => older.item().cloned(),
                _ => return Err(AwsError::new(self.table.action("storing whether a user follows"), &error)),
            },
        };
        Ok(known
            .as_ref()
            .and_then(|item| get_string(item, "union_id"))
            .and_then(|id| UnionId::parse(id).ok()))
    }

    /// The person behind a user, where it is known.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn union_id(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<UnionId>, AwsError> {
        let found = self
            .table
            .dynamodb
            .get_item()
            .table_name(&self.table.name)
            .key("user", string(user_key(app_id, open_id)))
            .key("item", string("profile"))
            .projection_expression("union_id")
            .send()
            .await
            .map_err(|error| AwsError::new(self.table.action("reading a user"), &error))?;
        Ok(found
            .item
            .as_ref()
            .and_then(|item| get_string(item, "union_id"))
            .and_then(|id| UnionId::parse(id).ok()))
    }
}
