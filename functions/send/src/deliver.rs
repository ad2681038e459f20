//! One notification, from the claim to the outcome.

use crate::app::App;
use crate::attempt::{Attempt, client_msg_id};
use crate::channel::{self, Tried, Why};
use crate::report::{PassedOver, Report};
use crate::request::{Recipient, Request};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{Apps, Channel, ChannelKind, Template};
use shared::store::{Claim, Route, Status};
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// A claim holds this many seconds past the invocation's end: the function
/// can't outlive it.
const LEASE_MARGIN: u64 = 5;
/// An attempt needs this many seconds: calls to WeChat take up to 4 each.
const ATTEMPT: u64 = 10;
/// A template message that may have been sent is repeated after this many
/// seconds; WeChat keeps it from doubling.
const REPEAT: u64 = 10;

/// Why a notification has to wait that nothing is wrong with.
const NO_TIME: &str = "the invocation has no time left for it";

/// One notification of a request.
#[derive(Debug)]
pub(crate) struct Notification<'a> {
    pub(crate) id: String,
    pub(crate) request: &'a Request,
    pub(crate) recipient: &'a Recipient,
    pub(crate) template: &'a Template,
    pub(crate) apps: &'a Apps,
    pub(crate) fields: &'a BTreeMap<String, String>,
}

/// Sends one notification, if it's ours to send, and stores what became of it.
///
/// # Errors
///
/// When the id was used for another content, or AWS doesn't do its part.
pub(crate) async fn deliver(
    app: &App,
    notification: &Notification<'_>,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Report, DeliverError> {
    let id = notification.id.as_str();
    if now.plus(ATTEMPT) > deadline {
        let mut report = Report::new(id, Status::RetryAt);
        report.reason = Some(NO_TIME.to_owned());
        report.retry_at = Some(now);
        return Ok(report);
    }
    let hash = notification.request.hash(notification.recipient);
    let claim = app.notifications.claim(id, &hash, now, deadline.plus(LEASE_MARGIN)).await?;
    let (number, maybe_sent) = match claim {
        Claim::Ours { attempt, maybe_sent } => (attempt, maybe_sent),
        Claim::Conflict => return Err(DeliverError::Conflict(id.to_owned())),
        taken @ Claim::Taken { .. } => return Ok(known(id, taken)),
    };
    let attempt = Attempt {
        id,
        number,
        maybe_sent,
        apps: notification.apps,
        fields: notification.fields,
        client_msg_id: client_msg_id(id),
        now,
    };
    let routes = routes(app, notification).await?;
    let outcome = try_channels(app, &attempt, notification, &routes, deadline).await?;
    finish(app, &attempt, outcome).await
}

/// What a repeated request is answered: what was stored, as it stands now.
fn known(id: &str, taken: Claim) -> Report {
    let Claim::Taken { status, retry_at, report, receipt } = taken else {
        unreachable!("a claim that is ours or in conflict is dealt with");
    };
    let stored = report.and_then(|report| serde_json::from_str::<Report>(&report).ok());
    let mut report = stored.unwrap_or_else(|| Report::new(id, status));
    report.outcome = status;
    report.retry_at = retry_at;
    report.reason = receipt.or(report.reason);
    if status == Status::Ambiguous && report.reason.is_none() {
        report.reason = Some(
            "an earlier attempt ended in the middle; it may or may not have been sent".to_owned(),
        );
    }
    report
}

