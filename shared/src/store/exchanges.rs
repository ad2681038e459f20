//! What became of a login code, for a minute: a mini program whose answer was lost
//! asks with the same code again, which WeChat takes only once.
//!
//! The row is written with the login itself, so that there is none of a login that
//! wasn't stored. It is named by a hash of the app, the code and the account that
//! was asked for: whoever knows all of them could have logged in themselves. It
//! says no more than which person it was, and what the session was made of.

use super::{
    Item, LoginResult, Logins, Users, get_string, get_time, item_of, number, string, transaction,
};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, UnionId};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use sha2::{Digest, Sha256};

/// A retry is answered for so many seconds.
const RETRY_WINDOW: u64 = 60;

/// Names a code that was asked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCodeHash(String);

/// A code that has become a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeExchange {
    /// Which code.
    pub code: LoginCodeHash,
    /// The session (`sid`).
    pub session: String,
    /// The first access token of it (`jti`).
    pub token: String,
}

/// An exchange as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCodeRecord {
    /// The internal id of who logged in.
    pub person: String,
    /// The one that they had until then, if the login found them to be somebody else.
    pub merged_from: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What the session was made of.
    pub exchange: CodeExchange,
}

impl LoginCodeHash {
    /// The name of a code of this app, asked with for this account, if any.
    pub fn new(app_id: &AppId, code: &str, account: Option<&str>) -> Self {
        // None of these has a line break in it, and an account is never empty.
        let of = [app_id.as_str(), code, account.unwrap_or_default()].join("\n");
        Self(Sha256::digest(of).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn key(&self) -> Item {
        item_of([("user", string(format!("login_code#{}", self.0))), ("item", string("exchange"))])
    }
}

impl Users {
    /// The write that says what became of a code.
    pub(super) fn login_code_put(
        &self,
        exchange: &CodeExchange,
        session: &LoginResult,
        now: Timestamp,
    ) -> TransactWriteItem {
        let mut put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(exchange.code.key()))
            .item("person", string(&session.user))
            .item("session", string(&exchange.session))
            .item("token", string(&exchange.token))
            .item("at", number(now))
            .item("expires", number(now.plus(RETRY_WINDOW)));
        if let Some(former) = &session.merged_from {
            put = put.item("merged_from", string(former));
        }
        transaction::put(put.build().expect("table and item are set"))
    }

    /// What became of a code in the last minute.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn login_code(
        &self,
        code: &LoginCodeHash,
        now: Timestamp,
    ) -> Result<Option<LoginCodeRecord>, AwsError> {
        let found = self.table.read("reading what became of a code", code.key()).await?;
        let item = found.unwrap_or_default();
        let text = |name| get_string(&item, name).map(str::to_owned);
        let exchanged = (|| {
            let exchange = CodeExchange {
                code: code.clone(),
                session: text("session")?,
                token: text("token")?,
            };
            let (person, merged_from) = (text("person")?, text("merged_from"));
            Some(LoginCodeRecord { person, merged_from, at: get_time(&item, "at")?, exchange })
        })();
        // DynamoDB removes it some time after its end.
        Ok(exchanged.filter(|it| now < it.at.plus(RETRY_WINDOW)))
    }
}

impl Logins {
    /// What the login of an exchange in this app has found; none if the person isn't
    /// known there any more.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn replay(
        &self,
        exchanged: &LoginCodeRecord,
        app_id: &AppId,
    ) -> Result<Option<LoginResult>, AwsError> {
        let LoginCodeRecord { person, merged_from, .. } = exchanged;
        let Some(open_id) = self.mappings.open_id_of(person, app_id).await? else {
            return Ok(None);
        };
        let profile = self.users.profile(app_id, &open_id).await?.unwrap_or_default();
        if get_string(&profile, "id") != Some(person.as_str()) {
            return Ok(None);
        }
        let union_id = get_string(&profile, "union_id").and_then(|id| UnionId::parse(id).ok());
        let routes = match union_id {
            Some(union_id) => self.mappings.by_union_id(&union_id).await?,
            None => Vec::new(),
        };
        let account = get_string(&profile, "account").map(str::to_owned);
        let (user, merged_from) = (person.clone(), merged_from.clone());
        Ok(Some(LoginResult { user, account, routes, merged_from }))
    }
}
