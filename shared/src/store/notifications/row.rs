//! A notification as it is stored, and what may be done with it.

use super::Status;
use crate::clock::Timestamp;
use crate::parameters::ChannelKind;
use crate::store::{Item, get_number, get_string, get_time};
use crate::wechat::id::{AppId, OpenId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// WeChat drops a repeated message by its `client_msg_id` for 10 minutes. For
/// this many seconds from when the first may have been sent a repeat is safe: 8
/// minutes, which leaves 2 for the repeat itself.
///
/// Source: WeChat's documentation, "发送模板消息", on `client_msg_id`.
const REPEATABLE: u64 = 8 * 60;

/// Whoever has claimed a notification has it for no longer than this, in seconds:
/// the function's timeout, and some more. And a sweep, a minute apart from the
/// next, has come by.
const LONGEST_CLAIM: u64 = 70 + 60;

/// A notification as it is stored.
#[derive(Clone, Debug)]
pub struct Row {
    /// The caller's name for it.
    pub id: String,
    /// Tells another content under the same id.
    pub request_hash: String,
    /// How it stands.
    pub status: Status,
    /// The claim that wrote the row last.
    pub(super) claim: String,
    /// How often somebody has begun to send it.
    pub tries: u64,
    /// When somebody began for the first time.
    pub first_at: Option<Timestamp>,
    /// Whoever is sending it has it until then.
    pub(super) lease_until: Option<Timestamp>,
    /// When it is to be sent, or tried again.
    pub retry_at: Option<Timestamp>,
    /// What may have been sent already.
    pub announced: Option<Announced>,
    /// What was asked, as JSON, as long as it may have to be sent.
    pub content: Option<String>,
    /// The report that was stored with the status.
    pub report: Option<String>,
    /// What WeChat's receipt said of a message that did not arrive.
    pub receipt: Option<String>,
    /// WeChat's id of the message, where only the receipt told.
    pub message_id: Option<String>,
    /// When somebody has to come back to it.
    pub(super) due_at: Option<Timestamp>,
}

/// What somebody was about to send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Announced {
    /// Through which kind of channel.
    pub channel: ChannelKind,
    /// Which app speaks.
    pub app_id: AppId,
    /// WeChat's template, if it's made of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Under which WeChat's receipt will look for it, see [`addressee`]; none if
    /// there will be no receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) addressee: Option<String>,
    /// When it may have been sent for the first time. It has an attribute of its
    /// own.
    #[serde(skip, default = "epoch")]
    pub at: Timestamp,
}

fn epoch() -> Timestamp {
    Timestamp(0)
}

