//! One attempt at a notification: `select -> reserve -> dispatch -> commit` for each
//! channel in order, until one of them decides the outcome.

use crate::app::App;
use crate::channel::context::{PreparedMessage, SkipReason};
use crate::deliver::outcome::{AttemptEnd, AttemptRecord, AttemptState, Reservation};
use crate::deliver::select_channel::{
    Selection, candidate_channels, final_status, select_channel, skip_reason,
};
use crate::deliver::wechat_call::{CallOutcome, call_wechat};
use crate::notification::Notification;
use crate::recipient_routes::RecipientRoutes;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::Channel;
use shared::send_response::{NotificationResult, SkippedChannel};
use shared::store::{Lease, NotificationRow, NotificationStatus, SendIntent};
use shared::wechat::refusal::Refusal;

/// A lease lasts this long past the invocation's deadline, which the function can't
/// outlive.
const LEASE_MARGIN_SECS: u64 = 5;
/// A channel is tried only if the deadline is this far away.
const MIN_CHANNEL_SECS: u64 = 12;
/// The last call to WeChat begins this long before the deadline: it takes up to 6.5
/// seconds, and then the outcome is stored.
const CALL_MARGIN_SECS: u64 = 8;
/// Of a channel whose entitlements other notifications keep taking, or WeChat refuses.
const MAX_RESERVATIONS: usize = 8;

const NO_TOKEN_ADVICE: &str = "fix what the reason names; nothing is sent for this app before";
const OUT_OF_TIME_REASON: &str = "the invocation has no time left for it";

/// Whether WeChat says that the form id is void; another one may be valid.
fn is_void_form_id(code: i64) -> bool {
    matches!(code, 41028 | 41029 | 41031)
}

/// One attempt at a notification.
pub(crate) struct Attempt<'a> {
    app: &'a App,
    notification: &'a Notification<'a>,
    now: Timestamp,
    deadline: Timestamp,
    record: AttemptRecord<'a>,
}

/// The result of trying a channel.
enum ChannelResult {
    Done(AttemptEnd),
    TryNext(SkipReason),
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(
        app: &'a App,
        notification: &'a Notification<'a>,
        lease: &'a Lease,
        retried: Option<(&'a NotificationRow, Option<&'a SendIntent>)>,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        let (row, pending_intent) = retried.unzip();
        let template = notification.spec.template.as_str();
        let result = NotificationResult::new(notification.id, NotificationStatus::Unreachable);
        let pending_intent = pending_intent.flatten();
        let record = AttemptRecord::new(app, lease, row, pending_intent, template, result, now);
        Self { app, notification, now, deadline, record }
    }

    /// Makes the attempt.
    ///
    /// Fails when an AWS call fails. The message may have been sent.
    pub(crate) async fn run(mut self) -> Result<AttemptEnd, AwsError> {
        match self.try_channels().await {
            Err(error) => self.record.recover(error).await,
            end => end,
        }
    }

    async fn try_channels(&mut self) -> Result<AttemptEnd, AwsError> {
        let Notification { spec, template, routes, .. } = self.notification;
        if spec.is_expired(self.now) {
            return self.record.expired().await;
        }
        if let Some(at) = spec.send_at.filter(|at| self.now < *at) {
            return self.record.wait(NotificationStatus::Scheduled, at, None).await;
        }
        let mut routes = routes.clone();
        let mut most_severe = SkipReason::Unreachable;
        for channel in candidate_channels(template, spec.channels.as_deref()) {
            if self.record.pending_intent.is_some_and(|intent| !self.matches(intent, channel)) {
                continue;
            }
            match self.try_channel(channel, &mut routes).await? {
                ChannelResult::Done(end) => return Ok(end),
                ChannelResult::TryNext(reason) => most_severe = most_severe.max(reason),
            }
        }
        self.no_channel_left(most_severe, routes.is_empty()).await
    }

    /// Whether the intent is of this channel.
    fn matches(&self, intent: &SendIntent, channel: &Channel) -> bool {
        let app = self.notification.apps.by_alias(channel.app());
        channel.kind() == intent.channel
            && channel.template_id() == intent.template_id.as_deref()
            && app.is_some_and(|app| app.app_id == intent.app_id)
    }

    async fn no_channel_left(
        &mut self,
        most_severe: SkipReason,
        is_unknown_person: bool,
    ) -> Result<AttemptEnd, AwsError> {
        let skipped = &self.record.result.skipped;
        if let Some(intent) = self.record.pending_intent {
            // The template has lost the channel, or the person is no longer reachable
            // through it. Through another channel it could be a second message.
            let reason = skipped.last().map(|skipped| skipped.reason.as_str());
            let reason = reason.unwrap_or("the template no longer has that channel");
            let reason = format!("perhaps sent by an earlier attempt; then: {reason}");
            self.record.result.reason = Some(reason);
            return self.record.ambiguous(intent).await;
        }
        let (status, reason) = final_status(most_severe, is_unknown_person, skipped);
        self.record.result.reason = Some(reason.to_owned());
        self.record.finish(status).await
    }

