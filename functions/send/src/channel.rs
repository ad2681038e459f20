//! One channel: can the person be reached through it, and what does WeChat say?

use crate::app::App;
use crate::attempt::Attempt;
use crate::report::PassedOver;
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{
    App as WeChatApp, Channel, ChannelKind, Kind as AppKind, MiniProgramPage, fill,
};
use shared::store::{PermitKey, Route};
use shared::wechat::client::Error as CallError;
use shared::wechat::message::{
    Accepted, Data, MiniProgram, SubscribeMessage, TemplateMessage, Value,
};
use shared::wechat::refusal::{Class, Refusal};
use std::collections::BTreeMap;

/// A call that did not reach WeChat is tried again after this many seconds.
const SOON: u64 = 10;
/// One that WeChat is too busy for, or that lacks an access token, after this
/// many.
const LATER: u64 = 60;
/// Quotas are counted by the day in China, which is this many seconds ahead.
const CHINA: u64 = 8 * 3600;

/// What came of trying one channel.
#[derive(Debug)]
pub(crate) enum Tried {
    /// WeChat has taken the message on.
    Sent { app: WeChatApp, message_id: Option<String> },
    /// This channel doesn't do; the next one may.
    PassedOver(PassedOver, Why),
    /// Not sent; it may be tried again.
    Later { reason: String, at: Timestamp },
    /// It may or may not have been sent. Whether a repeat could double it is
    /// known by the channel.
    Unknown { reason: String },
    /// Somebody else has claimed the notification.
    Lost,
}

/// Why a channel was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The person is not known in the app, or can't be written to there.
    NoRoute,
    /// The person has not consented.
    NoPermit,
    /// WeChat said no.
    Refused,
}

/// Tries one channel.
///
/// # Errors
///
/// When AWS doesn't do its part; nothing is sent then.
pub(crate) async fn attempt(
    app: &App,
    attempt: &Attempt<'_>,
    channel: &Channel,
    routes: &[Route],
) -> Result<Tried, AwsError> {
    let kind = channel.kind();
    let passed = |reason: &str, why| {
        Ok(Tried::PassedOver(PassedOver::unasked(kind, channel.app(), reason), why))
    };
    let Some(wechat_app) = app.apps.by_alias(channel.app()) else {
        return passed("the template names an app that is not under /apps", Why::Refused);
    };
    let Some(route) = routes.iter().find(|route| route.app_id == wechat_app.app_id) else {
        return passed("the person has never been seen in this app", Why::NoRoute);
    };
    match channel {
        Channel::Template { template_id, data, url, mini_program, .. } => {
            if !route.follows {
                return passed("the person does not follow this Official Account", Why::NoRoute);
            }
            let card = match Card::of(attempt.fields, data, url.as_deref()) {
                Ok(card) => card,
                Err(reason) => return passed(&reason, Why::Refused),
            };
            let target = match target(app, mini_program.as_ref(), attempt.fields) {
                Ok(target) => target,
                Err(reason) => return passed(&reason, Why::Refused),
            };
            let message = TemplateMessage {
                touser: &route.open_id,
                template_id,
                url: card.place.as_deref(),
                miniprogram: target.as_ref().map(|(target, page)| MiniProgram {
                    appid: &target.app_id,
                    pagepath: page.as_deref(),
                }),
                client_msg_id: &attempt.client_msg_id,
                data: &card.data,
            };
            let sent = app
                .tokens
                .call(wechat_app, attempt.now, async |token| {
                    app.wechat.send_template(token, &message).await
                })
                .await;
            Ok(of_call(sent, wechat_app, kind, attempt.now))
        }
        Channel::Subscribe { template_id, data, page, state, lang, .. } => {
            let card = match Card::of(attempt.fields, data, page.as_deref()) {
                Ok(card) => card,
                Err(reason) => return passed(&reason, Why::Refused),
            };
            let key =
                PermitKey { app_id: &wechat_app.app_id, open_id: &route.open_id, template_id };
            let Some(permit) = app.users.reserve_permit(key, attempt.id).await? else {
                return passed("the person has not consented to this message", Why::NoPermit);
            };
            if !app.notifications.about_to_send(attempt.id, attempt.number).await? {
                app.users.give_back_permit(&permit).await?;
                return Ok(Tried::Lost);
            }
            let message = SubscribeMessage {
                touser: &route.open_id,
                template_id,
                page: card.place.as_deref(),
                miniprogram_state: state.as_deref(),
                lang: lang.as_deref(),
                data: &card.data,
            };
            let sent = app
                .tokens
                .call(wechat_app, attempt.now, async |token| {
                    app.wechat.send_subscribe(token, &message).await
                })
                .await;
            let tried = of_unrepeatable_call(sent, wechat_app, kind, attempt.now);
            match &tried {
                Tried::Sent { .. } => app.users.use_permit(&permit).await?,
                Tried::PassedOver(refused, _) if refused.code == Some(43101) => {
                    tracing::warn!(
                        id = attempt.id,
                        app = wechat_app.alias,
                        "WeChat knows of no consent, our count does"
                    );
                    app.users.burn_permit(&permit, key).await?;
                }
                Tried::PassedOver(..) | Tried::Later { .. } => {
                    app.users.give_back_permit(&permit).await?;
                }
                Tried::Unknown { .. } | Tried::Lost => {}
            }
            settle(app, attempt, tried).await
        }
        Channel::CustomerService { text, .. } => {
            // Who leaves an account takes every open window along.
            if wechat_app.kind == AppKind::OfficialAccount && !route.follows {
                return passed("the person does not follow this Official Account", Why::NoRoute);
            }
            let text = match fill(text, attempt.fields) {
                Ok(text) => text,
                Err(error) => return passed(&error.to_string(), Why::Refused),
            };
            if !app.users.take_from_window(&wechat_app.app_id, &route.open_id, attempt.now).await? {
                return passed(
                    "the person has not been in touch lately: no customer-service window is open",
                    Why::NoRoute,
                );
            }
            if !app.notifications.about_to_send(attempt.id, attempt.number).await? {
                return Ok(Tried::Lost);
            }
            let sent = app
                .tokens
                .call(wechat_app, attempt.now, async |token| {
                    app.wechat.send_customer_service(token, &route.open_id, &text).await
                })
                .await;
            let tried = of_unrepeatable_call(sent, wechat_app, kind, attempt.now);
            settle(app, attempt, tried).await
        }
    }
}

