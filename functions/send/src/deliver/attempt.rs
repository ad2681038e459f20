//! One attempt at one notification: the channels in order, until one has an
//! answer.

use crate::app::App;
use crate::channel::context::{PreparedMessage, SkipReason};
use crate::deliver::final_status::{final_status, most_severe, skip_reason};
use crate::deliver::outcome;
use crate::deliver::select_channel::{candidate_channels, select_channel};
use crate::deliver::wechat_call::{CallOutcome, blocked, call_wechat};
use crate::notification::Notification;
use crate::recipient_routes::RecipientRoutes;
use crate::response::{NotificationResult, SkippedChannel};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{App as WeChatApp, Channel, ChannelKind};
use shared::store::{
    Expected, Lease, MessageId, NotificationRow, NotificationStatus, SendIntent, Transition,
    WriteResult,
};
use shared::wechat::refusal::Refusal;

/// A claim holds this many seconds past the invocation's end: the function
/// can't outlive it.
const LEASE_MARGIN_SECS: u64 = 5;
/// A channel is begun only if there are so many seconds left for it.
const MIN_CHANNEL_SECS: u64 = 12;
/// The last call to WeChat begins before these many: it takes up to 6.5, and what
/// became of it has to be stored.
const CALL_MARGIN_SECS: u64 = 8;
/// The first retry_delay_secs before another attempt, in seconds; each is twice as long as
/// the one before, and none longer than an hour.
const BASE_RETRY_DELAY_SECS: u64 = 10;
const MAX_RETRY_DELAY_SECS: u64 = 3600;
/// After so many seconds it isn't tried again: two days, in which a day's quota has
/// been counted anew twice.
pub(crate) const MAX_RETRY_AGE_SECS: u64 = 48 * 3600;
/// A consent, a place in a window or a form id that somebody else is faster to take
/// is looked for so often.
const MAX_RESERVATION_ATTEMPTS: usize = 8;

/// Why a notification is not sent that nobody needs any more.
pub(crate) const EXPIRED_REASON: &str = "it could not be sent before expires_at";
/// What to do about an app that has no access token until somebody acts.
const NO_TOKEN_ADVICE: &str = "mend what the reason names; nothing is sent for this app before";
/// Why a notification has to wait that nothing is wrong with.
const OUT_OF_TIME_REASON: &str = "the invocation has no time left for it";

/// So many seconds pass before another attempt, after so many.
pub(crate) fn retry_delay_secs(tries: u64) -> u64 {
    (BASE_RETRY_DELAY_SECS << tries.min(9)).min(MAX_RETRY_DELAY_SECS)
}

/// Whether WeChat says that a form id is of no use any more; another may be.
fn is_used_up(code: i64) -> bool {
    matches!(code, 41028 | 41029)
}

/// One attempt at one notification.
pub(crate) struct Attempt<'a> {
    app: &'a App,
    notification: &'a Notification<'a>,
    claim: &'a Lease,
    /// What was read of it, if it isn't new.
    seen: Option<&'a NotificationRow>,
    /// What may have been sent already: nothing else may be sent.
    pending_intent: Option<&'a SendIntent>,
    /// Whether it is holds_lease by now.
    holds_lease: bool,
    /// Whether something was intent, if perhaps without a confirmation.
    intent_written: bool,
    /// Whether WeChat may have taken a message on.
    in_doubt: bool,
    now: Timestamp,
    deadline: Timestamp,
    report: NotificationResult,
}

/// How an attempt ended.
pub(crate) enum AttemptEnd {
    /// This is stored.
    Stored(Box<NotificationResult>),
    /// Nothing of this attempt's is stored: somebody else has changed it, and it
    /// stands like this.
    Changed(Box<NotificationRow>),
    /// Nothing was sent: the id belongs to something else.
    Foreign,
}

