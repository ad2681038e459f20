//! The phone number that a user has shared with a mini program. It is deleted with
//! them, and when they revoke the permission.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::{item_key, profile_key, user_key};
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::phone::PhoneNumber;

/// The sort key.
pub(super) const ITEM: &str = "phone";

/// A phone number as it is stored.
#[derive(Debug)]
pub struct StoredPhone {
    /// The number.
    pub phone: PhoneNumber,
    /// A hash of the code that it was exchanged for.
    pub code: String,
    /// When the user shared it.
    pub confirmed_at: Timestamp,
}

aggregate! {
    /// The phone numbers of users.
    pub struct PhoneNumbers { table: UsersTable }
}

impl PhoneNumbers {
    /// Stores a number in place of the previous one. False if the user isn't, or isn't
    /// any more, the person with the internal id `person`.
    pub async fn store(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        person: &str,
        stored: &StoredPhone,
    ) -> Result<bool, AwsError> {
        let is_person = Write::check(
            &self.table,
            profile_key(app_id, open_id),
            attr("id").equals(string(person)),
        );
        let mut item = key(app_id, open_id);
        item.extend([
            ("number".to_owned(), string(stored.phone.number.expose())),
            ("country_code".to_owned(), string(&stored.phone.country_code)),
            ("code".to_owned(), string(&stored.code)),
            ("confirmed_at".to_owned(), number(stored.confirmed_at)),
        ]);
        let writes = [is_person, Write::put(&self.table, item)];
        self.table.transact("storing a phone number", writes).await
    }

    /// The number that is stored, if one is.
    pub async fn get(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<StoredPhone>, AwsError> {
        let found = self.table.read("reading a phone number", key(app_id, open_id)).await?;
        Ok(found.as_ref().and_then(read))
    }

    /// Deletes the number that the user shared until `until`: they have revoked the
    /// permission.
    pub async fn delete(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        until: Timestamp,
    ) -> Result<(), AwsError> {
        let delete = Write::delete(&self.table, key(app_id, open_id))
            .when(attr("confirmed_at").at_most(number(until)));
        self.table.write("deleting a phone number", delete).await.map(drop)
    }
}

fn key(app_id: &AppId, open_id: &OpenId) -> Item {
    item_key(user_key(app_id, open_id), ITEM)
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
