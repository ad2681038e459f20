//! One channel: can the person be reached through it, and with what message?
//! Nothing is written here, so a dry run does the same.

mod bizsend;
mod customer_service;
mod legacy_template;
mod subscribe;
mod template;

use crate::app::App;
use crate::report::SkippedChannel;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{
    Apps, Channel, ChannelKind, CustomerService, FieldSource, InvalidValue, MiniProgramPage,
    UnknownField, WeChatApp, fill_address,
};
use shared::store::{AppIdentity, Entitlement, SendIntent};
use shared::wechat::field::MessageKind;
use shared::wechat::id::AppId;
use shared::wechat::message::{SendRequest, TemplateData, TemplateValue};
use std::collections::BTreeMap;

/// What a channel needs to know of a notification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The notification's id.
    pub(crate) id: &'a str,
    pub(crate) kind: ChannelKind,
    /// The app that speaks.
    pub(crate) app: &'a WeChatApp,
    /// The person, in this app.
    pub(crate) route: &'a AppIdentity,
    /// The apps there are.
    pub(crate) apps: &'a Apps,
    /// The template's fields.
    pub(crate) fields: &'a BTreeMap<String, String>,
    /// By which WeChat drops a repeat.
    pub(crate) client_msg_id: &'a str,
    pub(crate) now: Timestamp,
}

/// Whether a channel does.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// It does.
    Ready(Ready),
    /// It doesn't; the next one may.
    SkippedChannel(SkippedChannel, Why),
}

/// A message that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) message: SendRequest,
    /// What sending it uses up, if anything.
    pub(crate) entitlement: Option<Entitlement>,
    /// What a lost answer would leave in doubt.
    pub(crate) intent: SendIntent,
}

/// Why a channel was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The person is not known in the app, or can't be written to there.
    Unreachable,
    /// The person has not consented.
    NoConsent,
    /// WeChat said no, or would have.
    Refused,
}

/// Looks whether a channel does.
///
/// # Errors
///
/// When AWS doesn't answer.
pub(crate) async fn prepare(
    app: &App,
    channel: &Channel,
    place: Place<'_>,
) -> Result<Prepared, AwsError> {
    match channel {
        Channel::Template { template_id, data, url, mini_program, .. } => {
            let card = template::Card { template_id, data, url, mini_program };
            Ok(template::prepare(place, card))
        }
        Channel::Subscribe { template_id, data, page, state, lang, long_term, .. } => {
            let card =
                subscribe::Card { template_id, data, page, state, lang, long_term: *long_term };
            subscribe::prepare(app, place, card).await
        }
        Channel::Bizsend { template_id, data, page, mini_program, long_term, .. } => {
            let card =
                bizsend::Card { template_id, data, page, mini_program, long_term: *long_term };
            bizsend::prepare(app, place, card).await
        }
        Channel::CustomerService(CustomerService { message, .. }) => {
            customer_service::prepare(app, place, message).await
        }
        Channel::LegacyTemplate { template_id, data, page, emphasis_keyword, .. } => {
            let card = legacy_template::Card { template_id, data, page, emphasis_keyword };
            legacy_template::prepare(app, place, card).await
        }
    }
}

impl Place<'_> {
    /// The channel doesn't do.
    fn passed(&self, reason: impl Into<String>, why: Why) -> Prepared {
        Prepared::SkippedChannel(SkippedChannel::unasked(self.kind, &self.app.alias, reason), why)
    }

    /// The template can't be filled.
    fn unfillable(&self, fault: Fault) -> Prepared {
        let mut skipped = SkippedChannel::unasked(self.kind, &self.app.alias, fault.reason);
        skipped.advice = Some(fault.advice.to_owned());
        Prepared::SkippedChannel(skipped, Why::Refused)
    }

    /// The channel does.
    fn ready(
        &self,
        message: SendRequest,
        template_id: Option<&str>,
        entitlement: Option<Entitlement>,
    ) -> Prepared {
        let open_id = &self.route.open_id;
        let intent = SendIntent::new(self.kind, &self.app.app_id, template_id, open_id, self.now);
        Prepared::Ready(Ready { message, entitlement, intent })
    }

    /// Fills every key of a card.
    fn filled(
        &self,
        data: &BTreeMap<String, FieldSource>,
        message: MessageKind,
    ) -> Result<TemplateData, Fault> {
        let filled = data.iter().map(|(key, content)| {
            Ok((key.clone(), TemplateValue { value: content.fill(key, message, self.fields)? }))
        });
        filled.collect::<Result<_, InvalidValue>>().map(TemplateData).map_err(Fault::from)
    }

    /// Fills an address, if there is one.
    fn address(&self, text: &Option<String>) -> Result<Option<String>, Fault> {
        Ok(text.as_deref().map(|text| fill_address(text, self.fields)).transpose()?)
    }

    /// The mini program, and its page, that a tap opens.
    fn opened(
        &self,
        target: &Option<MiniProgramPage>,
    ) -> Result<Option<(&AppId, Option<String>)>, Fault> {
        let Some(target) = target else { return Ok(None) };
        let app = self.apps.by_alias(&target.app).ok_or_else(|| Fault {
            reason: "the template opens a mini program that is not under /apps".to_owned(),
            advice: "correct the alias in the template, or store the app under /apps",
        })?;
        Ok(Some((&app.app_id, self.address(&target.page)?)))
    }
}

/// The template and the data don't go together.
#[derive(Debug)]
struct Fault {
    reason: String,
    advice: &'static str,
}

impl From<InvalidValue> for Fault {
    /// WeChat would have refused, with 47003.
    fn from(unfit: InvalidValue) -> Self {
        Self { reason: unfit.to_string(), advice: unfit.advice() }
    }
}

impl From<UnknownField> for Fault {
    fn from(unknown: UnknownField) -> Self {
        let advice = "correct the name, or add the field to the template";
        Self { reason: unknown.to_string(), advice }
    }
}
