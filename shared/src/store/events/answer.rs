//! What customer service answered to an event by itself. It stands on the
//! event's row (`answer`), so that nobody answers twice.

use super::{Events, StoredEvent};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::{Item, number, string};
use aws_sdk_dynamodb::types::AttributeValue;

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerState {
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
    /// It wasn't sent: no window of the user's was open.
    NoWindow,
    /// It wasn't sent: so long after the event it would have been odd, or
    /// refused.
    TooLate,
}

impl AnswerState {
    fn attribute(&self, now: Timestamp) -> AttributeValue {
        let state = match self {
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Refused { .. } => "refused",
            Self::Unknown { .. } => "unknown",
            Self::NoWindow => "no_window",
            Self::TooLate => "too_late",
        };
        let mut answer =
            Item::from([("state".to_owned(), string(state)), ("at".to_owned(), number(now))]);
        if let Self::Refused { code, .. } = self {
            answer.insert("code".to_owned(), AttributeValue::N(code.to_string()));
        }
        if let Self::Refused { reason, .. } | Self::Unknown { reason } = self {
            answer.insert("reason".to_owned(), string(reason));
        }
        AttributeValue::M(answer)
    }
}

impl Events {
    /// Claims the one answer to an event. False if it was claimed before.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm: then nothing may be sent.
    pub async fn claim_answer(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .update(event)
            .update_expression("SET answer = :answer")
            .condition_expression("attribute_exists(#user) AND attribute_not_exists(answer)")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":answer", AnswerState::Sending.attribute(now));
        let claimed = self.table.conditional("claiming an answer", update.send().await)?;
        Ok(claimed.is_some())
    }

    /// Notes what became of the claimed answer.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; the claim holds all the same.
    pub async fn note_answer(
        &self,
        event: &StoredEvent,
        state: &AnswerState,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self
            .update(event)
            .update_expression("SET answer = :answer")
            .condition_expression("attribute_exists(answer)")
            .expression_attribute_values(":answer", state.attribute(now));
        self.table.conditional("noting what became of an answer", update.send().await).map(drop)
    }

    /// Gives the claim back: the answer was certainly not sent, and may be sent
    /// by a later try.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; then it is never sent.
    pub async fn give_back_answer(&self, event: &StoredEvent) -> Result<(), AwsError> {
        let update = self
            .update(event)
            .update_expression("REMOVE answer")
            .condition_expression("attribute_exists(answer)");
        self.table.conditional("giving an answer back", update.send().await).map(drop)
    }
}