/// Where the recipient is known.
async fn routes(app: &App, notification: &Notification<'_>) -> Result<Vec<Route>, AwsError> {
    match notification.recipient {
        Recipient::Account { account } => app.mappings.of_account(account).await,
        Recipient::Union { union_id } => app.mappings.of_union(union_id).await,
        Recipient::User { app: alias, open_id } => {
            let Some(wechat_app) = notification.apps.by_alias(alias) else { return Ok(Vec::new()) };
            // Who is named by an openid, and of whom nothing else is known, is
            // taken to be reachable there: WeChat is the judge.
            let named = Route {
                app_id: wechat_app.app_id.clone(),
                open_id: open_id.clone(),
                follows: true,
            };
            // Other apps know the person by the unionid.
            let Some(union_id) = app.users.union_id(&wechat_app.app_id, open_id).await? else {
                return Ok(vec![named]);
            };
            let mut routes = app.mappings.of_union(&union_id).await?;
            if !routes.iter().any(|route| route.app_id == named.app_id) {
                routes.push(named);
            }
            Ok(routes)
        }
    }
}

/// How the channels ended.
enum Outcome {
    /// With the app that spoke and WeChat's id of the message, if it gave one.
    Sent {
        report: Report,
        message: Option<(AppId, String)>,
    },
    Ended(Report),
    Retry {
        report: Report,
        at: Timestamp,
        maybe_sent: bool,
    },
    Lost(Report),
}

/// Tries the channels in order until one has an answer.
async fn try_channels(
    app: &App,
    attempt: &Attempt<'_>,
    notification: &Notification<'_>,
    routes: &[Route],
    deadline: Timestamp,
) -> Result<Outcome, AwsError> {
    let mut report = Report::new(attempt.id, Status::NoRoute);
    let mut worst = Why::NoRoute;
    for channel in in_order(notification.template, notification.request.channels.as_deref()) {
        let kind = channel.kind();
        let now = Timestamp::now();
        if now.plus(ATTEMPT) > deadline {
            return Ok(retry(report, NO_TIME.to_owned(), now, attempt.maybe_sent));
        }
        let tried = channel::attempt(app, attempt, channel, routes).await?;
        log(attempt, notification, channel, &tried);
        match tried {
            // WeChat refuses now what it may have taken on before.
            Tried::PassedOver(passed_over, _)
                if attempt.maybe_sent
                    && kind == ChannelKind::Template
                    && passed_over.code.is_some() =>
            {
                report.outcome = Status::Ambiguous;
                report.reason = Some(format!(
                    "perhaps sent by an earlier attempt; then: {}",
                    passed_over.reason
                ));
                report.passed_over.push(passed_over);
                return Ok(Outcome::Ended(report));
            }
            Tried::PassedOver(passed_over, why) => {
                worst = worse(worst, why);
                report.passed_over.push(passed_over);
            }
            Tried::Sent { app, message_id } => {
                report.through(channel);
                report.outcome = Status::Sent;
                report.message_id.clone_from(&message_id);
                let message = message_id.map(|message_id| (app.app_id, message_id));
                return Ok(Outcome::Sent { report, message });
            }
            Tried::Later { reason, at } => {
                report.through(channel);
                return Ok(retry(report, reason, at, attempt.maybe_sent));
            }
            Tried::Unknown { reason } if kind == ChannelKind::Template => {
                report.through(channel);
                return Ok(retry(report, reason, attempt.now.plus(REPEAT), true));
            }
            Tried::Unknown { reason } => {
                report.through(channel);
                report.outcome = Status::Ambiguous;
                report.reason = Some(reason);
                return Ok(Outcome::Ended(report));
            }
            Tried::Lost => return Ok(Outcome::Lost(Report::new(attempt.id, Status::InProgress))),
        }
    }
    (report.outcome, report.reason) = conclusion(worst, routes, &report.passed_over);
    Ok(Outcome::Ended(report))
}

/// It is to be tried again at `at`.
fn retry(mut report: Report, reason: String, at: Timestamp, maybe_sent: bool) -> Outcome {
    report.outcome = Status::RetryAt;
    report.reason = Some(reason);
    report.retry_at = Some(at);
    Outcome::Retry { report, at, maybe_sent }
}