/// What may be done with a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Nothing: it is over, or waits, or somebody is at it.
    Settled,
    /// It may be sent now. If something was announced, then only that again.
    Due(Option<&'a Announced>),
    /// It may have been sent, and a repeat could double it.
    Doubtful(&'a Announced),
}

impl Announced {
    /// Somebody is about to send this to a user.
    pub fn new(
        channel: ChannelKind,
        app_id: &AppId,
        template_id: Option<&str>,
        open_id: &OpenId,
        at: Timestamp,
    ) -> Self {
        // The receipt of a template message doesn't name the template, and a
        // message of customer service or by a form id has no receipt.
        let addressee = match channel {
            ChannelKind::Template => Some(addressee(app_id, open_id, None)),
            ChannelKind::Subscribe | ChannelKind::Bizsend => {
                Some(addressee(app_id, open_id, template_id))
            }
            ChannelKind::CustomerService | ChannelKind::LegacyTemplate => None,
        };
        let (app_id, template_id) = (app_id.clone(), template_id.map(str::to_owned));
        Self { channel, app_id, template_id, addressee, at }
    }

    /// Whether another announcement is to the same user.
    pub fn is_to_same(&self, other: &Self) -> bool {
        self.addressee == other.addressee
    }

    /// Until when the same may be sent again; none if never.
    pub fn repeatable_until(&self) -> Option<Timestamp> {
        self.channel.is_repeatable().then(|| self.at.plus(REPEATABLE))
    }
}

/// The name under which a message of unknown fate and a receipt of unknown origin
/// find each other: the same for all that one app sends to one user, of one
/// template where the receipt tells. It can't be told who that is.
pub(super) fn addressee(app_id: &AppId, open_id: &OpenId, template_id: Option<&str>) -> String {
    let of = [app_id.as_str(), open_id.as_str(), template_id.unwrap_or_default()].join("\n");
    Sha256::digest(of).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// So many seconds after a receipt was written down, no notification to the same
/// addressee is under way any more that it could belong to: each is sent, or
/// ambiguous itself.
pub(super) fn settling(channel: ChannelKind) -> u64 {
    if channel.is_repeatable() { REPEATABLE + LONGEST_CLAIM } else { LONGEST_CLAIM }
}

impl Row {
    /// Reads what stands in the notifications table.
    ///
    /// None for a row that is no notification's, or one that this version can't
    /// read: what it doesn't understand it must not send.
    pub fn read(item: &Item) -> Option<Self> {
        let text = |name| get_string(item, name).map(str::to_owned);
        let announced = match item.get("announced") {
            None => None,
            Some(announced) => {
                let announced: Announced = serde_json::from_str(announced.as_s().ok()?).ok()?;
                Some(Announced { at: get_time(item, "announced_at")?, ..announced })
            }
        };
        Some(Self {
            id: text("id")?,
            request_hash: text("request_hash")?,
            status: Status::parse(get_string(item, "status")?)?,
            claim: text("claim").unwrap_or_default(),
            tries: get_number(item, "tries").unwrap_or_default(),
            first_at: get_time(item, "first_at"),
            lease_until: get_time(item, "lease_until"),
            retry_at: get_time(item, "retry_at"),
            announced,
            content: text("content"),
            report: text("report"),
            receipt: text("reason").filter(|reason| !reason.is_empty()),
            message_id: text("message_id"),
            due_at: get_time(item, "due_at"),
        })
    }

    /// What may be done with it now.
    pub fn standing(&self, now: Timestamp) -> Standing<'_> {
        let until = match self.status {
            Status::InProgress => self.lease_until,
            Status::Retrying | Status::Scheduled => self.retry_at,
            _ => return Standing::Settled,
        };
        if until.is_some_and(|until| now < until) {
            return Standing::Settled;
        }
        match &self.announced {
            None => Standing::Due(None),
            Some(announced) if announced.repeatable_until().is_some_and(|until| now < until) => {
                Standing::Due(Some(announced))
            }
            Some(announced) => Standing::Doubtful(announced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(10_000);

    fn announced(channel: ChannelKind, ago: u64) -> Announced {
        let app_id = AppId::parse("wx0000000000005a01").unwrap();
        let open_id = OpenId::parse("oAnn").unwrap();
        Announced::new(channel, &app_id, Some("T"), &open_id, Timestamp(NOW.0 - ago))
    }

    fn row(status: Status, until: u64, announced: Option<Announced>) -> Row {
        let until = Some(Timestamp(until));
        Row {
            id: "a".to_owned(),
            request_hash: "h".to_owned(),
            status,
            claim: "c".to_owned(),
            tries: 1,
            first_at: None,
            lease_until: until,
            retry_at: until,
            announced,
            content: None,
            report: None,
            receipt: None,
            message_id: None,
            due_at: until,
        }
    }

    #[test]
    fn nobody_takes_what_is_over_or_what_somebody_is_at() {
        for status in [Status::InProgress, Status::Retrying, Status::Scheduled] {
            assert_eq!(row(status, NOW.0 + 1, None).standing(NOW), Standing::Settled);
            assert_eq!(row(status, NOW.0, None).standing(NOW), Standing::Due(None), "{status:?}");
        }
        for status in [Status::Sent, Status::Ambiguous, Status::Failed, Status::Cancelled] {
            assert_eq!(row(status, 0, None).standing(NOW), Standing::Settled, "{status:?}");
        }
    }

    /// Fault 44.
    #[test]
    fn only_what_wechat_drops_is_repeated_and_only_for_eight_minutes() {
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
            for status in [Status::InProgress, Status::Retrying] {
                let announced = announced(channel, ago);
                let row = row(status, 0, Some(announced.clone()));
                let standing = if repeated {
                    Standing::Due(Some(&announced))
                } else {
                    Standing::Doubtful(&announced)
                };
                assert_eq!(row.standing(NOW), standing, "{channel} {ago}");
            }
        }
    }

    #[test]
    fn an_addressee_does_not_tell_who_it_is() {
        let subscribe = announced(ChannelKind::Subscribe, 0).addressee.unwrap();
        assert!(!subscribe.contains("oAnn"));
        assert_ne!(Some(subscribe), announced(ChannelKind::Template, 0).addressee);
        assert_eq!(announced(ChannelKind::CustomerService, 0).addressee, None);
    }
}
