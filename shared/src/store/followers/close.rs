//! A follower has closed their WeChat account: the rows by which they were found
//! go. Who merely leaves stays in them, as somebody who doesn't follow.

use super::Followers;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::conflict::retry_on_conflict;
use crate::store::mappings::union_subject;
use crate::store::{Item, get_string, number, string};
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::types::AttributeValue;

impl Followers {
    /// The person that the profile of a user names, if it does: who has left
    /// already is named by none.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn union_id(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<UnionId>, AwsError> {
        Ok(self.state(app_id, open_id).await?.union_id)
    }

    /// Deletes the rows by which a user of this app was found until `at`, and
    /// gives the persons that they belonged to. If `person` isn't known, the
    /// whole table is looked through, as no index leads there: that happens once
    /// for an account that is closed, and takes some seconds for a million rows.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn unlink(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        person: Option<&UnionId>,
        at: Timestamp,
    ) -> Result<Vec<UnionId>, AwsError> {
        let subjects = match person {
            Some(person) => vec![union_subject(person)],
            None => self.subjects(app_id, open_id).await?,
        };
        let table = &self.mappings.table;
        for subject in &subjects {
            let delete = table
                .dynamodb
                .delete_item()
                .table_name(&table.name)
                .key("subject", string(subject))
                .key("app_id", string(app_id.as_str()))
                .condition_expression("open_id = :open AND (follows = :no OR state_time <= :at)")
                .expression_attribute_values(":open", string(open_id.as_str()))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .expression_attribute_values(":at", number(at));
            let deleted = retry_on_conflict(|| delete.clone().send()).await;
            table.conditional("forgetting how a user was found", deleted)?;
        }
        let persons = subjects.iter().filter_map(|subject| subject.strip_prefix("union#"));
        Ok(persons.filter_map(|id| UnionId::parse(id).ok()).collect())
    }

    /// All subjects that lead to a user of an app.
    async fn subjects(&self, app_id: &AppId, open_id: &OpenId) -> Result<Vec<String>, AwsError> {
        let table = &self.mappings.table;
        let mut pages = table
            .dynamodb
            .scan()
            .table_name(&table.name)
            .filter_expression("app_id = :app AND open_id = :open")
            .projection_expression("subject")
            .expression_attribute_values(":app", string(app_id.as_str()))
            .expression_attribute_values(":open", string(open_id.as_str()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut subjects = Vec::new();
        while let Some(found) = pages.next().await {
            let found: Item = found.map_err(|error| {
                AwsError::new(table.action("looking for how a user was found"), &error)
            })?;
            subjects.extend(get_string(&found, "subject").map(str::to_owned));
        }
        Ok(subjects)
    }
}
