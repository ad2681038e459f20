//! How a person can be reached: their openid in each app.

use crate::aws::AwsError;
use crate::secret::Secret;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_bool, get_string, string};
use crate::store::dynamodb::query::Query;
use crate::store::keys::{
    PASSWORD, PERSON, account_subject, mapping_key, person_subject, union_subject,
};
use crate::store::tables::{MappingsTable, aggregate};
use crate::store::users::profiles;
use crate::wechat::id::{AppId, OpenId, UnionId};

aggregate! {
    /// The rows that lead from a person or an account to their users.
    pub struct Mappings { pub(in crate::store) table: MappingsTable }
}

/// A person in one app.
#[derive(Clone, Debug)]
pub struct AppIdentity {
    /// The app.
    pub app_id: AppId,
    /// The person, in this app.
    pub open_id: OpenId,
    /// Whether they follow it, if it is an Official Account.
    pub follows: bool,
}

impl Mappings {
    /// The person of this unionid in each of their apps.
    pub async fn by_union_id(&self, union_id: &UnionId) -> Result<Vec<AppIdentity>, AwsError> {
        self.identities(&union_subject(union_id)).await
    }

    /// The owner of an account in each app: where they logged in with it, and, if one of
    /// those apps names the person, in all of theirs.
    pub async fn by_account(&self, account: &str) -> Result<Vec<AppIdentity>, AwsError> {
        let bound = self.rows(&account_subject(account)).await?;
        let union_id = bound.iter().find_map(profiles::union_id);
        let mut identities: Vec<_> = bound.iter().filter_map(identity).collect();
        if let Some(union_id) = &union_id {
            let of_person = self.by_union_id(union_id).await?;
            identities.retain(|known| !of_person.iter().any(|it| it.app_id == known.app_id));
            identities.extend(of_person);
        }
        Ok(identities)
    }

    /// The openid of the person with an internal id in an app that they log in to; none
    /// if they haven't.
    pub async fn open_id_of(
        &self,
        person: &str,
        app_id: &AppId,
    ) -> Result<Option<OpenId>, AwsError> {
        let key = mapping_key(person_subject(person), app_id.as_str());
        let found = self.table.read("looking up a user", key).await?;
        let open_id = found.as_ref().and_then(|row| get_string(row, "open_id"));
        Ok(open_id.and_then(|id| OpenId::parse(id).ok()))
    }

    /// The internal id of a person, if they have one, and their identities.
    pub(super) async fn person(
        &self,
        union_id: &UnionId,
    ) -> Result<(Option<String>, Vec<AppIdentity>), AwsError> {
        let rows = self.rows(&union_subject(union_id)).await?;
        let own = rows.iter().find(|row| get_string(row, "app_id") == Some(PERSON));
        let id = own.and_then(|row| get_string(row, "id")).map(str::to_owned);
        Ok((id, rows.iter().filter_map(identity).collect()))
    }

    /// Whether there is an account of this name.
    pub async fn has_account(&self, account: &str) -> Result<bool, AwsError> {
        Ok(self.account(account).await?.is_some())
    }

    /// The hash of an account's password, if there is such an account and it has one.
    pub async fn password_hash(&self, account: &str) -> Result<Option<Secret>, AwsError> {
        let account = self.account(account).await?;
        Ok(account.as_ref().and_then(|row| get_string(row, "password_hash")).map(Secret::new))
    }

    async fn account(&self, account: &str) -> Result<Option<Item>, AwsError> {
        let key = mapping_key(account_subject(account), PASSWORD);
        // It is read consistently: a password that was just removed must not match.
        self.table.read("reading an account", key).await
    }

    /// The identities to which a subject leads.
    pub(super) async fn identities(&self, subject: &str) -> Result<Vec<AppIdentity>, AwsError> {
        Ok(self.rows(subject).await?.iter().filter_map(identity).collect())
    }

    pub(in crate::store) async fn rows(&self, subject: &str) -> Result<Vec<Item>, AwsError> {
        let query = Query::with_key(attr("subject").equals(string(subject)));
        self.table.read_all("looking up a person", query).await
    }
}

/// None for a row that isn't an app's: [`PERSON`] and [`PASSWORD`], or one without an
/// openid.
pub(super) fn identity(row: &Item) -> Option<AppIdentity> {
    Some(AppIdentity {
        app_id: AppId::parse(get_string(row, "app_id")?).ok()?,
        open_id: OpenId::parse(get_string(row, "open_id")?).ok()?,
        follows: get_bool(row, "follows").unwrap_or_default(),
    })
}

/// Whether a row leads to this user.
pub(in crate::store) fn leads_to(row: &Item, app_id: &AppId, open_id: &OpenId) -> bool {
    get_string(row, "app_id") == Some(app_id.as_str())
        && get_string(row, "open_id") == Some(open_id.as_str())
}