/// What came of one channel.
enum ChannelResult {
    /// The next one may do.
    Next(SkipReason),
    /// The attempt is over.
    AttemptEnd(AttemptEnd),
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(
        app: &'a App,
        notification: &'a Notification<'a>,
        claim: &'a Lease,
        again: Option<(&'a NotificationRow, Option<&'a SendIntent>)>,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        Self {
            app,
            notification,
            claim,
            seen: again.map(|(row, _)| row),
            pending_intent: again.and_then(|(_, intent)| intent),
            holds_lease: false,
            intent_written: false,
            in_doubt: false,
            now,
            deadline,
            report: NotificationResult::new(notification.id, NotificationStatus::Unreachable),
        }
    }

    /// Makes the attempt.
    ///
    /// # Errors
    ///
    /// When AWS doesn't do its part. What was intent by then may have been
    /// sent.
    pub(crate) async fn run(mut self) -> Result<AttemptEnd, AwsError> {
        let error = match self.try_channels().await {
            Err(error) if self.intent_written && !self.in_doubt => error,
            ended => return ended,
        };
        // Nothing was sent, whatever is intent: left like this, the next attempt
        // would have to think otherwise.
        self.holds_lease = true;
        self.report.reason = Some(format!("{error}; nothing was sent"));
        let at = self.retry_time(0);
        match self.wait(NotificationStatus::Retrying, at, self.pending_intent).await {
            Ok(ended @ AttemptEnd::Stored(_)) => Ok(ended),
            Ok(AttemptEnd::LostRace(_) | AttemptEnd::IdReused) | Err(_) => Err(error),
        }
    }

    /// Tries the channels in order.
    async fn try_channels(&mut self) -> Result<AttemptEnd, AwsError> {
        let spec = self.notification.spec;
        if spec.is_expired(self.now) {
            return self.expired().await;
        }
        if let Some(at) = spec.send_at.filter(|at| self.now < *at) {
            return self.wait(NotificationStatus::Scheduled, at, None).await;
        }
        let mut routes = RecipientRoutes::new(&spec.to, self.notification.apps);
        let mut worst = SkipReason::Unreachable;
        for channel in candidate_channels(self.notification.template, spec.channels.as_deref()) {
            if self
                .pending_intent
                .is_some_and(|pending_intent| !self.is_pending_channel(pending_intent, channel))
            {
                continue;
            }
            match self.try_channel(channel, &mut routes).await? {
                ChannelResult::TryNext(why) => worst = most_severe(worst, why),
                ChannelResult::Done(ended) => return Ok(ended),
            }
        }
        if let Some(pending_intent) = self.pending_intent {
            // The template has lost the channel, or the person can't be reached
            // through it any more. Through another it could be a second message.
            let why = self.report.skipped.last().map(|passed| passed.reason.clone());
            let why = why.unwrap_or_else(|| "the template no longer has that channel".to_owned());
            self.report.reason = Some(format!("perhaps sent by an earlier attempt; then: {why}"));
            return self.ambiguous(&pending_intent.clone()).await;
        }
        let (status, reason) = final_status(worst, routes.is_empty(), &self.report.skipped);
        self.report.reason = Some(reason.to_owned());
        self.over(status).await
    }

    /// Whether a channel is the one that was intent.
    fn is_pending_channel(&self, pending_intent: &SendIntent, channel: &Channel) -> bool {
        let app = self.notification.apps.by_alias(channel.app());
        channel.kind() == pending_intent.channel
            && channel.template_id() == pending_intent.template_id.as_deref()
            && app.is_some_and(|app| app.app_id == pending_intent.app_id)
    }