/// A call that can't be repeated was announced; if it certainly sent nothing,
/// the announcement is taken back, so that another channel or try may follow.
async fn settle(app: &App, attempt: &Attempt<'_>, tried: Tried) -> Result<Tried, AwsError> {
    if matches!(tried, Tried::PassedOver(..) | Tried::Later { .. })
        && !app.notifications.not_sent(attempt.id, attempt.number).await?
    {
        return Ok(Tried::Lost);
    }
    Ok(tried)
}

/// What WeChat's answer to a call means that WeChat itself keeps from doubling.
fn of_call(
    sent: Result<Accepted, TokenError>,
    wechat_app: &WeChatApp,
    kind: ChannelKind,
    now: Timestamp,
) -> Tried {
    let error = match sent {
        Ok(accepted) => {
            return Tried::Sent { app: wechat_app.clone(), message_id: accepted.message_id() };
        }
        Err(error) => error,
    };
    match &error {
        TokenError::Call(CallError::Refused { refusal, .. }) => match waits_until(refusal, now) {
            Some(at) => Tried::Later { reason: error.to_string(), at },
            None => Tried::PassedOver(
                PassedOver::refused(kind, &wechat_app.alias, refusal),
                why(refusal),
            ),
        },
        TokenError::Call(CallError::Unknown { .. }) => Tried::Unknown { reason: error.to_string() },
        TokenError::Call(CallError::NotSent { .. }) => {
            Tried::Later { reason: error.to_string(), at: now.plus(SOON) }
        }
        TokenError::NotRenewed { .. } | TokenError::Parameter(_) | TokenError::Aws(_) => {
            Tried::Later { reason: error.to_string(), at: now.plus(LATER) }
        }
    }
}

