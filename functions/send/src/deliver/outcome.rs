//! Commits what an attempt does to its notification's row, and logs the outcome.

use crate::app::App;
use crate::channel::context::PreparedMessage;
use crate::deliver::wechat_call::AcceptedMessage;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::send_response::{NotificationResult, SkippedChannel, needs_operator_action};
use shared::store::{
    Expected, Lease, MessageId, NotificationRow, NotificationStatus, SendIntent, Transition,
    WriteResult,
};
use shared::wechat::refusal::Refusal;

/// The delay before the second attempt; each is twice as long as the one before.
const BASE_RETRY_DELAY_SECS: u64 = 10;
const MAX_RETRY_DELAY_SECS: u64 = 3600;
/// Two days, in which a daily quota has been reset twice.
pub(crate) const MAX_RETRY_AGE_SECS: u64 = 48 * 3600;

pub(crate) const EXPIRED_REASON: &str = "it could not be sent before expires_at";

/// The delay before the next attempt.
pub(crate) fn retry_delay_secs(attempts: u64) -> u64 {
    (BASE_RETRY_DELAY_SECS << attempts.min(9)).min(MAX_RETRY_DELAY_SECS)
}

/// How an attempt ended.
pub(crate) enum AttemptEnd {
    /// Its outcome is stored.
    Stored(Box<NotificationResult>),
    /// Another invocation has changed the row, to this. Nothing of the attempt is stored.
    LostRace(Box<NotificationRow>),
    /// The id belongs to another request. Nothing was sent.
    IdReused,
}

/// How far an attempt has come. It decides which state of the row a write expects, and
/// what is left behind when an AWS call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptState {
    /// Nothing is written.
    Started,
    /// The intent is perhaps written: DynamoDB has not confirmed it.
    Reserving,
    /// The attempt holds the lease, and WeChat has certainly not accepted a message.
    Reserved,
    /// The attempt holds the lease, and WeChat may have accepted the message.
    InDoubt,
}

/// The result of reserving what a message needs.
pub(crate) enum Reservation {
    Reserved,
    /// Another notification took the entitlement. Another one may be available.
    EntitlementLost,
    Ended(AttemptEnd),
}

/// A notification's row, as one attempt reads and writes it.
pub(crate) struct AttemptRecord<'a> {
    app: &'a App,
    lease: &'a Lease,
    /// The row as it was read, unless the notification is new.
    row: Option<&'a NotificationRow>,
    /// What an earlier attempt may have sent. Nothing else may be sent.
    pub(crate) pending_intent: Option<&'a SendIntent>,
    pub(crate) state: AttemptState,
    now: Timestamp,
    /// For the log.
    template: &'a str,
    /// For the log, counted from 1.
    pub(crate) attempt: u64,
    pub(crate) result: NotificationResult,
}

impl<'a> AttemptRecord<'a> {
    pub(crate) fn new(
        app: &'a App,
        lease: &'a Lease,
        row: Option<&'a NotificationRow>,
        pending_intent: Option<&'a SendIntent>,
        template: &'a str,
        result: NotificationResult,
        now: Timestamp,
    ) -> Self {
        let attempt = row.map_or(1, |row| row.attempts + 1);
        let state = AttemptState::Started;
        Self { app, lease, row, pending_intent, state, now, template, attempt, result }
    }

    /// Takes the lease if the attempt doesn't hold it yet, reserves the entitlement and
    /// records the intent: all or nothing.
    pub(crate) async fn reserve(
        &mut self,
        message: &PreparedMessage,
        lease_until: Timestamp,
    ) -> Result<Reservation, AwsError> {
        let transition = Transition::Sending { lease_until, intent: &message.intent };
        let expected = self.expected();
        if self.state == AttemptState::Started {
            self.state = AttemptState::Reserving;
        }
        Ok(match self.write(expected, &transition, Some(message)).await? {
            WriteResult::Committed(_) | WriteResult::CommittedWithReceipt { .. } => {
                self.state = AttemptState::Reserved;
                Reservation::Reserved
            }
            WriteResult::EntitlementLost => Reservation::EntitlementLost,
            WriteResult::Conflict(row) => Reservation::Ended(AttemptEnd::LostRace(row)),
            WriteResult::IdReused => Reservation::Ended(AttemptEnd::IdReused),
        })
    }

