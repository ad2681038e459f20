//! The automatic reply of customer service to an event. Its state is stored on the
//! event's row (`auto_reply`), so that it is sent once.

use super::Events;
use super::stored::StoredEvent;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::{attr, nested};
use crate::store::dynamodb::item::{Item, get_string, get_time, item_of, number, string};
use crate::store::dynamodb::write::{Write, WriteOutcome};
use aws_sdk_dynamodb::types::AttributeValue;

/// An invocation that has claimed a reply has sent it within this many seconds, or
/// crashed.
const SEND_LEASE_SECS: u64 = 60;

/// The state of an automatic reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutoReplyState {
    /// It is being sent; or an invocation crashed, which may or may not have sent it.
    Sending,
    /// WeChat has accepted it.
    Sent,
    /// WeChat refuses it.
    Refused {
        /// WeChat's `errcode`.
        code: i64,
        /// Why.
        reason: String,
    },
    /// WeChat may or may not have accepted it. It isn't repeated.
    Unknown {
        /// What went wrong.
        reason: String,
    },
    /// It could not be sent as long as it made sense to try.
    NotSent {
        /// What went wrong at last.
        reason: String,
    },
    /// It wasn't sent: no window of the user's was open.
    NoWindow,
    /// It wasn't sent: so long after the event it would have been odd, or refused.
    TooLate,
}

impl AutoReplyState {
    fn attribute(&self, owner: Option<&str>, now: Timestamp) -> AttributeValue {
        let state = match self {
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Refused { .. } => "refused",
            Self::Unknown { .. } => "unknown",
            Self::NotSent { .. } => "not_sent",
            Self::NoWindow => "no_window",
            Self::TooLate => "too_late",
        };
        let mut reply = item_of([("state", string(state)), ("at", number(now))]);
        if let Self::Refused { code, .. } = self {
            reply.insert("code".to_owned(), AttributeValue::N(code.to_string()));
        }
        if let Self::Refused { reason, .. } | Self::NotSent { reason } | Self::Unknown { reason } =
            self
        {
            reply.insert("reason".to_owned(), string(reason));
        }
        reply.extend(owner.map(|owner| ("owner".to_owned(), string(owner))));
        AttributeValue::M(reply)
    }
}

/// The right to send a reply, once.
#[derive(Debug, PartialEq, Eq)]
pub struct AutoReplyLease {
    /// A random name that no other lease has.
    owner: String,
}

/// The result of claiming a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum AutoReplyClaim {
    /// The caller has to send it.
    Acquired(AutoReplyLease),
    /// Another invocation has claimed it just now, and may release it.
    InProgress,
    /// It isn't sent any more: it was sent or given up, or an invocation crashed that may
    /// have sent it.
    Closed,
}

impl Events {
    /// Claims the one reply to an event. After an error nothing must be sent.
    pub async fn claim_auto_reply(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<AutoReplyClaim, AwsError> {
        // The SDK repeats a write whose response was lost, and must then find its own
        // claim, not another's.
        let owner = uuid::Uuid::new_v4().simple().to_string();
        let is_own = nested("auto_reply", "owner").equals(string(&owner));
        let update = Write::update(&self.table, event.key())
            .set("auto_reply", AutoReplyState::Sending.attribute(Some(&owner), now))
            .when(attr("user").exists())
            .when(attr("auto_reply").not_exists().or(is_own));
        let claimed = self.table.write_or_existing("claiming an automatic reply", update).await?;
        Ok(match claimed {
            WriteOutcome::Written(_) => AutoReplyClaim::Acquired(AutoReplyLease { owner }),
            WriteOutcome::Refused(existing) if is_being_sent(&existing, now) => {
                AutoReplyClaim::InProgress
            }
            WriteOutcome::Refused(_) => AutoReplyClaim::Closed,
        })
    }

    /// Records the state of a claimed reply. After an error the claim holds all the same.
    pub async fn record_auto_reply(
        &self,
        event: &StoredEvent,
        lease: &AutoReplyLease,
        state: &AutoReplyState,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self.owned(event, lease).set("auto_reply", state.attribute(None, now));
        self.table.write("recording an automatic reply", update).await.map(drop)
    }

    /// Releases the claim: the reply was certainly not sent, and a later attempt may send
    /// it. After an error it is never sent.
    pub async fn release_auto_reply(
        &self,
        event: &StoredEvent,
        lease: &AutoReplyLease,
    ) -> Result<(), AwsError> {
        let update = self.owned(event, lease).remove(["auto_reply"]);
        self.table.write("releasing an automatic reply", update).await.map(drop)
    }

    /// An update of the row, if the lease still holds.
    fn owned(&self, event: &StoredEvent, lease: &AutoReplyLease) -> Write {
        Write::update(&self.table, event.key())
            .when(nested("auto_reply", "owner").equals(string(&lease.owner)))
    }
}

fn is_being_sent(row: &Item, now: Timestamp) -> bool {
    let reply = row.get("auto_reply").and_then(|reply| reply.as_m().ok());
    reply.is_some_and(|reply| {
        let age = get_time(reply, "at").map(|at| now.seconds_since(at));
        get_string(reply, "state") == Some("sending") && age < Some(SEND_LEASE_SECS)
    })
}
