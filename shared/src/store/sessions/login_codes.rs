//! What a login code was exchanged for, for a minute: a mini program whose response was
//! lost asks with the same code again, which WeChat accepts only once.
//!
//! The row is written with the login itself, so that there is none of a login that wasn't
//! stored. Its key is a hash of the app, the code and the account that was asked for. It
//! holds no more than which person it was, what the session was made of, and the hash of the
//! retry key by which the client proves that a repeat is its own.

use super::family::SecretHash;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::item::{Item, get_number, get_string, get_time, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::keys::item_key;
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::AppId;
use sha2::{Digest, Sha256};

/// How long a retry gets the same response, in seconds.
const RETRY_WINDOW: u64 = 60;

/// The hash of a login code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCodeHash(String);

/// What a code is exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeExchange {
    /// Which code.
    pub code: LoginCodeHash,
    /// The session (`sid`).
    pub session: String,
    /// The first access token of it (`jti`).
    pub token: String,
    /// The number of the key that sealed its first refresh token.
    pub refresh_key: u32,
    /// The retry key that came with the login.
    pub retry_key: Option<SecretHash>,
}

/// An exchange as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCodeRecord {
    /// The internal id of the person who logged in.
    pub person: String,
    /// The one that they had until then, if the login found them to be another person.
    pub merged_from: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What the session was made of.
    pub exchange: CodeExchange,
}

impl LoginCodeHash {
    /// The hash of a code of this app, presented with this account, if any.
    pub fn new(app_id: &AppId, code: &str, account: Option<&str>) -> Self {
        // None of these has a line break in it, and an account is never empty.
        let text = [app_id.as_str(), code, account.unwrap_or_default()].join("\n");
        Self(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn key(&self) -> Item {
        item_key(format!("login_code#{}", self.0), "exchange")
    }
}

aggregate! {
    /// The login codes that were exchanged in the last minute.
    pub struct LoginCodes { table: UsersTable }
}

impl LoginCodes {
    /// The write that records what a code was exchanged for.
    pub(in crate::store) fn put(
        &self,
        exchange: &CodeExchange,
        person: &str,
        merged_from: Option<&str>,
        now: Timestamp,
    ) -> Write {
        let mut item = exchange.code.key();
        item.extend([
            ("person".to_owned(), string(person)),
            ("session".to_owned(), string(&exchange.session)),
            ("token".to_owned(), string(&exchange.token)),
            ("refresh_key".to_owned(), number(exchange.refresh_key)),
            ("at".to_owned(), number(now)),
            ("expires".to_owned(), number(now.plus(RETRY_WINDOW))),
        ]);
        let retry_key = exchange.retry_key.map(super::hash);
        item.extend(retry_key.map(|hash| ("retry_key_hash".to_owned(), hash)));
        item.extend(merged_from.map(|former| ("merged_from".to_owned(), string(former))));
        Write::put(&self.table, item)
    }

    /// What a code was exchanged for in the last minute.
    pub async fn get(
        &self,
        code: &LoginCodeHash,
        now: Timestamp,
    ) -> Result<Option<LoginCodeRecord>, AwsError> {
        let found = self.table.read("reading a login code", code.key()).await?;
        let record = found.as_ref().and_then(|item| read(item, code));
        // DynamoDB deletes it some time after it expires.
        Ok(record.filter(|record| now < record.at.plus(RETRY_WINDOW)))
    }
}

fn read(item: &Item, code: &LoginCodeHash) -> Option<LoginCodeRecord> {
    let text = |name| get_string(item, name).map(str::to_owned);
    Some(LoginCodeRecord {
        person: text("person")?,
        merged_from: text("merged_from"),
        at: get_time(item, "at")?,
        exchange: CodeExchange {
            code: code.clone(),
            session: text("session")?,
            token: text("token")?,
            refresh_key: get_number(item, "refresh_key")?,
            retry_key: super::get_hash(item, "retry_key_hash"),
        },
    })
}
