//! The ways in which a command names a person.

use crate::account::Username;
use crate::app::App;
use crate::error::LoginError;
use serde::{Deserialize, Deserializer};
use shared::clock::Timestamp;
use shared::parameters::AppAlias;
use shared::store::{AppUser, PersonQuery};
use shared::wechat::id::OpenId;

/// A person, by exactly one of three names.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub(super) enum PersonSelector {
    User(UserId),
    /// The account that is bound to them.
    Account(Username),
    /// Their openid in the app of this alias. Followers who never logged in have one too.
    OpenId {
        app: AppAlias,
        open_id: OpenId,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    user: Option<UserId>,
    #[serde(default)]
    account: Option<Username>,
    #[serde(default)]
    app: Option<AppAlias>,
    #[serde(default)]
    open_id: Option<OpenId>,
}

impl TryFrom<Fields> for PersonSelector {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match fields {
            Fields { user: Some(id), account: None, app: None, open_id: None } => {
                Ok(Self::User(id))
            }
            Fields { user: None, account: Some(name), app: None, open_id: None } => {
                Ok(Self::Account(name))
            }
            Fields { user: None, account: None, app: Some(app), open_id: Some(open_id) } => {
                Ok(Self::OpenId { app, open_id })
            }
            _ => Err(r#"expected one of {"user"}, {"account"} and {"app", "open_id"}"#),
        }
    }
}

impl PersonSelector {
    /// The query for the store, with the app's id instead of its alias.
    pub(super) async fn query(&self, app: &App, now: Timestamp) -> Result<PersonQuery, LoginError> {
        Ok(match self {
            Self::User(id) => PersonQuery::Person(id.as_str().to_owned()),
            Self::Account(name) => PersonQuery::Account(name.as_str().to_owned()),
            Self::OpenId { app: alias, open_id } => {
                let credentials = app.current_credentials(alias, now).await?;
                let of = credentials.apps.by_alias(alias).ok_or(LoginError::UnknownApp)?;
                PersonQuery::User(AppUser { app_id: of.app_id.clone(), open_id: open_id.clone() })
            }
        })
    }
}

/// A person's internal id: 32 hexadecimal digits.
#[derive(Debug)]
pub(super) struct UserId(String);

impl UserId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let digits = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if id.len() == 32 && id.bytes().all(digits) {
            Ok(Self(id))
        } else {
            Err(serde::de::Error::custom(
                "an internal id has 32 hexadecimal digits, as a login answers it",
            ))
        }
    }
}