    /// Looks whether a channel does, and sends through it if so.
    async fn try_channel(
        &mut self,
        channel: &Channel,
        routes: &mut RecipientRoutes<'a>,
    ) -> Result<ChannelResult, AwsError> {
        for _ in 0..MAX_RESERVATION_ATTEMPTS {
            let now = Timestamp::now();
            if now.plus(MIN_CHANNEL_SECS) > self.deadline {
                self.report.reason = Some(OUT_OF_TIME_REASON.to_owned());
                return self
                    .wait(NotificationStatus::Retrying, now, self.pending_intent)
                    .await
                    .map(ChannelResult::Done);
            }
            let (sender_app, ready) = match self.prepare(channel, routes, now).await? {
                Ok(found) => found,
                Err((skipped, why)) => {
                    self.report.skipped.push(skipped);
                    return Ok(ChannelResult::TryNext(why));
                }
            };
            if let Some((reason, until)) = blocked(self.app, &sender_app, ready.message.api(), now)
            {
                self.decided_by(channel.kind(), &sender_app);
                self.report.reason = Some(reason);
                return self.later(until).await.map(ChannelResult::Done);
            }
            match self.record_intent(&ready).await? {
                WriteResult::Committed(_) | WriteResult::CommittedWithReceipt { .. } => {}
                WriteResult::Conflict(row) => {
                    return Ok(ChannelResult::Done(AttemptEnd::LostRace(row)));
                }
                WriteResult::IdReused => return Ok(ChannelResult::Done(AttemptEnd::IdReused)),
                WriteResult::EntitlementLost => continue,
            }
            if let Some(tried) = self.send(channel.kind(), &sender_app, &ready).await? {
                return Ok(tried);
            }
        }
        let reason = match self.report.skipped.last() {
            Some(last) if last.code.is_some_and(is_used_up) => "WeChat refused all form ids",
            _ => "others kept taking what it needs",
        };
        let kind = channel.kind();
        self.report.skipped.push(SkippedChannel::skipped_locally(kind, channel.app(), reason));
        Ok(ChannelResult::TryNext(SkipReason::NoConsent))
    }

    /// The app that speaks, and what it will say; or why the channel doesn't do.
    async fn prepare(
        &self,
        channel: &Channel,
        routes: &mut RecipientRoutes<'a>,
        now: Timestamp,
    ) -> Result<Result<(WeChatApp, PreparedMessage), (SkippedChannel, SkipReason)>, AwsError> {
        let found = select_channel(self.app, self.notification, channel, routes, now);
        let (sender_app, mut ready) = match found.await? {
            Ok(found) => found,
            Err(skipped) => return Ok(Err(skipped)),
        };
        if let Some(pending_intent) = self.pending_intent {
            if !ready.intent.is_to_same(pending_intent) {
                let reason = "by now it would go to another user";
                let skipped =
                    SkippedChannel::skipped_locally(channel.kind(), channel.app(), reason);
                return Ok(Err((skipped, SkipReason::Unreachable)));
            }
            ready.intent = pending_intent.clone();
        }
        Ok(Ok((sender_app, ready)))
    }

    /// Claims the notification if it isn't holds_lease yet, takes what the message uses
    /// up, and notes what is about to be sent: all or nothing.
    async fn record_intent(&mut self, ready: &PreparedMessage) -> Result<WriteResult, AwsError> {
        let lease_until = self.deadline.plus(LEASE_MARGIN_SECS);
        let change = Transition::Sending { lease_until, intent: &ready.intent };
        let entitlement =
            ready.entitlement.as_ref().map(|entitlement| (&self.app.users, entitlement));
        let before = self.before();
        let notifications = &self.app.notifications;
        self.intent_written = true;
        let written =
            notifications.write(self.claim, before, &change, entitlement, self.now).await?;
        self.holds_lease |= matches!(written, WriteResult::Committed(_));
        Ok(written)
    }

