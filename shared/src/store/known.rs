//! What is known of somebody who has a session.

use super::{AppIdentity, Logins, get_string};
use crate::aws::AwsError;
use crate::wechat::id::{AppId, UnionId};

/// A person in one app.
#[derive(Debug)]
pub struct KnownPerson {
    /// The account that is bound to the user.
    pub account: Option<String>,
    /// The apps in which the person is known, where WeChat tells who it is.
    pub routes: Vec<AppIdentity>,
}

impl Logins {
    /// What is known of the person with an internal id, who logs in to this app;
    /// none if they don't, or have been forgotten.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn find_in_app(
        &self,
        person: &str,
        app_id: &AppId,
    ) -> Result<Option<KnownPerson>, AwsError> {
        let Some(open_id) = self.mappings.open_id_of(person, app_id).await? else {
            return Ok(None);
        };
        let profile = self.users.profile(app_id, &open_id).await?.unwrap_or_default();
        // The row may lead to a user who has turned out to be somebody else.
        if get_string(&profile, "id") != Some(person) {
            return Ok(None);
        }
        let union_id = get_string(&profile, "union_id").and_then(|id| UnionId::parse(id).ok());
        let routes = match union_id {
            Some(union_id) => self.mappings.by_union_id(&union_id).await?,
            None => Vec::new(),
        };
        Ok(Some(KnownPerson {
            account: get_string(&profile, "account").map(str::to_owned),
            routes,
        }))
    }
}
