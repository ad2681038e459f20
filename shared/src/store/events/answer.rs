//! What customer service answered to an event by itself. It stands on the
//! event's row (`auto_reply`), so that nobody answers twice.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{Item, get_string, get_time, item_of, number, string};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

/// Whoever has claimed an answer has sent it within this many seconds, or was
/// ended in the middle.
const SEND_LEASE_SECS: u64 = 60;

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutoReplyState {
    /// It is being sent; or it was, by an invocation that ended in the middle,
    /// and may or may not have been.
    Sending,
    /// WeChat has taken it on.
    Sent,
    /// WeChat refuses it, for this reason.
    Refused {
        /// WeChat's `errcode`.
        code: i64,
        /// What was said of it.
        reason: String,
    },
    /// Nobody knows whether WeChat took it on. It isn't repeated.
    Unknown {
        /// What went wrong.
        reason: String,
    },
    /// It could not be sent for as long as it made sense to try.
    NotSent {
        /// What went wrong at last.
        reason: String,
    },
    /// It wasn't sent: no window of the user's was open.
    NoWindow,
    /// It wasn't sent: so long after the event it would have been odd, or
    /// refused.
    TooLate,
}

impl AutoReplyState {
    fn item(&self, now: Timestamp) -> Item {
        let state = match self {
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Refused { .. } => "refused",
            Self::Unknown { .. } => "unknown",
            Self::NotSent { .. } => "not_sent",
            Self::NoWindow => "no_window",
            Self::TooLate => "too_late",
        };
        let mut answer = item_of([("state", string(state)), ("at", number(now))]);
        if let Self::Refused { code, .. } = self {
            answer.insert("code".to_owned(), AttributeValue::N(code.to_string()));
        }
        if let Self::Refused { reason, .. } | Self::NotSent { reason } | Self::Unknown { reason } =
            self
        {
            answer.insert("reason".to_owned(), string(reason));
        }
        answer
    }
}

/// The right to send an answer, once.
#[derive(Debug, PartialEq, Eq)]
pub struct AutoReplyLease {
    /// A word that no other claim has.
    owner: String,
}

/// What came of claiming an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum AutoReplyClaim {
    /// It is the caller's to send.
    Acquired(AutoReplyLease),
    /// Somebody else has claimed it just now, and may give it back.
    InProgress,
    /// There is nothing to send any more: it was sent, or given up, or perhaps
    /// sent by somebody who was ended in the middle.
    Closed,
}

impl Events {
    /// Claims the one answer to an event.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then nothing may be sent.
    pub async fn claim_auto_reply(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<AutoReplyClaim, AwsError> {
        // The SDK repeats a write whose answer was lost, and must then find its
        // own claim, not somebody else's.
        let owner = uuid::Uuid::new_v4().simple().to_string();
        let mut claim = AutoReplyState::Sending.item(now);
        claim.insert("owner".to_owned(), string(&owner));
        let update = self
            .update(event)
            .update_expression("SET auto_reply = :auto_reply")
            .condition_expression(
                "attribute_exists(#user) AND (attribute_not_exists(auto_reply) OR auto_reply.#owner = :owner)",
            )
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":auto_reply", AttributeValue::M(claim))
            .expression_attribute_values(":owner", string(&owner))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = update.send().await else {
            return Ok(AutoReplyClaim::Acquired(AutoReplyLease { owner }));
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(there)) => {
                let answer = there.item().and_then(|item| item.get("auto_reply")?.as_m().ok());
                let sending = answer.is_some_and(|answer| {
                    let age = get_time(answer, "at").map(|at| now.seconds_since(at));
                    get_string(answer, "state") == Some("sending") && age < Some(SEND_LEASE_SECS)
                });
                Ok(if sending { AutoReplyClaim::InProgress } else { AutoReplyClaim::Closed })
            }
            _ => Err(AwsError::new(self.table.action("claiming an answer"), &error)),
        }
    }

    /// Notes what became of a claimed answer.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; the claim holds all the same.
    pub async fn record_auto_reply(
        &self,
        event: &StoredEvent,
        claim: &AutoReplyLease,
        state: &AutoReplyState,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self
            .owned(event, claim)
            .update_expression("SET auto_reply = :auto_reply")
            .expression_attribute_values(":auto_reply", AttributeValue::M(state.item(now)));
        self.table.conditional("noting what became of an answer", update.send().await).map(drop)
    }

    /// Gives the claim back: the answer was certainly not sent, and may be
    /// sent by a later try.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; then it is never sent.
    pub async fn release_auto_reply(
        &self,
        event: &StoredEvent,
        claim: &AutoReplyLease,
    ) -> Result<(), AwsError> {
        let update = self.owned(event, claim).update_expression("REMOVE auto_reply");
        self.table.conditional("giving an answer back", update.send().await).map(drop)
    }

    /// An update of the row, if the claim still holds.
    fn owned(&self, event: &StoredEvent, claim: &AutoReplyLease) -> UpdateItemFluentBuilder {
        self.update(event)
            .condition_expression("auto_reply.#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", string(&claim.owner))
    }
}
