//! A notification as it is stored, and what may be done with it.

use super::status::NotificationStatus;
use crate::clock::Timestamp;
use crate::parameters::ChannelKind;
use crate::store::dynamodb::condition::{Condition, attr};
use crate::store::dynamodb::item::{Item, get_number, get_string, get_time, string};
use crate::wechat::id::{AppId, OpenId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// WeChat drops a repeated message by its `client_msg_id` for 10 minutes. For this many
/// seconds from when the first may have been sent a repetition is safe: 8 minutes, which
/// leaves 2 for the repetition itself.
///
/// Source: WeChat's documentation, "发送模板消息", on `client_msg_id`.
const REPEAT_WINDOW_SECS: u64 = 8 * 60;

/// An invocation holds its lease on a notification no longer than this, in seconds: the
/// function's timeout and some more, and the time between two sweeps.
const MAX_LEASE_SECS: u64 = 70 + 60;

/// A notification as it is stored.
#[derive(Clone, Debug)]
pub struct NotificationRow {
    /// The caller's id of it.
    pub id: String,
    /// Tells another request with the same id.
    pub request_hash: String,
    /// Its status.
    pub status: NotificationStatus,
    /// The lease that wrote the row last.
    pub(super) lease_owner: String,
    /// The number of attempts to send it.
    pub attempts: u64,
    /// When the first attempt began.
    pub first_at: Option<Timestamp>,
    /// When the lease on it ends.
    pub(super) lease_until: Option<Timestamp>,
    /// When it is to be sent, or retried.
    pub retry_at: Option<Timestamp>,
    /// What may have been sent already.
    pub intent: Option<SendIntent>,
    /// The request, as JSON, as long as it may have to be sent.
    pub content: Option<String>,
    /// The report that was stored with the status.
    pub report: Option<String>,
    /// Why a message did not arrive, by WeChat's receipt.
    pub receipt: Option<String>,
    /// WeChat's id of the message, where only the receipt named it.
    pub message_id: Option<String>,
    /// When it is due.
    pub(super) due_at: Option<Timestamp>,
}

/// The intent to send a message, which is written before the message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SendIntent {
    /// Through which kind of channel.
    pub channel: ChannelKind,
    /// Which app sends it.
    pub app_id: AppId,
    /// WeChat's template, if it's made of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Under which WeChat's receipt looks for it, see [`receipt_key`]; none if there is no
    /// receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) receipt_key: Option<String>,
    /// By which WeChat drops a repetition, if it does for this channel. An older version
    /// stored none, and its intents are open for eight minutes after the update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
    /// When it may have been sent for the first time. It has an attribute of its own.
    #[serde(skip, default = "epoch")]
    pub at: Timestamp,
}

fn epoch() -> Timestamp {
    Timestamp(0)
}