    /// Sends what was intent. None if the same channel may do with something
    /// else to use up.
    async fn send(
        &mut self,
        kind: ChannelKind,
        sender_app: &WeChatApp,
        ready: &PreparedMessage,
    ) -> Result<Option<ChannelResult>, AwsError> {
        let not_after = [
            Some(Timestamp(self.deadline.0.saturating_sub(CALL_MARGIN_SECS))),
            ready.intent.repeatable_until(),
            self.notification.spec.expires_at,
        ];
        let not_after = not_after.into_iter().flatten().min().unwrap_or(self.deadline);
        self.in_doubt = true;
        let answer = call_wechat(self.app, sender_app, ready, not_after).await;
        self.in_doubt = matches!(answer, CallOutcome::Accepted(_) | CallOutcome::Unknown { .. });
        match answer {
            CallOutcome::Accepted(message_id) => {
                self.decided_by(kind, sender_app);
                self.report.message_id = message_id;
                let ended = self.sent(sender_app, ready).await?;
                Ok(Some(ChannelResult::Done(ended)))
            }
            CallOutcome::Unknown { reason, refusal } => {
                self.decided_by(kind, sender_app);
                self.with_reason(reason, refusal.as_ref());
                let intent = ready.intent.clone();
                let ended = if kind.is_repeatable() {
                    let at = self.retry_time(BASE_RETRY_DELAY_SECS);
                    self.wait(NotificationStatus::Retrying, at, Some(&intent)).await?
                } else {
                    self.ambiguous(&intent).await?
                };
                Ok(Some(ChannelResult::Done(ended)))
            }
            CallOutcome::Later { reason, refusal, after } => {
                self.release(ready).await;
                self.decided_by(kind, sender_app);
                self.with_reason(reason, refusal.as_ref());
                let at = self.retry_time(after);
                Ok(Some(ChannelResult::Done(self.later(at).await?)))
            }
            CallOutcome::Misconfigured { reason } => {
                self.release(ready).await;
                let mut skipped = SkippedChannel::skipped_locally(kind, &sender_app.alias, reason);
                skipped.advice = Some(NO_TOKEN_ADVICE.to_owned());
                self.report.skipped.push(skipped);
                Ok(Some(ChannelResult::TryNext(SkipReason::Refused)))
            }
            CallOutcome::Refused(refusal) => {
                let another = self.refused(sender_app, ready, &refusal).await;
                let skipped = SkippedChannel::refused(kind, &sender_app.alias, &refusal);
                self.report.skipped.push(skipped);
                Ok((!another).then(|| ChannelResult::TryNext(skip_reason(&refusal))))
            }
        }
    }

    /// WeChat has refused. True if the channel may do with another form id.
    async fn refused(
        &self,
        sender_app: &WeChatApp,
        ready: &PreparedMessage,
        refusal: &Refusal,
    ) -> bool {
        let Some(entitlement) = &ready.entitlement else { return false };
        let (users, id) = (&self.app.users, self.notification.id);
        let in_doubt = self.pending_intent.is_some();
        let spent = match refusal.code {
            43101 => {
                tracing::warn!(
                    id,
                    app = sender_app.alias,
                    "WeChat knows of no consent, our count does"
                );
                metric::CONSENT_DRIFT.record(1, [&sender_app.alias]);
                true
            }
            // WeChat knows better than our count what is used up or closed.
            41028 | 41029 | 45015 | 45047 => true,
            _ => false,
        };
        let ended = if spent {
            users.invalidate(entitlement, id, self.now).await
        } else if in_doubt {
            Ok(())
        } else {
            users.release(entitlement, id, self.now).await
        };
        // What became of the message is worth more.
        if let Err(error) = ended {
            tracing::error!(id, "what a message would have used up stays taken: {error}");
        }
        is_used_up(refusal.code)
    }

    /// What would have been used up wasn't.
    async fn release(&self, ready: &PreparedMessage) {
        let Some(entitlement) = &ready.entitlement else { return };
        let id = self.notification.id;
        // One that may have been used up by the first of two messages isn't free.
        if self.pending_intent.is_some() {
            return;
        }
        if let Err(error) = self.app.users.release(entitlement, id, self.now).await {
            tracing::error!(id, "what a message would have used up stays taken: {error}");
        }
    }

    /// Names the channel that decides.
    fn decided_by(&mut self, kind: ChannelKind, sender_app: &WeChatApp) {
        self.report.channel = Some(kind);
        self.report.app = Some(sender_app.alias.clone());
    }

    fn with_reason(&mut self, reason: String, refusal: Option<&Refusal>) {
        self.report.reason = Some(reason);
        self.report.code = refusal.map(|refusal| refusal.code);
        self.report.rid = refusal.and_then(|refusal| refusal.rid.clone());
    }

    /// When to try again: after so many seconds, or more if it has been tried
    /// often.
    fn retry_time(&self, after: u64) -> Timestamp {
        let tries = self.seen.map_or(0, |row| row.attempts);
        Timestamp::now().plus(after.max(retry_delay_secs(tries)))
    }

