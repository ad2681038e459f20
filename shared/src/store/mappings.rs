//! How a person can be reached: their openid in each app.

use super::{Item, Table, get_string, item_of, string};
use crate::aws::AwsError;
use crate::config::VariableError;
use crate::secret::Secret;
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::Client;

/// The row of a person's own, beside those of their apps: the internal id.
pub(super) const PERSON: &str = "#person";
/// The row of an account's own: since when there is one, and the hash of its
/// password, if it has one.
pub(super) const PASSWORD: &str = "#password";

/// The mappings table.
#[derive(Clone, Debug)]
pub struct Mappings {
    pub(super) table: Table,
}

/// One app in which a person is known.
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
    /// Reads `MAPPINGS_TABLE`.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(dynamodb: &Client) -> Result<Self, VariableError> {
        Ok(Self { table: Table::from_environment(dynamodb, "MAPPINGS_TABLE")? })
    }

    /// Asks DynamoDB whether the table is there.
    ///
    /// # Errors
    ///
    /// When it isn't, or may not be looked at.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.table.check().await
    }

    /// The apps in which a person is known.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn by_union_id(&self, union_id: &UnionId) -> Result<Vec<AppIdentity>, AwsError> {
        self.routes(&union_subject(union_id)).await
    }

    /// The apps in which the owner of an account is known: where they logged
    /// in with it, and, if one of those apps tells the person, all of theirs.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn by_account(&self, account: &str) -> Result<Vec<AppIdentity>, AwsError> {
        Ok(self.owner(account).await?.0)
    }

    /// As [`Mappings::by_account`], and which person that is, if an app tells.
    pub(super) async fn owner(
        &self,
        account: &str,
    ) -> Result<(Vec<AppIdentity>, Option<UnionId>), AwsError> {
        let bound = self.collection(&account_subject(account)).await?;
        let union_id =
            bound.iter().find_map(|item| UnionId::parse(get_string(item, "union_id")?).ok());
        let mut routes: Vec<_> = bound.iter().filter_map(route).collect();
        if let Some(union_id) = &union_id {
            let of_person = self.by_union_id(union_id).await?;
            routes.retain(|route| !of_person.iter().any(|other| other.app_id == route.app_id));
            routes.extend(of_person);
        }
        Ok((routes, union_id))
    }

    /// The openid of the person with an internal id in an app they log in to;
    /// none if they haven't.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn open_id_of(
        &self,
        person: &str,
        app_id: &AppId,
    ) -> Result<Option<OpenId>, AwsError> {
        let found = self.row("looking up a user", &person_subject(person), app_id.as_str()).await?;
        let open_id = found.as_ref().and_then(|item| get_string(item, "open_id"));
        Ok(open_id.and_then(|id| OpenId::parse(id).ok()))
    }

    /// The internal id of a person, if they have one.
    pub(super) async fn person(
        &self,
        union_id: &UnionId,
    ) -> Result<(Option<String>, Vec<AppIdentity>), AwsError> {
        let items = self.collection(&union_subject(union_id)).await?;
        let own = items.iter().find(|item| get_string(item, "app_id") == Some(PERSON));
        let id = own.and_then(|item| get_string(item, "id")).map(str::to_owned);
        Ok((id, items.iter().filter_map(route).collect()))
    }

    /// The hash of an account's password, if there is such an account.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn password_hash(&self, account: &str) -> Result<Option<Secret>, AwsError> {
        // One that was just taken away must not do any more.
        let found = self.account_row(account).await?;
        Ok(found.as_ref().and_then(|item| get_string(item, "password_hash")).map(Secret::new))
    }

    /// The row of an account itself, if somebody has made it.
    pub(super) async fn account_row(&self, account: &str) -> Result<Option<Item>, AwsError> {
        self.row("reading an account", &account_subject(account), PASSWORD).await
    }

    async fn row(&self, what: &str, subject: &str, app_id: &str) -> Result<Option<Item>, AwsError> {
        let key = item_of([("subject", string(subject)), ("app_id", string(app_id))]);
        self.table.read(what, key).await
    }

    /// The apps to which a subject leads.
    pub(super) async fn routes(&self, subject: &str) -> Result<Vec<AppIdentity>, AwsError> {
        Ok(self.collection(subject).await?.iter().filter_map(route).collect())
    }

    pub(super) async fn collection(&self, subject: &str) -> Result<Vec<Item>, AwsError> {
        let found = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("subject = :subject")
            .expression_attribute_values(":subject", string(subject))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsError::new(self.table.action("looking up a person"), &error))?;
        // A business has a handful of apps: one page holds them all.
        Ok(found.items.unwrap_or_default())
    }
}

pub(super) fn union_subject(union_id: &UnionId) -> String {
    format!("union#{}", union_id.as_str())
}

/// The key of the row that says that there is an account of this name.
pub fn account_key(account: &str) -> Item {
    item_of([("subject", string(account_subject(account))), ("app_id", string(PASSWORD))])
}

pub(super) fn account_subject(account: &str) -> String {
    format!("account#{account}")
}

/// Whom a session names: the internal id leads to the person's openid in each
/// app that they log in to.
pub(super) fn person_subject(id: &str) -> String {
    format!("person#{id}")
}

/// None for a row that is no app's: [`PERSON`] and [`PASSWORD`], or one whose
/// openid isn't known.
pub(super) fn route(item: &Item) -> Option<AppIdentity> {
    Some(AppIdentity {
        app_id: AppId::parse(get_string(item, "app_id")?).ok()?,
        open_id: OpenId::parse(get_string(item, "open_id")?).ok()?,
        follows: item.get("follows").is_some_and(|follows| follows.as_bool() == Ok(&true)),
    })
}