    async fn try_channel(
        &mut self,
        channel: &Channel,
        routes: &mut RecipientRoutes<'a>,
    ) -> Result<ChannelResult, AwsError> {
        for _ in 0..MAX_RESERVATIONS {
            let now = Timestamp::now();
            if now.plus(MIN_CHANNEL_SECS) > self.deadline {
                self.record.result.reason = Some(OUT_OF_TIME_REASON.to_owned());
                let end = self.record.retry_at(now, self.record.pending_intent).await?;
                return Ok(ChannelResult::Done(end));
            }
            let Self { app, notification, ref record, .. } = *self;
            let intent = record.pending_intent;
            let selection = select_channel(app, notification, channel, intent, routes, now);
            let message = match selection.await? {
                Selection::Selected(message) => message,
                Selection::Wait(message, blocked) => {
                    self.record.set_channel(&message);
                    self.record.result.reason = Some(blocked.reason);
                    let end = self.record.retry_unless_too_old(blocked.until).await?;
                    return Ok(ChannelResult::Done(end));
                }
                Selection::Skipped(skipped, reason) => return Ok(self.skip(skipped, reason)),
            };
            let lease_until = self.deadline.plus(LEASE_MARGIN_SECS);
            match self.record.reserve(&message, lease_until).await? {
                Reservation::Reserved => {}
                Reservation::EntitlementLost => continue,
                Reservation::Ended(end) => return Ok(ChannelResult::Done(end)),
            }
            let outcome = self.dispatch(&message).await;
            if let Some(result) = self.commit(&message, outcome).await? {
                return Ok(result);
            }
        }
        let reason = match self.record.result.skipped.last() {
            Some(last) if last.code.is_some_and(is_void_form_id) => "WeChat refused all form ids",
            _ => {
                "other notifications used up what it needs first: consents, form ids, or messages of a reply window"
            }
        };
        let skipped = SkippedChannel::skipped_locally(channel.kind(), channel.app(), reason);
        Ok(self.skip(skipped, SkipReason::NoConsent))
    }

    fn skip(&mut self, skipped: SkippedChannel, reason: SkipReason) -> ChannelResult {
        self.record.result.skipped.push(skipped);
        ChannelResult::TryNext(reason)
    }

    /// Calls WeChat while there is time, WeChat drops repeats, and the notification has not
    /// expired.
    async fn dispatch(&mut self, message: &PreparedMessage) -> CallOutcome {
        let not_after = [
            Some(Timestamp(self.deadline.0.saturating_sub(CALL_MARGIN_SECS))),
            message.intent.repeatable_until(),
            self.notification.spec.expires_at,
        ];
        let not_after = not_after.into_iter().flatten().min().unwrap_or(self.deadline);
        self.record.state = AttemptState::InDoubt;
        let outcome = call_wechat(self.app, message, not_after).await;
        if !matches!(outcome, CallOutcome::Accepted(_) | CallOutcome::Unknown { .. }) {
            self.record.state = AttemptState::Reserved;
        }
        outcome
    }

    /// None if the channel may succeed with another entitlement.
    async fn commit(
        &mut self,
        message: &PreparedMessage,
        outcome: CallOutcome,
    ) -> Result<Option<ChannelResult>, AwsError> {
        let (kind, alias) = (message.intent.channel, message.app.alias.as_str());
        let end = match outcome {
            CallOutcome::Accepted(accepted) => {
                self.record.set_channel(message);
                self.record.sent(message, accepted).await?
            }
            CallOutcome::Unknown { reason, refusal, after_secs } => {
                self.record.set_channel(message);
                self.record.set_reason(reason, refusal.as_ref());
                if kind.is_repeatable() {
                    let at = self.record.next_attempt(after_secs);
                    self.record.retry_at(at, Some(&message.intent)).await?
                } else {
                    self.record.ambiguous(&message.intent).await?
                }
            }
            CallOutcome::Retry { reason, refusal, after_secs } => {
                self.release(message).await;
                self.record.set_channel(message);
                self.record.set_reason(reason, refusal.as_ref());
                let at = self.record.next_attempt(after_secs);
                self.record.retry_unless_too_old(at).await?
            }
            CallOutcome::Misconfigured { reason } => {
                self.release(message).await;
                let mut skipped = SkippedChannel::skipped_locally(kind, alias, reason);
                skipped.advice = Some(NO_TOKEN_ADVICE.to_owned());
                return Ok(Some(self.skip(skipped, SkipReason::Refused)));
            }
            CallOutcome::Refused(refusal) => {
                self.release_refused(message, &refusal).await;
                let skipped = SkippedChannel::refused(kind, alias, &refusal);
                let result = self.skip(skipped, skip_reason(&refusal));
                let has_void_form_id =
                    message.entitlement.is_some() && is_void_form_id(refusal.code);
                return Ok((!has_void_form_id).then_some(result));
            }
        };
        Ok(Some(ChannelResult::Done(end)))
    }

    /// Invalidates or releases the entitlement of a message that WeChat refused.
    async fn release_refused(&self, message: &PreparedMessage, refusal: &Refusal) {
        let Some(entitlement) = &message.entitlement else { return };
        let id = self.notification.id;
        match refusal.code {
            43101 => {
                tracing::warn!(
                    id,
                    app = message.app.alias,
                    "WeChat refused for a missing consent that the users table has; the consent is invalidated"
                );
                metric::CONSENT_DRIFT.record(1, [&message.app.alias]);
            }
            // WeChat's count of what is used up or closed is right, ours is not.
            code if is_void_form_id(code) => {}
            45015 | 45037 | 45038 | 45047 => {}
            _ => return self.release(message).await,
        }
        let invalidated = self.app.entitlements.invalidate(entitlement, id, self.now).await;
        self.log_failure(invalidated);
    }

    /// Releases the entitlement of a message that was not sent.
    async fn release(&self, message: &PreparedMessage) {
        let Some(entitlement) = &message.entitlement else { return };
        // The first of two messages may have used it up.
        if self.record.pending_intent.is_some() {
            return;
        }
        let released =
            self.app.entitlements.release(entitlement, self.notification.id, self.now).await;
        self.log_failure(released);
    }

    /// The failure is only logged: the outcome has to be stored all the same.
    fn log_failure(&self, released: Result<(), AwsError>) {
        if let Err(error) = released {
            tracing::error!(
                id = self.notification.id,
                "the consent or form id of an unsent message stays reserved: {error}"
            );
        }
    }
}