/// What may be done with a row.
#[derive(Debug, PartialEq, Eq)]
pub enum NextAction<'a> {
    /// Nothing: it is final, waits, or is being sent.
    None,
    /// It may be sent now; with an intent, only the same again.
    Send(Option<&'a SendIntent>),
    /// It may have been sent, and a repetition could double it.
    GiveUp(&'a SendIntent),
}

impl SendIntent {
    /// The intent to send this to a user.
    pub fn new(
        channel: ChannelKind,
        app_id: &AppId,
        template_id: Option<&str>,
        open_id: &OpenId,
        at: Timestamp,
    ) -> Self {
        // The receipt of a template message doesn't name the template, and a message of
        // customer service or by a form id has no receipt.
        let receipt_key = match channel {
            ChannelKind::Template => Some(receipt_key(app_id, open_id, None)),
            ChannelKind::Subscribe | ChannelKind::Bizsend => {
                Some(receipt_key(app_id, open_id, template_id))
            }
            ChannelKind::CustomerService | ChannelKind::LegacyTemplate => None,
        };
        let (app_id, template_id) = (app_id.clone(), template_id.map(str::to_owned));
        Self { channel, app_id, template_id, receipt_key, client_msg_id: None, at }
    }

    /// Whether another intent is to the same user.
    pub fn is_to_same(&self, other: &Self) -> bool {
        self.receipt_key == other.receipt_key
    }

    /// Until when the same may be sent again; none if never.
    pub fn repeatable_until(&self) -> Option<Timestamp> {
        self.channel.is_repeatable().then(|| self.at.plus(REPEAT_WINDOW_SECS))
    }
}

/// The hash by which an ambiguous notification and an unmatched receipt find each other:
/// the same for all that one app sends to one user, of one template where the receipt
/// names it. The user can't be read from it.
pub(super) fn receipt_key(app_id: &AppId, open_id: &OpenId, template_id: Option<&str>) -> String {
    let text = [app_id.as_str(), open_id.as_str(), template_id.unwrap_or_default()].join("\n");
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds after a receipt was stored until no notification with its key is under way any
/// more that it could belong to: each is sent, or ambiguous itself.
pub(super) fn resolution_delay(channel: ChannelKind) -> u64 {
    if channel.is_repeatable() { REPEAT_WINDOW_SECS + MAX_LEASE_SECS } else { MAX_LEASE_SECS }
}

impl NotificationRow {
    /// Reads a row of the notifications table. None for a row that is no notification's,
    /// or one that this version can't read: it must not be sent.
    pub fn read(item: &Item) -> Option<Self> {
        let text = |name| get_string(item, name).map(str::to_owned);
        let intent = match item.get("intent") {
            None => None,
            Some(intent) => {
                let intent: SendIntent = serde_json::from_str(intent.as_s().ok()?).ok()?;
                Some(SendIntent { at: get_time(item, "intent_at")?, ..intent })
            }
        };
        Some(Self {
            id: text("id")?,
            request_hash: text("request_hash")?,
            status: NotificationStatus::parse(get_string(item, "status")?)?,
            lease_owner: text("lease_owner").unwrap_or_default(),
            attempts: get_number(item, "attempts").unwrap_or_default(),
            first_at: get_time(item, "first_at"),
            lease_until: get_time(item, "lease_until"),
            retry_at: get_time(item, "retry_at"),
            intent,
            content: text("content"),
            report: text("report"),
            receipt: text("reason").filter(|reason| !reason.is_empty()),
            message_id: text("message_id"),
            due_at: get_time(item, "due_at"),
        })
    }

    /// What may be done with it now.
    pub fn next_action(&self, now: Timestamp) -> NextAction<'_> {
        let until = match self.status {
            NotificationStatus::InProgress => self.lease_until,
            NotificationStatus::Retrying | NotificationStatus::Scheduled => self.retry_at,
            _ => return NextAction::None,
        };
        if until.is_some_and(|until| now < until) {
            return NextAction::None;
        }
        match &self.intent {
            None => NextAction::Send(None),
            Some(intent) if intent.repeatable_until().is_some_and(|until| now < until) => {
                NextAction::Send(Some(intent))
            }
            Some(intent) => NextAction::GiveUp(intent),
        }
    }

    /// Whether WeChat's receipt has been stored.
    pub fn has_receipt(&self) -> bool {
        self.receipt.is_some()
            || matches!(self.status, NotificationStatus::Delivered | NotificationStatus::Blocked)
    }

    /// Whether it awaits a receipt whose message id isn't known.
    pub fn awaits_receipt(&self) -> bool {
        match self.status {
            NotificationStatus::Ambiguous => true,
            NotificationStatus::Sent => self.intent.is_some(),
            _ => false,
        }
    }

    /// The condition that it is as it was read.
    pub(in crate::store) fn is_unchanged(&self) -> Condition {
        is_at(&self.lease_owner, self.status)
    }
}

/// The condition that this lease wrote the row last, with this status.
pub(super) fn is_at(lease_owner: &str, status: NotificationStatus) -> Condition {
    attr("lease_owner")
        .equals(string(lease_owner))
        .and(attr("status").equals(string(status.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(10_000);

    fn intent(channel: ChannelKind, ago: u64) -> SendIntent {
        let app_id = AppId::parse("wx0000000000005a01").unwrap();
        let open_id = OpenId::parse("oAnn").unwrap();
        SendIntent::new(channel, &app_id, Some("T"), &open_id, Timestamp(NOW.0 - ago))
    }

    fn row(status: NotificationStatus, until: u64, intent: Option<SendIntent>) -> NotificationRow {
        let until = Some(Timestamp(until));
        NotificationRow {
            id: "a".to_owned(),
            request_hash: "h".to_owned(),
            status,
            lease_owner: "c".to_owned(),
            attempts: 1,
            first_at: None,
            lease_until: until,
            retry_at: until,
            intent,
            content: None,
            report: None,
            receipt: None,
            message_id: None,
            due_at: until,
        }
    }

    #[test]
    fn row_needs_no_action_when_it_is_final_or_leased() {
        for status in [
            NotificationStatus::InProgress,
            NotificationStatus::Retrying,
            NotificationStatus::Scheduled,
        ] {
            assert_eq!(row(status, NOW.0 + 1, None).next_action(NOW), NextAction::None);
            assert_eq!(
                row(status, NOW.0, None).next_action(NOW),
                NextAction::Send(None),
                "{status:?}"
            );
        }
        for status in [
            NotificationStatus::Sent,
            NotificationStatus::Ambiguous,
            NotificationStatus::Failed,
            NotificationStatus::Cancelled,
        ] {
            assert_eq!(row(status, 0, None).next_action(NOW), NextAction::None, "{status:?}");
        }
    }

    /// Fault 44.
    #[test]
    fn send_is_repeated_only_when_wechat_drops_duplicates_and_for_eight_minutes() {
        use ChannelKind::{Bizsend, CustomerService, LegacyTemplate, Subscribe, Template};
        for (channel, ago, repeated) in [
            (Template, 479, true),
            (Bizsend, 479, true),
            (Template, 480, false),
            (Bizsend, 480, false),
            (Subscribe, 1, false),
            (CustomerService, 1, false),
            (LegacyTemplate, 1, false),
        ] {
            for status in [NotificationStatus::InProgress, NotificationStatus::Retrying] {
                let intent = intent(channel, ago);
                let row = row(status, 0, Some(intent.clone()));
                let standing = if repeated {
                    NextAction::Send(Some(&intent))
                } else {
                    NextAction::GiveUp(&intent)
                };
                assert_eq!(row.next_action(NOW), standing, "{channel} {ago}");
            }
        }
    }

    #[test]
    fn receipt_key_does_not_identify_the_user() {
        let subscribe = intent(ChannelKind::Subscribe, 0).receipt_key.unwrap();
        assert!(!subscribe.contains("oAnn"));
        assert_ne!(Some(subscribe), intent(ChannelKind::Template, 0).receipt_key);
        assert_eq!(intent(ChannelKind::CustomerService, 0).receipt_key, None);
    }
}
