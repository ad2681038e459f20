//! One channel: can the person be reached through it, and what does WeChat say?

mod customer_service;
mod subscribe;
mod template;

use crate::app::App;
use crate::attempt::Attempt;
use crate::report::PassedOver;
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{App as WeChatApp, Channel, ChannelKind, Content, Unfit};
use shared::store::Route;
use shared::wechat::client::Error as CallError;
use shared::wechat::field::Message;
use shared::wechat::message::{Accepted, Data, Value};
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

/// What a channel needs to know of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) attempt: &'a Attempt<'a>,
    pub(crate) kind: ChannelKind,
    /// The app that speaks.
    pub(crate) app: &'a WeChatApp,
    /// The person, in this app.
    pub(crate) route: &'a Route,
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
    let unasked =
        |reason, why| Ok(Tried::PassedOver(PassedOver::unasked(kind, channel.app(), reason), why));
    let Some(wechat_app) = attempt.apps.by_alias(channel.app()) else {
        return unasked("the template names an app that is not under /apps", Why::Refused);
    };
    let Some(route) = routes.iter().find(|route| route.app_id == wechat_app.app_id) else {
        return unasked("the person has never been seen in this app", Why::NoRoute);
    };
    let place = Place { attempt, kind, app: wechat_app, route };
    match channel {
        Channel::Template { template_id, data, url, mini_program, .. } => {
            let card = template::Card { template_id, data, url, mini_program };
            template::attempt(app, place, card).await
        }
        Channel::Subscribe { template_id, data, page, state, lang, .. } => {
            let card = subscribe::Card { template_id, data, page, state, lang };
            subscribe::attempt(app, place, card).await
        }
        Channel::CustomerService { text, .. } => customer_service::attempt(app, place, text).await,
    }
}

impl Place<'_> {
    /// The channel doesn't do, and WeChat wasn't asked.
    fn passed(&self, reason: impl Into<String>, why: Why) -> Tried {
        Tried::PassedOver(PassedOver::unasked(self.kind, &self.app.alias, reason), why)
    }

    /// One of WeChat's keys can't show what it was to be filled with. WeChat
    /// would have refused, with 47003.
    fn unfit(&self, unfit: &Unfit) -> Tried {
        let mut passed_over = PassedOver::unasked(self.kind, &self.app.alias, unfit.to_string());
        passed_over.advice = Some(unfit.advice().to_owned());
        Tried::PassedOver(passed_over, Why::Refused)
    }

    /// What WeChat's answer to a call means that WeChat itself keeps from
    /// doubling. -1 ("system error") doesn't say that nothing was sent.
    fn of_call(&self, sent: Result<Accepted, TokenError>) -> Tried {
        let now = self.attempt.now;
        let error = match sent {
            Ok(accepted) => {
                return Tried::Sent { app: self.app.clone(), message_id: accepted.message_id() };
            }
            Err(error) => error,
        };
        let reason = error.to_string();
        match error {
            TokenError::Call(CallError::Refused { refusal, .. }) => {
                match waits_until(&refusal, now) {
                    _ if refusal.code == -1 => Tried::Unknown { reason },
                    Some(at) => Tried::Later { reason, at },
                    None => Tried::PassedOver(
                        PassedOver::refused(self.kind, &self.app.alias, &refusal),
                        why(&refusal),
                    ),
                }
            }
            TokenError::Call(CallError::Unknown { .. }) => Tried::Unknown { reason },
            TokenError::Call(CallError::NotSent { .. }) => {
                Tried::Later { reason, at: now.plus(SOON) }
            }
            TokenError::NotRenewed { .. } => Tried::Later { reason, at: now.plus(LATER) },
        }
    }

    /// Announces a call that must not be repeated. False if the notification
    /// is no longer ours.
    async fn announce(&self, app: &App) -> Result<bool, AwsError> {
        app.notifications.about_to_send(self.attempt.id, self.attempt.number).await
    }

    /// If an announced call certainly sent nothing, the announcement is taken
    /// back, so that another channel or try may follow.
    async fn settle(&self, app: &App, tried: Tried) -> Result<Tried, AwsError> {
        if matches!(tried, Tried::PassedOver(..) | Tried::Later { .. })
            && !app.notifications.not_sent(self.attempt.id, self.attempt.number).await?
        {
            return Ok(Tried::Lost);
        }
        Ok(tried)
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
        (Class::Quota, 45047)
        | (Class::Unreachable | Class::Configuration | Class::Login | Class::Fault, _) => None,
        (Class::Quota | Class::Retry | Class::Token, _) => Some(now.plus(LATER)),
    }
}

/// Fills every key of a card.
fn filled(
    data: &BTreeMap<String, Content>,
    message: Message,
    fields: &BTreeMap<String, String>,
) -> Result<Data, Unfit> {
    data.iter()
        .map(|(key, content)| {
            Ok((key.clone(), Value { value: content.fill(key, message, fields)? }))
        })
        .collect::<Result<_, _>>()
        .map(Data)
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
