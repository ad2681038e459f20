//! The telephone number that a user has let a mini program know. It goes with
//! them, and when they take the permission back.

use super::conflict::retry_on_conflict;
use super::{Item, Users, get_string, get_time, item_of, number, string, transaction, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::phone::PhoneNumber;
use aws_sdk_dynamodb::types::{ConditionCheck, Put};

/// The item that holds it.
pub(super) const ITEM: &str = "phone";

/// A telephone number as it is kept.
#[derive(Debug)]
pub struct StoredPhone {
    /// The number.
    pub phone: PhoneNumber,
    /// Names the code that it was given for, without telling it.
    pub code: String,
    /// When the user let us know it.
    pub confirmed_at: Timestamp,
}

impl Users {
    /// Keeps a number, in place of the one of before. False if the user isn't, or
    /// isn't any more, the person with the internal id `person`.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn store_phone(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        person: &str,
        kept: &StoredPhone,
    ) -> Result<bool, AwsError> {
        let known = ConditionCheck::builder()
            .table_name(&self.table.name)
            .set_key(Some(Self::profile_key(app_id, open_id)))
            .condition_expression("id = :person")
            .expression_attribute_values(":person", string(person));
        let put = Put::builder()
            .table_name(&self.table.name)
            .item("user", string(user_key(app_id, open_id)))
            .item("item", string(ITEM))
            .item("number", string(kept.phone.number.expose()))
            .item("country_code", string(&kept.phone.country_code))
            .item("code", string(&kept.code))
            .item("confirmed_at", number(kept.confirmed_at))
            .build()
            .expect("table and item are set");
        let items = vec![transaction::check(known), transaction::put(put)];
        let what = self.table.action("keeping a telephone number");
        transaction::write(&self.table.dynamodb, &what, items).await
    }

    /// The number that is kept, if one is.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn phone(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<StoredPhone>, AwsError> {
        let found =
            self.table.read("reading a telephone number", phone_key(app_id, open_id)).await?;
        Ok(found.as_ref().and_then(read))
    }

    /// Forgets the number that the user let us know until `until`: they have
    /// revoked the permission.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn delete_phone(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
    ) -> Result<(), AwsError> {
        let delete = self
            .table
            .dynamodb
            .delete_item()
            .table_name(&self.table.name)
            .set_key(Some(phone_key(app_id, open_id)))
            .condition_expression("confirmed_at <= :until")
            .expression_attribute_values(":until", number(until));
        let deleted = retry_on_conflict(|| delete.clone().send()).await;
        self.table.conditional("forgetting a telephone number", deleted).map(drop)
    }
}

fn phone_key(app_id: &AppId, open_id: &OpenId) -> Item {
    item_of([("user", string(user_key(app_id, open_id))), ("item", string(ITEM))])
}

fn read(item: &Item) -> Option<StoredPhone> {
    Some(StoredPhone {
        phone: PhoneNumber {
            number: Secret::new(get_string(item, "number")?),
            country_code: get_string(item, "country_code")?.to_owned(),
        },
        code: get_string(item, "code")?.to_owned(),
        confirmed_at: get_time(item, "confirmed_at")?,
    })
}