    /// Schedules a retry after an AWS call failed if nothing was sent but the row may have
    /// the intent: without this write, the next attempt would have to assume that the
    /// message may have been sent.
    pub(crate) async fn recover(&mut self, error: AwsError) -> Result<AttemptEnd, AwsError> {
        if !matches!(self.state, AttemptState::Reserving | AttemptState::Reserved) {
            return Err(error);
        }
        self.state = AttemptState::Reserved;
        self.result.reason = Some(format!("{error}; nothing was sent"));
        let at = self.next_attempt(0);
        match self.retry_at(at, self.pending_intent).await {
            Ok(end @ AttemptEnd::Stored(_)) => Ok(end),
            Ok(AttemptEnd::LostRace(_) | AttemptEnd::IdReused) | Err(_) => Err(error),
        }
    }

    /// WeChat accepted the message.
    pub(crate) async fn sent(
        &mut self,
        message: &PreparedMessage,
        accepted: AcceptedMessage,
    ) -> Result<AttemptEnd, AwsError> {
        self.result.outcome = NotificationStatus::Sent;
        if let Some(refusal) = &accepted.refused_jump {
            let reason =
                format!("it opens the web page, as WeChat refused the mini program: {refusal}");
            self.set_reason(reason, Some(refusal));
        }
        self.result.message_id.clone_from(&accepted.id);
        let report = self.result.to_json();
        let app_id = &message.app.app_id;
        let message_id = accepted.id.as_deref().map(|id| MessageId { app_id, id });
        // Its receipt may name an id other than this one, and no call can ask for it.
        let is_repeat = accepted.is_repeat || self.pending_intent.is_some();
        let has_unknown_id = message_id.is_none() || is_repeat;
        let intent = Some(&message.intent).filter(|_| has_unknown_id);
        let transition = Transition::Sent { message: message_id, intent, report: &report };
        self.commit(&transition, Some(message)).await
    }

    /// Schedules the next attempt.
    pub(crate) async fn wait(
        &mut self,
        status: NotificationStatus,
        at: Timestamp,
        intent: Option<&SendIntent>,
    ) -> Result<AttemptEnd, AwsError> {
        self.result.outcome = status;
        self.result.retry_at = Some(at);
        let report = self.result.to_json();
        self.commit(&Transition::Waiting { status, at, intent, report: &report }, None).await
    }

    /// Schedules a retry; of what may have been sent, while WeChat drops repeats.
    pub(crate) async fn retry_at(
        &mut self,
        at: Timestamp,
        intent: Option<&SendIntent>,
    ) -> Result<AttemptEnd, AwsError> {
        let at = intent.and_then(SendIntent::repeatable_until).map_or(at, |end| at.min(end));
        self.wait(NotificationStatus::Retrying, at, intent).await
    }

    /// Schedules a retry unless the notification has been retried for too long.
    pub(crate) async fn retry_unless_too_old(
        &mut self,
        at: Timestamp,
    ) -> Result<AttemptEnd, AwsError> {
        let first_at = self.row.and_then(|row| row.first_at).unwrap_or(self.now);
        if self.pending_intent.is_none() && at.seconds_since(first_at) > MAX_RETRY_AGE_SECS {
            return self.finish(NotificationStatus::Failed).await;
        }
        self.retry_at(at, self.pending_intent).await
    }

    /// The time of the next attempt: after this delay at least, and the later the more
    /// attempts there were.
    pub(crate) fn next_attempt(&self, after_secs: u64) -> Timestamp {
        let attempts = self.row.map_or(0, |row| row.attempts);
        Timestamp::now().plus(after_secs.max(retry_delay_secs(attempts)))
    }

    /// WeChat may have accepted the message, and it can't be repeated.
    pub(crate) async fn ambiguous(&mut self, intent: &SendIntent) -> Result<AttemptEnd, AwsError> {
        self.result.outcome = NotificationStatus::Ambiguous;
        let report = self.result.to_json();
        self.commit(&Transition::Ambiguous { intent, report: &report }, None).await
    }

    /// `expires_at` is past.
    pub(crate) async fn expired(&mut self) -> Result<AttemptEnd, AwsError> {
        if let Some(intent) = self.pending_intent {
            let reason = "perhaps sent by an earlier attempt; then it expired";
            self.result.reason = Some(reason.to_owned());
            return self.ambiguous(intent).await;
        }
        self.result.reason = Some(EXPIRED_REASON.to_owned());
        self.finish(NotificationStatus::Expired).await
    }

    /// Nothing was sent, and nothing will be.
    pub(crate) async fn finish(
        &mut self,
        status: NotificationStatus,
    ) -> Result<AttemptEnd, AwsError> {
        self.result.outcome = status;
        let report = self.result.to_json();
        self.commit(&Transition::Terminal { status, report: &report }, None).await
    }