/// The channels to try: the template's own order, or that of the request.
fn in_order<'a>(template: &'a Template, wanted: Option<&[ChannelKind]>) -> Vec<&'a Channel> {
    match wanted {
        None => template.channels.iter().collect(),
        Some(wanted) => wanted
            .iter()
            .flat_map(|kind| {
                template.channels.iter().filter(move |channel| channel.kind() == *kind)
            })
            .collect(),
    }
}

/// A refusal says more than a missing consent, and that more than a missing
/// route.
fn worse(one: Why, other: Why) -> Why {
    let weight = |why| match why {
        Why::NoRoute => 0,
        Why::NoPermit => 1,
        Why::Refused => 2,
    };
    if weight(other) > weight(one) { other } else { one }
}

/// What it means that no channel did.
fn conclusion(
    worst: Why,
    routes: &[Route],
    passed_over: &[PassedOver],
) -> (Status, Option<String>) {
    let (status, reason) = match worst {
        _ if passed_over.is_empty() => {
            (Status::NoRoute, "the template has none of the channels asked for")
        }
        Why::NoRoute if routes.is_empty() => (
            Status::NoRoute,
            "the person has never been seen: they neither follow an Official Account nor have logged in to a mini program",
        ),
        Why::NoRoute => {
            (Status::NoRoute, "no channel reaches the person; passed_over says why not")
        }
        Why::NoPermit => (
            Status::NoPermit,
            "the person has not consented to this message; ask with wx.requestSubscribeMessage in the mini program",
        ),
        Why::Refused => (Status::Failed, "WeChat or the template refuses it; passed_over says why"),
    };
    (status, Some(reason.to_owned()))
}

/// Stores the outcome, if the notification is still ours.
async fn finish(
    app: &App,
    attempt: &Attempt<'_>,
    outcome: Outcome,
) -> Result<Report, DeliverError> {
    let notifications = &app.notifications;
    match outcome {
        Outcome::Sent { mut report, message } => {
            let json = report.to_json();
            match message {
                Some((app_id, message_id)) => {
                    report.outcome = notifications
                        .sent(attempt.id, attempt.number, &app_id, &message_id, &json, attempt.now)
                        .await?;
                }
                None => {
                    notifications
                        .finish(attempt.id, attempt.number, Status::Sent, Some(&json))
                        .await?;
                }
            }
            Ok(report)
        }
        Outcome::Ended(report) => {
            notifications
                .finish(attempt.id, attempt.number, report.outcome, Some(&report.to_json()))
                .await?;
            Ok(report)
        }
        Outcome::Retry { report, at, maybe_sent } => {
            notifications
                .retry(attempt.id, attempt.number, at, maybe_sent, &report.to_json())
                .await?;
            Ok(report)
        }
        Outcome::Lost(report) => Ok(report),
    }
}

/// One line for each channel of an attempt. Never who, never what.
fn log(attempt: &Attempt<'_>, notification: &Notification<'_>, channel: &Channel, tried: &Tried) {
    let id = attempt.id;
    let template = notification.request.template.as_str();
    let kind = channel.kind();
    let number = attempt.number;
    match tried {
        Tried::Sent { .. } => {
            tracing::info!(id, attempt = number, template, channel = %kind, "sent");
        }
        Tried::PassedOver(PassedOver { reason, code, .. }, _) => {
            tracing::info!(id, attempt = number, template, channel = %kind, code, "passed over: {reason}");
        }
        Tried::Later { reason, .. } => {
            tracing::warn!(id, attempt = number, template, channel = %kind, "not sent yet: {reason}");
        }
        Tried::Unknown { reason } => {
            tracing::warn!(id, attempt = number, template, channel = %kind, "perhaps sent: {reason}");
        }
        Tried::Lost => {
            tracing::warn!(id, attempt = number, template, channel = %kind, "claimed by another");
        }
    }
}

/// A notification was not dealt with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliverError {
    #[error("id: {0} was used for another recipient or content; a new notification needs a new id")]
    Conflict(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
