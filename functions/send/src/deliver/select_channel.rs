//! Selects the channel of a notification. Nothing is written.

use crate::app::App;
use crate::channel;
use crate::channel::context::{ChannelContext, Preparation, PreparedMessage, SkipReason};
use crate::circuit_breaker::Blocked;
use crate::notification::Notification;
use crate::recipient_routes::RecipientRoutes;
use sha2::{Digest, Sha256};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{Channel, ChannelKind, Template};
use shared::send_response::SkippedChannel;
use shared::store::{NotificationStatus, SendIntent};
use shared::wechat::refusal::{ErrorClass, Refusal};

/// What to do with a channel.
#[derive(Debug)]
pub(crate) enum Selection {
    Selected(PreparedMessage),
    /// The channel's API is blocked for now. No other channel is tried: the notification
    /// waits.
    Wait(PreparedMessage, Blocked),
    Skipped(SkippedChannel, SkipReason),
}

/// The channels to try: the template's, in its order or that of the request.
pub(crate) fn candidate_channels<'a>(
    template: &'a Template,
    requested: Option<&[ChannelKind]>,
) -> Vec<&'a Channel> {
    let Some(requested) = requested else { return template.channels.iter().collect() };
    let of_kind = |kind: &ChannelKind| {
        let kind = *kind;
        template.channels.iter().filter(move |channel| channel.kind() == kind)
    };
    requested.iter().flat_map(of_kind).collect()
}

/// Selects a channel if it can be used now. `pending_intent` is what an earlier attempt may
/// have sent: only the same message to the same user may be sent again.
pub(crate) async fn select_channel(
    app: &App,
    notification: &Notification<'_>,
    channel: &Channel,
    pending_intent: Option<&SendIntent>,
    routes: &mut RecipientRoutes<'_>,
    now: Timestamp,
) -> Result<Selection, AwsError> {
    let prepared = prepare_message(app, notification, channel, pending_intent, routes, now);
    let mut message = match prepared.await? {
        Preparation::Ready(message) => message,
        Preparation::Skipped(skipped, reason) => return Ok(Selection::Skipped(skipped, reason)),
    };
    if let Some(intent) = pending_intent {
        if !message.intent.is_to_same(intent) {
            let reason = "by now it would go to another user";
            let skipped = SkippedChannel::skipped_locally(channel.kind(), channel.app(), reason);
            return Ok(Selection::Skipped(skipped, SkipReason::Unreachable));
        }
        // The window for repeats counts from the first call.
        message.intent = intent.clone();
    }
    let api = message.request.api();
    Ok(match app.circuit_breaker.blocked_until_probe(&message.app, api, now) {
        Some(blocked) => Selection::Wait(message, blocked),
        None => Selection::Selected(message),
    })
}

/// Prepares a channel's message to this recipient, if the channel can be used. A message that
/// repeats `pending_intent` has its `client_msg_id`.
pub(crate) async fn prepare_message(
    app: &App,
    notification: &Notification<'_>,
    channel: &Channel,
    pending_intent: Option<&SendIntent>,
    routes: &mut RecipientRoutes<'_>,
    now: Timestamp,
) -> Result<Preparation, AwsError> {
    let kind = channel.kind();
    let skipped = |reason| SkippedChannel::skipped_locally(kind, channel.app(), reason);
    let Some(sender_app) = notification.apps.by_alias(channel.app()) else {
        let mut skipped = skipped("the template names an app that is not under /apps");
        let advice = "correct the alias in the template, or store the app under /apps";
        skipped.advice = Some(advice.to_owned());
        return Ok(Preparation::Skipped(skipped, SkipReason::Refused));
    };
    let Some(route) = routes.get(app, &sender_app.app_id).await? else {
        let skipped = skipped("the person has never been seen in this app");
        return Ok(Preparation::Skipped(skipped, SkipReason::Unreachable));
    };
    let context = ChannelContext {
        id: notification.id,
        kind,
        app: sender_app,
        route: &route,
        apps: notification.apps,
        fields: notification.fields,
        client_msg_id: &match pending_intent {
            Some(intent) => repeated_client_msg_id(intent, notification.id),
            None => client_msg_id(app.parameters.prefix(), notification.id),
        },
        now,
    };
    channel::prepare(app, channel, context).await
}