    fn is_too_late(&self, at: Timestamp) -> bool {
        let first_at = self.seen.and_then(|row| row.first_at).unwrap_or(self.now);
        at.seconds_since(first_at) > MAX_RETRY_AGE_SECS
    }

    fn before(&self) -> Expected<'a> {
        match self.seen {
            _ if self.holds_lease => Expected::Owned,
            None => Expected::Absent,
            Some(row) => Expected::Unchanged(row),
        }
    }

    async fn sent(
        &mut self,
        sender_app: &WeChatApp,
        ready: &PreparedMessage,
    ) -> Result<AttemptEnd, AwsError> {
        self.report.outcome = NotificationStatus::Sent;
        let json = self.report.to_json();
        let message_id = self.report.message_id.clone();
        let message = message_id.as_deref().map(|id| MessageId { app_id: &sender_app.app_id, id });
        let change = Transition::Sent { message, report: &json };
        self.store(&change, Some(ready)).await
    }

    async fn wait(
        &mut self,
        status: NotificationStatus,
        at: Timestamp,
        intent: Option<&SendIntent>,
    ) -> Result<AttemptEnd, AwsError> {
        // What may have been sent is repeated in time, or not at all.
        let at = intent.and_then(SendIntent::repeatable_until).map_or(at, |end| at.min(end));
        self.report.outcome = status;
        self.report.retry_at = Some(at);
        let json = self.report.to_json();
        self.store(&Transition::Waiting { status, at, intent, report: &json }, None).await
    }

    /// Leaves to a later attempt what was not sent, unless it has taken too long.
    async fn later(&mut self, at: Timestamp) -> Result<AttemptEnd, AwsError> {
        match self.pending_intent {
            None if self.is_too_late(at) => self.over(NotificationStatus::Failed).await,
            pending_intent => self.wait(NotificationStatus::Retrying, at, pending_intent).await,
        }
    }

    async fn ambiguous(&mut self, intent: &SendIntent) -> Result<AttemptEnd, AwsError> {
        self.report.outcome = NotificationStatus::Ambiguous;
        let json = self.report.to_json();
        self.store(&Transition::Ambiguous { intent, report: &json }, None).await
    }

    async fn expired(&mut self) -> Result<AttemptEnd, AwsError> {
        match self.pending_intent {
            Some(pending_intent) => {
                let reason = "perhaps sent by an earlier attempt; then it expired";
                self.report.reason = Some(reason.to_owned());
                self.ambiguous(pending_intent).await
            }
            None => {
                self.report.reason = Some(EXPIRED_REASON.to_owned());
                self.over(NotificationStatus::Expired).await
            }
        }
    }

    async fn over(&mut self, status: NotificationStatus) -> Result<AttemptEnd, AwsError> {
        self.report.outcome = status;
        let json = self.report.to_json();
        self.store(&Transition::Terminal { status, report: &json }, None).await
    }

    /// Stores how the attempt ended, if the notification is still as we know it.
    async fn store(
        &mut self,
        change: &Transition<'_>,
        used: Option<&PreparedMessage>,
    ) -> Result<AttemptEnd, AwsError> {
        let used = used.and_then(|ready| ready.entitlement.as_ref());
        let used = used.map(|entitlement| (&self.app.users, entitlement));
        let notifications = &self.app.notifications;
        let written =
            notifications.write(self.claim, self.before(), change, used, self.now).await?;
        match written {
            WriteResult::Conflict(row) => return Ok(AttemptEnd::LostRace(row)),
            WriteResult::IdReused => return Ok(AttemptEnd::IdReused),
            WriteResult::Committed(status) => self.report.outcome = status,
            WriteResult::CommittedWithReceipt { status, reason } => {
                self.report.outcome = status;
                self.report.reason = reason;
            }
            WriteResult::EntitlementLost => {}
        }
        let template = self.notification.spec.template.as_str();
        outcome::log_outcome(&self.report, template, self.seen.map_or(1, |row| row.attempts + 1));
        Ok(AttemptEnd::Stored(Box::new(self.report.clone())))
    }
}