/// The same for a call that a repeat could double: -1 ("system error") doesn't
/// say that nothing was sent.
fn of_unrepeatable_call(
    sent: Result<Accepted, TokenError>,
    wechat_app: &WeChatApp,
    kind: ChannelKind,
    now: Timestamp,
) -> Tried {
    let system_error = matches!(
        &sent,
        Err(TokenError::Call(CallError::Refused { refusal: Refusal { code: -1, .. }, .. }))
    );
    match of_call(sent, wechat_app, kind, now) {
        Tried::Later { reason, .. } if system_error => Tried::Unknown { reason },
        tried => tried,
    }
}

/// What a refusal says of the person: WeChat may know better than our tables
/// who has consented, and who can be written to.
fn why(refusal: &Refusal) -> Why {
    match (refusal.class(), refusal.code) {
        (_, 43101) => Why::NoPermit,
        (Class::Unreachable, _) | (_, 45047) => Why::NoRoute,
        _ => Why::Refused,
    }
}

/// When a refused call may be repeated; never if it has to be changed first, or
/// the person can't be reached in this way.
fn waits_until(refusal: &Refusal, now: Timestamp) -> Option<Timestamp> {
    match (refusal.class(), refusal.code) {
        (Class::Quota, 45009) => {
            let today = (now.0 + CHINA) % 86_400;
            Some(now.plus(86_400 - today))
        }
        // The person has to write first.
        (Class::Quota, 45047) | (Class::Unreachable | Class::Configuration | Class::Fault, _) => {
            None
        }
        (Class::Quota | Class::Retry | Class::Token, _) => Some(now.plus(LATER)),
    }
}

/// A card with its fields filled in.
struct Card {
    data: Data,
    /// The address or page that a tap opens.
    place: Option<String>,
}

impl Card {
    fn of(
        fields: &BTreeMap<String, String>,
        data: &BTreeMap<String, String>,
        place: Option<&str>,
    ) -> Result<Self, String> {
        let filled =
            data.iter().map(|(key, text)| Ok((key.clone(), Value { value: fill(text, fields)? })));
        let filled: Result<_, shared::parameters::UnknownField> = filled.collect();
        let place = place.map(|text| fill(text, fields)).transpose();
        match (filled, place) {
            (Ok(data), Ok(place)) => Ok(Self { data: Data(data), place }),
            (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
        }
    }
}

/// The mini program's page that a tap on a template message opens.
fn target<'a>(
    app: &'a App,
    mini_program: Option<&MiniProgramPage>,
    fields: &BTreeMap<String, String>,
) -> Result<Option<(&'a WeChatApp, Option<String>)>, String> {
    let Some(MiniProgramPage { app: alias, page }) = mini_program else { return Ok(None) };
    let target = app
        .apps
        .by_alias(alias)
        .ok_or("the template opens a mini program that is not under /apps")?;
    let page = page
        .as_deref()
        .map(|page| fill(page, fields))
        .transpose()
        .map_err(|error| error.to_string())?;
    Ok(Some((target, page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: i64) -> Refusal {
        Refusal { code, message: String::new(), rid: None }
    }

    #[test]
    fn a_daily_quota_waits_for_midnight_in_china() {
        // 2023-11-14 22:13:20 UTC is 06:13:20 of the 15th in China.
        let now = Timestamp(1_700_000_000);
        let at = waits_until(&refusal(45009), now).unwrap();
        assert_eq!((at.0 + CHINA) % 86_400, 0);
        assert_eq!(at.seconds_since(now), 86_400 - (6 * 3600 + 13 * 60 + 20));
    }

    #[test]
    fn a_refusal_may_mean_that_the_person_can_not_be_reached() {
        assert_eq!(why(&refusal(43101)), Why::NoPermit);
        for code in [43004, 45015, 45047, 48002] {
            assert_eq!(why(&refusal(code)), Why::NoRoute, "{code}");
        }
        for code in [47003, 40037, 48001] {
            assert_eq!(why(&refusal(code)), Why::Refused, "{code}");
        }
    }

    #[test]
    fn what_a_human_must_change_does_not_wait() {
        for code in [43101, 43004, 47003, 40037, 48001, 45015, 45047] {
            assert_eq!(waits_until(&refusal(code), Timestamp(0)), None, "{code}");
        }
        for code in [-1, 45011, 40001, 43108] {
            assert!(waits_until(&refusal(code), Timestamp(0)).is_some(), "{code}");
        }
    }
}