/// By this id of 32 characters WeChat drops a repeated message. All attempts at a
/// notification have the same. Each stage has its own: WeChat drops by account, and several
/// stages may send through one.
fn client_msg_id(parameter_prefix: &str, id: &str) -> String {
    short_hash(&[parameter_prefix, id].join("\n"))
}

/// The `client_msg_id` that an earlier attempt may have sent. An older version stored none:
/// it hashed the id alone.
fn repeated_client_msg_id(intent: &SendIntent, id: &str) -> String {
    intent.client_msg_id.clone().unwrap_or_else(|| short_hash(id))
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What a refusal says about the person: WeChat may know better than the tables who has
/// consented and who can be reached.
pub(crate) fn skip_reason(refusal: &Refusal) -> SkipReason {
    match (refusal.class(), refusal.code) {
        (_, 43101) => SkipReason::NoConsent,
        (ErrorClass::Unreachable, _) | (_, 45047) => SkipReason::Unreachable,
        _ => SkipReason::Refused,
    }
}

/// The status of a notification that no channel can carry, and the reason.
pub(crate) fn final_status(
    most_severe: SkipReason,
    is_unknown_person: bool,
    skipped: &[SkippedChannel],
) -> (NotificationStatus, &'static str) {
    match most_severe {
        _ if skipped.is_empty() => {
            (NotificationStatus::Unreachable, "the template has none of the channels asked for")
        }
        SkipReason::Unreachable if is_unknown_person => (
            NotificationStatus::Unreachable,
            "the person has never been seen: they neither follow an Official Account nor have logged in to a mini program",
        ),
        SkipReason::Unreachable => {
            (NotificationStatus::Unreachable, "no channel reaches the person; skipped says why not")
        }
        SkipReason::NoConsent => (
            NotificationStatus::NoConsent,
            "the person has not consented to this message; ask with wx.requestSubscribeMessage in the mini program",
        ),
        SkipReason::Refused => {
            (NotificationStatus::Failed, "WeChat or the template refuses it; skipped says why")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wechat::id::{AppId, OpenId};

    /// Fault 105.
    #[test]
    fn client_msg_id_belongs_to_one_notification_of_one_stage() {
        let id = client_msg_id("/hongyan/prod", "order-17-shipped");
        assert_eq!(id.len(), 32);
        assert_eq!(id, client_msg_id("/hongyan/prod", "order-17-shipped"));
        assert_ne!(id, client_msg_id("/hongyan/prod", "order-18-shipped"));
        assert_ne!(id, client_msg_id("/hongyan/test", "order-17-shipped"));
        assert_ne!(client_msg_id("/a", "b/c"), client_msg_id("/a/b", "c"));
    }

    /// Fault 105.
    #[test]
    fn repeat_of_an_older_versions_message_has_that_versions_client_msg_id() {
        let app_id = AppId::parse("wx1").unwrap();
        let open_id = OpenId::parse("oAnn").unwrap();
        let mut intent =
            SendIntent::new(ChannelKind::Template, &app_id, None, &open_id, Timestamp(1));
        // printf order-17-shipped | sha256sum
        assert_eq!(
            repeated_client_msg_id(&intent, "order-17-shipped"),
            "3e31dc1637df5bc2f3002fc28ac7d980"
        );
        intent.client_msg_id = Some("as-sent".to_owned());
        assert_eq!(repeated_client_msg_id(&intent, "order-17-shipped"), "as-sent");
    }

    #[test]
    fn refusal_may_say_that_the_person_is_unreachable() {
        let reason = |code| skip_reason(&Refusal::with_code(ChannelKind::Template.api(), code));
        assert_eq!(reason(43101), SkipReason::NoConsent);
        for code in [43004, 45015, 45047, 48002, 41028] {
            assert_eq!(reason(code), SkipReason::Unreachable, "{code}");
        }
        for code in [47003, 40037, 48001] {
            assert_eq!(reason(code), SkipReason::Refused, "{code}");
        }
    }
}
