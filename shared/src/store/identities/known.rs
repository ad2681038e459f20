//! What is known of a person who has a session.

use super::mappings::AppIdentity;
use super::people::People;
use crate::aws::AwsError;
use crate::store::dynamodb::item::get_string;
use crate::store::users::profiles::union_id;
use crate::wechat::id::AppId;

/// A person in one app.
#[derive(Debug)]
pub struct KnownPerson {
    /// The account that is bound to the user.
    pub account: Option<String>,
    /// The apps in which the person is known, where WeChat names them.
    pub identities: Vec<AppIdentity>,
}

impl People {
    /// What is known of the person with an internal id, who logs in to this app; none if
    /// they don't, or have been erased.
    pub async fn find_in_app(
        &self,
        person: &str,
        app_id: &AppId,
    ) -> Result<Option<KnownPerson>, AwsError> {
        let Some(open_id) = self.mappings.open_id_of(person, app_id).await? else {
            return Ok(None);
        };
        let profile = self.profiles.read(app_id, &open_id).await?;
        // The row may lead to a user who has turned out to be another person.
        if get_string(&profile, "id") != Some(person) {
            return Ok(None);
        }
        let identities = match union_id(&profile) {
            Some(union_id) => self.mappings.by_union_id(&union_id).await?,
            None => Vec::new(),
        };
        let account = get_string(&profile, "account").map(str::to_owned);
        Ok(Some(KnownPerson { account, identities }))
    }
}
