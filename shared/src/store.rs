//! The four tables. Their names come from the environment, their keys and
//! indexes from `infra/aws/template.yaml`.
//!
//! | Table | Key | Holds |
//! |---|---|---|
//! | users | `user` = `{app_id}#{open_id}`, `item` | `profile`, `consent#…`, `withdrawn#…`, `refused#…`, `window#…`, `form#…`, `phone`: all that belongs to one user of one app; `password_attempts#…`: how often a password was tried; `login_code#…`: what became of a login code |
//! | | `user` = `person#…`, `item` | `session#…`: which refresh token is good |
//! | mappings | `subject` = `union#…`, `account#…` or `person#…`, `app_id` | a person's openid in each app, and whether they follow; `erasure#…`: who is being forgotten |
//! | events | `user`, `event` | what came in |
//! | notifications | `id` | what went out; `token_refresh#…`: who replaces an app's access token; `followers#…`: how far the import of an account's followers is |

mod accounts;
mod allowance;
mod conflict;
mod consents;
mod delete;
#[cfg(test)]
mod engine;
mod erase;
mod erasure;
mod events;
mod exchanges;
mod followers;
mod forced;
mod forget;
mod forms;
mod imports;
mod known;
mod logins;
mod mappings;
mod notifications;
mod persons;
mod phones;
mod rests;
mod retention;
mod sessions;
mod transaction;
mod tries;
mod users;
mod windows;

pub use accounts::BindError;
pub use allowance::Entitlement;
pub use consents::{Consent, ConsentKey};
pub use erasure::{Counts, Erasure, ErasureResult, TOMBSTONE_TTL};
pub use events::{
    AutoReplyClaim, AutoReplyLease, AutoReplyState, ClaimResult, DueEvent, EventCursor, EventPage,
    EventPut, EventRange, Events, FailureRecord, InvalidCursor, NewEvent, PutOutcome, StoredEvent,
    Unreadable,
};
pub use exchanges::{CodeExchange, LoginCodeHash, LoginCodeRecord};
pub use followers::{
    FetchedProfile, FollowEvent, FollowState, FollowTransition, FollowerUpdate, Followers,
};
pub use forced::{
    LeaseHolder, LeaseResult, RefreshProgress, RefreshResult, TokenRefreshLease, TokenRefreshLeases,
};
pub use forms::FormIdItem;
pub use imports::{FollowerImport, FollowerImports, ImportCounts, ImportLease, ImportPhase};
pub use known::KnownPerson;
pub use logins::{Binding, LoginError, LoginResult, Logins};
pub use mappings::{AppIdentity, Mappings, account_key};
pub use notifications::{
    CancelResult, Expected, Lease, MessageId, NextAction, NotificationRow, NotificationStatus,
    Notifications, Receipt, ReceiptResolution, SendIntent, Transition, WriteResult,
};
pub use persons::{AppUser, Person, PersonError, PersonQuery};
pub use phones::StoredPhone;
pub use rests::{OpenCircuit, OpenCircuits};
pub use sessions::{Family, NewSession, SecretHash, Sessions, Verdict};
pub use tries::{AttemptKey, RateLimit};
pub use users::Users;
pub use windows::{ReplyWindow, WindowSlot};

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::{self, VariableError};
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use std::collections::HashMap;

/// DynamoDB's refusals that stay until somebody mends the table, its name or the
/// function's role.
///
/// Source: DynamoDB's documentation, "Error handling with DynamoDB" and "Common
/// errors".
const PERMANENT_ERRORS: [&str; 5] = [
    "ResourceNotFoundException",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "OptInRequired",
    "ValidationException",
];

/// An item as DynamoDB gives it.
type Item = HashMap<String, AttributeValue>;

/// One table: a client and a name.
#[derive(Clone, Debug)]
struct Table {
    dynamodb: Client,
    name: String,
    variable: &'static str,
    /// For how many seconds a row is kept that isn't kept for ever.
    retention: u64,
}

impl Table {
    fn from_environment(dynamodb: &Client, variable: &'static str) -> Result<Self, VariableError> {
        Ok(Self {
            dynamodb: dynamodb.clone(),
            name: config::required(variable)?,
            variable,
            retention: retention::seconds()?,
        })
    }

    /// Asks DynamoDB whether the table is there, which also opens the connection
    /// that the first call will use. Only what an operator has to mend is an
    /// error: a moment of trouble says nothing about the table, and would stop a
    /// function that could do its work a second later.
    ///
    /// Of the questions that name nothing but a table it is the one with the smallest
    /// answer: what reads `DescribeTable`'s weighs 60 kB in the zip of each function.
    async fn check(&self) -> Result<(), AwsError> {
        let asked = self.dynamodb.describe_time_to_live().table_name(&self.name);
        let Err(error) = asked.send().await else { return Ok(()) };
        let action = format!("looking for the table {} ({})", self.name, self.variable);
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let permanent = code.is_some_and(|code| PERMANENT_ERRORS.contains(&code));
        let error = AwsError::new(action, &error);
        if permanent {
            return Err(error);
        }
        tracing::warn!("{error}");
        Ok(())
    }

    /// What a conditional write gave; none if its condition did not hold. A write
    /// to a table that has transactions is made with [`conflict::retry_on_conflict`].
    fn conditional<T, E, R>(
        &self,
        what: &str,
        result: Result<T, SdkError<E, R>>,
    ) -> Result<Option<T>, AwsError>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error)
                if error.as_service_error().and_then(ProvideErrorMetadata::code)
                    == Some("ConditionalCheckFailedException") =>
            {
                Ok(None)
            }
            Err(error) => Err(AwsError::new(self.action(what), &error)),
        }
    }

    /// Reads one row, as it stands now. None if there is none.
    async fn read(&self, what: &str, key: Item) -> Result<Option<Item>, AwsError> {
        let found = self
            .dynamodb
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsError::new(self.action(what), &error))?;
        Ok(found.item)
    }

    /// Makes one conditional update on its own. False if its condition did not
    /// hold.
    async fn change(&self, what: &str, update: UpdateBuilder) -> Result<bool, AwsError> {
        let update = self.request(update);
        let written = conflict::retry_on_conflict(|| update.clone().send()).await;
        Ok(self.conditional(what, written)?.is_some())
    }

    /// The request that makes an update, which a transaction could make as well,
    /// on its own. It has key, table and expression.
    fn request(&self, update: UpdateBuilder) -> UpdateItemFluentBuilder {
        let update = update.build().expect("key, table and expression are set");
        self.dynamodb
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .set_return_values_on_condition_check_failure(
                update.return_values_on_condition_check_failure,
            )
    }

    fn action(&self, what: &str) -> String {
        format!("{what} (table {})", self.name)
    }
}

/// The partition key of everything that belongs to one user of one app.
fn user_key(app_id: &AppId, open_id: &OpenId) -> String {
    format!("{app_id}#{}", open_id.as_str())
}

/// An item, or the key of one, by the names of its attributes.
fn item_of<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.map(|(name, value)| (name.to_owned(), value)).into()
}

fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A set of strings, which DynamoDB wants to have at least one.
fn strings<const N: usize>(texts: [&str; N]) -> AttributeValue {
    AttributeValue::Ss(texts.map(str::to_owned).to_vec())
}

fn number(number: impl Into<u64>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

fn get_string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}

fn get_time(item: &Item, name: &str) -> Option<Timestamp> {
    get_number(item, name).map(Timestamp)
}