    /// Sets the channel that the outcome is of.
    pub(crate) fn set_channel(&mut self, message: &PreparedMessage) {
        self.result.channel = Some(message.intent.channel);
        self.result.app = Some(message.app.alias.clone());
    }

    pub(crate) fn set_reason(&mut self, reason: String, refusal: Option<&Refusal>) {
        self.result.reason = Some(reason);
        self.result.code = refusal.map(|refusal| refusal.code);
        self.result.rid = refusal.and_then(|refusal| refusal.rid.clone());
        self.result.advice = refusal.map(Refusal::advice);
    }

    /// Stores the outcome if the row is in the expected state, and logs it.
    async fn commit(
        &mut self,
        transition: &Transition<'_>,
        consumed: Option<&PreparedMessage>,
    ) -> Result<AttemptEnd, AwsError> {
        match self.write(self.expected(), transition, consumed).await? {
            WriteResult::Conflict(row) => return Ok(AttemptEnd::LostRace(row)),
            WriteResult::IdReused => return Ok(AttemptEnd::IdReused),
            WriteResult::Committed(status) => self.result.outcome = status,
            WriteResult::CommittedWithReceipt { status, reason } => {
                self.result.set_receipt(status, reason);
            }
            WriteResult::EntitlementLost => {}
        }
        log_outcome(&self.result, self.template, self.attempt);
        Ok(AttemptEnd::Stored(Box::new(self.result.clone())))
    }

    async fn write(
        &self,
        expected: Expected<'_>,
        transition: &Transition<'_>,
        message: Option<&PreparedMessage>,
    ) -> Result<WriteResult, AwsError> {
        let entitlement = message.and_then(|message| message.entitlement.as_ref());
        let entitlement = entitlement.map(|entitlement| (&self.app.entitlements, entitlement));
        let notifications = &self.app.notifications;
        notifications.write(self.lease, expected, transition, entitlement, self.now).await
    }

    fn expected(&self) -> Expected<'a> {
        match (self.state, self.row) {
            (AttemptState::Reserved | AttemptState::InDoubt, _) => Expected::Owned,
            (_, None) => Expected::Absent,
            (_, Some(row)) => Expected::Unchanged(row),
        }
    }
}

/// One line for each attempt, and its metrics. Neither names the recipient or the
/// content.
fn log_outcome(result: &NotificationResult, template: &str, attempt: u64) {
    let last = result.skipped.last();
    let (channel, app) = match (&result.channel, &result.app, last) {
        (Some(channel), app, _) => (channel.as_str(), app.as_deref().unwrap_or("none")),
        (None, _, Some(last)) => (last.channel.as_str(), last.app.as_str()),
        (None, ..) => ("none", "none"),
    };
    let code = result.code.or_else(|| last.filter(|_| result.channel.is_none())?.code);
    let rid = result.rid.as_deref().or_else(|| last?.rid.as_deref());
    let id = result.id.as_str();
    let outcome = result.outcome.as_str();
    let skipped = result.skipped.iter().map(summary).collect::<Vec<_>>().join(", ");
    let text = match &result.reason {
        Some(reason) => format!("{outcome}: {reason}"),
        None => outcome.to_owned(),
    };
    let needs_attention = matches!(
        result.outcome,
        NotificationStatus::Failed | NotificationStatus::Ambiguous | NotificationStatus::Expired
    ) || result
        .channel
        .zip(result.code)
        .is_some_and(|(channel, code)| needs_operator_action(channel.api(), code))
        || result.skipped.iter().any(SkippedChannel::needs_operator_action);
    if needs_attention {
        tracing::warn!(id, attempt, template, outcome, channel, app, code, rid, skipped, "{text}");
    } else {
        tracing::info!(id, attempt, template, outcome, channel, app, code, rid, skipped, "{text}");
    }
    let code = code.map(|code| code.to_string()).unwrap_or_default();
    metric::NOTIFICATIONS.record(1, [app, channel, outcome, &code]);
    if result.outcome == NotificationStatus::Ambiguous {
        metric::AMBIGUOUS.record(1, [app]);
    }
}

fn summary(skipped: &SkippedChannel) -> String {
    let SkippedChannel { channel, app, code, reason, .. } = skipped;
    match code {
        Some(code) => format!("{channel} of {app}: {code}"),
        None => format!("{channel} of {app}: {reason}"),
    }
}
