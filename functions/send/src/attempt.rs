//! One attempt at one notification: the channels in order, until one has an
//! answer.

use crate::app::App;
use crate::call::{Answer, call, resting};
use crate::channel::{Ready, Why};
use crate::conclusion::{conclusion, why, worse};
use crate::deliver::Notification;
use crate::look::{in_order, look};
use crate::record;
use crate::report::{Report, SkippedChannel};
use crate::routes::Routes;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::{Channel, ChannelKind, WeChatApp};
use shared::store::{
    Expected, Lease, MessageId, NotificationRow, NotificationStatus, SendIntent, Transition,
    WriteResult,
};
use shared::wechat::refusal::Refusal;

/// A claim holds this many seconds past the invocation's end: the function
/// can't outlive it.
const LEASE_MARGIN: u64 = 5;
/// A channel is begun only if there are so many seconds left for it.
const CHANNEL: u64 = 12;
/// The last call to WeChat begins before these many: it takes up to 6.5, and what
/// became of it has to be stored.
const LAST_CALL: u64 = 8;
/// The first pause before another attempt, in seconds; each is twice as long as
/// the one before, and none longer than an hour.
const FIRST_PAUSE: u64 = 10;
const LONGEST_PAUSE: u64 = 3600;
/// After so many seconds it isn't tried again: two days, in which a day's quota has
/// been counted anew twice.
pub(crate) const PATIENCE: u64 = 48 * 3600;
/// A consent, a place in a window or a form id that somebody else is faster to take
/// is looked for so often.
const LOOKS: usize = 8;

/// Why a notification is not sent that nobody needs any more.
pub(crate) const EXPIRED: &str = "it could not be sent before expires_at";
/// What to do about an app that has no access token until somebody acts.
const NO_TOKEN: &str = "mend what the reason names; nothing is sent for this app before";
/// Why a notification has to wait that nothing is wrong with.
const NO_TIME: &str = "the invocation has no time left for it";

/// So many seconds pass before another attempt, after so many.
pub(crate) fn pause(attempts: u64) -> u64 {
    (FIRST_PAUSE << attempts.min(9)).min(LONGEST_PAUSE)
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
    must: Option<&'a SendIntent>,
    /// Whether it is ours by now.
    ours: bool,
    /// Whether something was announced, if perhaps without a confirmation.
    has_begun: bool,
    /// Whether WeChat may have taken a message on.
    in_doubt: bool,
    now: Timestamp,
    deadline: Timestamp,
    report: Report,
}

/// How an attempt ended.
pub(crate) enum Ended {
    /// This is stored.
    Stored(Box<Report>),
    /// Nothing of this attempt's is stored: somebody else has changed it, and it
    /// stands like this.
    Changed(Box<NotificationRow>),
    /// Nothing was sent: the id belongs to something else.
    Foreign,
}

