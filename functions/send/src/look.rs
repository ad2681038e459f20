//! Which channels a notification has, and whether one of them does. Nothing is
//! written, so a dry run looks as well.

use crate::app::App;
use crate::channel::{self, Place, Prepared, Ready, Why};
use crate::deliver::Notification;
use crate::report::SkippedChannel;
use crate::routes::Routes;
use sha2::{Digest, Sha256};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{Channel, ChannelKind, Template, WeChatApp};

/// The app that speaks in a channel, and what it will say to this recipient; or
/// why the channel doesn't do.
///
/// # Errors
///
/// When AWS doesn't answer.
pub(crate) async fn look(
    app: &App,
    notification: &Notification<'_>,
    channel: &Channel,
    routes: &mut Routes<'_>,
    now: Timestamp,
) -> Result<Result<(WeChatApp, Ready), (SkippedChannel, Why)>, AwsError> {
    let kind = channel.kind();
    let unasked =
        |reason, why| Ok(Err((SkippedChannel::unasked(kind, channel.app(), reason), why)));
    let Some(speaker) = notification.apps.by_alias(channel.app()) else {
        let reason = "the template names an app that is not under /apps";
        let mut skipped = SkippedChannel::unasked(kind, channel.app(), reason);
        let advice = "correct the alias in the template, or store the app under /apps";
        skipped.advice = Some(advice.to_owned());
        return Ok(Err((skipped, Why::Refused)));
    };
    let Some(route) = routes.get(app, &speaker.app_id).await? else {
        return unasked("the person has never been seen in this app", Why::Unreachable);
    };
    let place = Place {
        id: notification.id,
        kind,
        app: speaker,
        route: &route,
        apps: notification.apps,
        fields: notification.fields,
        client_msg_id: &client_msg_id(notification.id),
        now,
    };
    Ok(match channel::prepare(app, channel, place).await? {
        Prepared::Ready(ready) => Ok((speaker.clone(), ready)),
        Prepared::SkippedChannel(skipped, why) => Err((skipped, why)),
    })
}

/// The channels to try: the template's own order, or that of the request.
pub(crate) fn in_order<'a>(
    template: &'a Template,
    wanted: Option<&[ChannelKind]>,
) -> Vec<&'a Channel> {
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

/// The id by which WeChat drops a repeated message: the same for every attempt at
/// one notification. 32 characters.
fn client_msg_id(id: &str) -> String {
    Sha256::digest(id).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_msg_id_has_32_characters_and_belongs_to_one_notification() {
        let id = client_msg_id("order-17-shipped");
        assert_eq!(id.len(), 32);
        assert_eq!(id, client_msg_id("order-17-shipped"));
        assert_ne!(id, client_msg_id("order-18-shipped"));
    }
}