/// What came of one channel.
enum Tried {
    /// The next one may do.
    Next(Why),
    /// The attempt is over.
    Ended(Ended),
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
            must: again.and_then(|(_, intent)| intent),
            ours: false,
            has_begun: false,
            in_doubt: false,
            now,
            deadline,
            report: Report::new(notification.id, NotificationStatus::Unreachable),
        }
    }

    /// Makes the attempt.
    ///
    /// # Errors
    ///
    /// When AWS doesn't do its part. What was announced by then may have been
    /// sent.
    pub(crate) async fn run(mut self) -> Result<Ended, AwsError> {
        let error = match self.try_channels().await {
            Err(error) if self.has_begun && !self.in_doubt => error,
            ended => return ended,
        };
        // Nothing was sent, whatever is announced: left like this, the next attempt
        // would have to think otherwise.
        self.ours = true;
        self.report.reason = Some(format!("{error}; nothing was sent"));
        let at = self.another_time(0);
        match self.wait(NotificationStatus::Retrying, at, self.must).await {
            Ok(ended @ Ended::Stored(_)) => Ok(ended),
            Ok(Ended::Changed(_) | Ended::Foreign) | Err(_) => Err(error),
        }
    }

    /// Tries the channels in order.
    async fn try_channels(&mut self) -> Result<Ended, AwsError> {
        let content = self.notification.content;
        if content.is_past(self.now) {
            return self.expired().await;
        }
        if let Some(at) = content.send_at.filter(|at| self.now < *at) {
            return self.wait(NotificationStatus::Scheduled, at, None).await;
        }
        let mut routes = Routes::new(&content.to, self.notification.apps);
        let mut worst = Why::Unreachable;
        for channel in in_order(self.notification.template, content.channels.as_deref()) {
            if self.must.is_some_and(|must| !self.is_same_intent(must, channel)) {
                continue;
            }
            match self.try_channel(channel, &mut routes).await? {
                Tried::Next(why) => worst = worse(worst, why),
                Tried::Ended(ended) => return Ok(ended),
            }
        }
        if let Some(must) = self.must {
            // The template has lost the channel, or the person can't be reached
            // through it any more. Through another it could be a second message.
            let why = self.report.skipped.last().map(|passed| passed.reason.clone());
            let why = why.unwrap_or_else(|| "the template no longer has that channel".to_owned());
            self.report.reason = Some(format!("perhaps sent by an earlier attempt; then: {why}"));
            return self.ambiguous(&must.clone()).await;
        }
        let (status, reason) = conclusion(worst, routes.is_empty(), &self.report.skipped);
        self.report.reason = Some(reason.to_owned());
        self.over(status).await
    }

    /// Whether a channel is the one that was announced.
    fn is_same_intent(&self, must: &SendIntent, channel: &Channel) -> bool {
        let app = self.notification.apps.by_alias(channel.app());
        channel.kind() == must.channel
            && channel.template_id() == must.template_id.as_deref()
            && app.is_some_and(|app| app.app_id == must.app_id)
    }

    /// Looks whether a channel does, and sends through it if so.
    async fn try_channel(
        &mut self,
        channel: &Channel,
        routes: &mut Routes<'a>,
    ) -> Result<Tried, AwsError> {
        for _ in 0..LOOKS {
            let now = Timestamp::now();
            if now.plus(CHANNEL) > self.deadline {
                self.report.reason = Some(NO_TIME.to_owned());
                return self
                    .wait(NotificationStatus::Retrying, now, self.must)
                    .await
                    .map(Tried::Ended);
            }
            let (speaker, ready) = match self.prepare(channel, routes, now).await? {
                Ok(found) => found,
                Err((skipped, why)) => {
                    self.report.skipped.push(skipped);
                    return Ok(Tried::Next(why));
                }
            };
            if let Some((reason, until)) = resting(self.app, &speaker, ready.message.api(), now) {
                self.through(channel.kind(), &speaker);
                self.report.reason = Some(reason);
                return self.later(until).await.map(Tried::Ended);
            }
            match self.record_intent(&ready).await? {
                WriteResult::Committed(_) | WriteResult::CommittedWithReceipt { .. } => {}
                WriteResult::Conflict(row) => return Ok(Tried::Ended(Ended::Changed(row))),
                WriteResult::IdReused => return Ok(Tried::Ended(Ended::Foreign)),
                WriteResult::EntitlementLost => continue,
            }
            if let Some(tried) = self.send(channel.kind(), &speaker, &ready).await? {
                return Ok(tried);
            }
        }
        let reason = match self.report.skipped.last() {
            Some(last) if last.code.is_some_and(is_used_up) => "WeChat refused all form ids",
            _ => "others kept taking what it needs",
        };
        let kind = channel.kind();
        self.report.skipped.push(SkippedChannel::unasked(kind, channel.app(), reason));
        Ok(Tried::Next(Why::NoConsent))
    }

    /// The app that speaks, and what it will say; or why the channel doesn't do.
    async fn prepare(
        &self,
        channel: &Channel,
        routes: &mut Routes<'a>,
        now: Timestamp,
    ) -> Result<Result<(WeChatApp, Ready), (SkippedChannel, Why)>, AwsError> {
        let found = look(self.app, self.notification, channel, routes, now);
        let (speaker, mut ready) = match found.await? {
            Ok(found) => found,
            Err(skipped) => return Ok(Err(skipped)),
        };
        if let Some(must) = self.must {
            if !ready.intent.is_to_same(must) {
                let reason = "by now it would go to another user";
                let skipped = SkippedChannel::unasked(channel.kind(), channel.app(), reason);
                return Ok(Err((skipped, Why::Unreachable)));
            }
            ready.intent = must.clone();
        }
        Ok(Ok((speaker, ready)))
    }

    /// Claims the notification if it isn't ours yet, takes what the message uses
    /// up, and notes what is about to be sent: all or nothing.
    async fn record_intent(&mut self, ready: &Ready) -> Result<WriteResult, AwsError> {
        let lease_until = self.deadline.plus(LEASE_MARGIN);
        let change = Transition::Sending { lease_until, intent: &ready.intent };
        let entitlement =
            ready.entitlement.as_ref().map(|entitlement| (&self.app.users, entitlement));
        let before = self.before();
        let notifications = &self.app.notifications;
        self.has_begun = true;
        let written =
            notifications.write(self.claim, before, &change, entitlement, self.now).await?;
        self.ours |= matches!(written, WriteResult::Committed(_));
        Ok(written)
    }

    /// Sends what was announced. None if the same channel may do with something
    /// else to use up.
    async fn send(
        &mut self,
        kind: ChannelKind,
        speaker: &WeChatApp,
        ready: &Ready,
    ) -> Result<Option<Tried>, AwsError> {
        let not_after = [
            Some(Timestamp(self.deadline.0.saturating_sub(LAST_CALL))),
            ready.intent.repeatable_until(),
            self.notification.content.expires_at,
        ];
        let not_after = not_after.into_iter().flatten().min().unwrap_or(self.deadline);
        self.in_doubt = true;
        let answer = call(self.app, speaker, ready, not_after).await;
        self.in_doubt = matches!(answer, Answer::Accepted(_) | Answer::Unknown { .. });
        match answer {
            Answer::Accepted(message_id) => {
                self.through(kind, speaker);
                self.report.message_id = message_id;
                let ended = self.sent(speaker, ready).await?;
                Ok(Some(Tried::Ended(ended)))
            }
            Answer::Unknown { reason, refusal } => {
                self.through(kind, speaker);
                self.because(reason, refusal.as_ref());
                let intent = ready.intent.clone();
                let ended = if kind.is_repeatable() {
                    let at = self.another_time(FIRST_PAUSE);
                    self.wait(NotificationStatus::Retrying, at, Some(&intent)).await?
                } else {
                    self.ambiguous(&intent).await?
                };
                Ok(Some(Tried::Ended(ended)))
            }
            Answer::Later { reason, refusal, after } => {
                self.give_back(ready).await;
                self.through(kind, speaker);
                self.because(reason, refusal.as_ref());
                let at = self.another_time(after);
                Ok(Some(Tried::Ended(self.later(at).await?)))
            }
            Answer::Misconfigured { reason } => {
                self.give_back(ready).await;
                let mut skipped = SkippedChannel::unasked(kind, &speaker.alias, reason);
                skipped.advice = Some(NO_TOKEN.to_owned());
                self.report.skipped.push(skipped);
                Ok(Some(Tried::Next(Why::Refused)))
            }
            Answer::Refused(refusal) => {
                let another = self.refused(speaker, ready, &refusal).await;
                let skipped = SkippedChannel::refused(kind, &speaker.alias, &refusal);
                self.report.skipped.push(skipped);
                Ok((!another).then(|| Tried::Next(why(&refusal))))
            }
        }
    }

    /// WeChat has refused. True if the channel may do with another form id.
    async fn refused(&self, speaker: &WeChatApp, ready: &Ready, refusal: &Refusal) -> bool {
        let Some(entitlement) = &ready.entitlement else { return false };
        let (users, id) = (&self.app.users, self.notification.id);
        let in_doubt = self.must.is_some();
        let spent = match refusal.code {
            43101 => {
                tracing::warn!(
                    id,
                    app = speaker.alias,
                    "WeChat knows of no consent, our count does"
                );
                metric::CONSENT_DRIFT.record(1, [&speaker.alias]);
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
    async fn give_back(&self, ready: &Ready) {
        let Some(entitlement) = &ready.entitlement else { return };
        let id = self.notification.id;
        // One that may have been used up by the first of two messages isn't free.
        if self.must.is_some() {
            return;
        }
        if let Err(error) = self.app.users.release(entitlement, id, self.now).await {
            tracing::error!(id, "what a message would have used up stays taken: {error}");
        }
    }

    /// Names the channel that decides.
    fn through(&mut self, kind: ChannelKind, speaker: &WeChatApp) {
        self.report.channel = Some(kind);
        self.report.app = Some(speaker.alias.clone());
    }

    fn because(&mut self, reason: String, refusal: Option<&Refusal>) {
        self.report.reason = Some(reason);
        self.report.code = refusal.map(|refusal| refusal.code);
        self.report.rid = refusal.and_then(|refusal| refusal.rid.clone());
    }

    /// When to try again: after so many seconds, or more if it has been tried
    /// often.
    fn another_time(&self, after: u64) -> Timestamp {
        let attempts = self.seen.map_or(0, |row| row.attempts);
        Timestamp::now().plus(after.max(pause(attempts)))
    }

    fn is_too_late(&self, at: Timestamp) -> bool {
        let first_at = self.seen.and_then(|row| row.first_at).unwrap_or(self.now);
        at.seconds_since(first_at) > PATIENCE
    }

    fn before(&self) -> Expected<'a> {
        match self.seen {
            _ if self.ours => Expected::Owned,
            None => Expected::Absent,
            Some(row) => Expected::Unchanged(row),
        }
    }

    async fn sent(&mut self, speaker: &WeChatApp, ready: &Ready) -> Result<Ended, AwsError> {
        self.report.outcome = NotificationStatus::Sent;
        let json = self.report.to_json();
        let message_id = self.report.message_id.clone();
        let message = message_id.as_deref().map(|id| MessageId { app_id: &speaker.app_id, id });
        let change = Transition::Sent { message, report: &json };
        self.store(&change, Some(ready)).await
    }

    async fn wait(
        &mut self,
        status: NotificationStatus,
        at: Timestamp,
        intent: Option<&SendIntent>,
    ) -> Result<Ended, AwsError> {
        // What may have been sent is repeated in time, or not at all.
        let at = intent.and_then(SendIntent::repeatable_until).map_or(at, |end| at.min(end));
        self.report.outcome = status;
        self.report.retry_at = Some(at);
        let json = self.report.to_json();
        self.store(&Transition::Waiting { status, at, intent, report: &json }, None).await
    }

    /// Leaves to a later attempt what was not sent, unless it has taken too long.
    async fn later(&mut self, at: Timestamp) -> Result<Ended, AwsError> {
        match self.must {
            None if self.is_too_late(at) => self.over(NotificationStatus::Failed).await,
            must => self.wait(NotificationStatus::Retrying, at, must).await,
        }
    }

    async fn ambiguous(&mut self, intent: &SendIntent) -> Result<Ended, AwsError> {
        self.report.outcome = NotificationStatus::Ambiguous;
        let json = self.report.to_json();
        self.store(&Transition::Ambiguous { intent, report: &json }, None).await
    }

    async fn expired(&mut self) -> Result<Ended, AwsError> {
        match self.must {
            Some(must) => {
                let reason = "perhaps sent by an earlier attempt; then it expired";
                self.report.reason = Some(reason.to_owned());
                self.ambiguous(must).await
            }
            None => {
                self.report.reason = Some(EXPIRED.to_owned());
                self.over(NotificationStatus::Expired).await
            }
        }
    }

    async fn over(&mut self, status: NotificationStatus) -> Result<Ended, AwsError> {
        self.report.outcome = status;
        let json = self.report.to_json();
        self.store(&Transition::Terminal { status, report: &json }, None).await
    }

    /// Stores how the attempt ended, if the notification is still as we know it.
    async fn store(
        &mut self,
        change: &Transition<'_>,
        used: Option<&Ready>,
    ) -> Result<Ended, AwsError> {
        let used = used.and_then(|ready| ready.entitlement.as_ref());
        let used = used.map(|entitlement| (&self.app.users, entitlement));
        let notifications = &self.app.notifications;
        let written =
            notifications.write(self.claim, self.before(), change, used, self.now).await?;
        match written {
            WriteResult::Conflict(row) => return Ok(Ended::Changed(row)),
            WriteResult::IdReused => return Ok(Ended::Foreign),
            WriteResult::Committed(status) => self.report.outcome = status,
            WriteResult::CommittedWithReceipt { status, reason } => {
                self.report.outcome = status;
                self.report.reason = reason;
            }
            WriteResult::EntitlementLost => {}
        }
        let template = self.notification.content.template.as_str();
        record::outcome(&self.report, template, self.seen.map_or(1, |row| row.attempts + 1));
        Ok(Ended::Stored(Box::new(self.report.clone())))
    }
}
