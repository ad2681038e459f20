//! A subscription message of a mini program, for whoever has consented to one.

use super::{Fault, Place, Prepared, Why};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::FieldSource;
use shared::store::{ConsentKey, Entitlement};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{SendRequest, SubscribeMessage};
use std::collections::BTreeMap;

/// The channel's part of the business's template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) page: &'a Option<String>,
    pub(super) state: &'a Option<String>,
    pub(super) lang: &'a Option<String>,
    pub(super) long_term: bool,
}

/// Does if its keys take what they are to show, and there is a consent.
pub(super) async fn prepare(
    app: &App,
    place: Place<'_>,
    card: Card<'_>,
) -> Result<Prepared, AwsError> {
    let message = match message(place, card) {
        Ok(message) => message,
        Err(fault) => return Ok(place.unfillable(fault)),
    };
    consent(app, place, card.template_id, card.long_term, message).await
}

/// Looks for a consent to a message that is ready but for that. One to a template
/// of which each message needs its own is used up by it.
pub(super) async fn consent(
    app: &App,
    place: Place<'_>,
    template_id: &str,
    long_term: bool,
    message: SendRequest,
) -> Result<Prepared, AwsError> {
    let key = ConsentKey { app_id: &place.app.app_id, open_id: &place.route.open_id, template_id };
    let Some(consent) = app.users.open_consents(key, place.id).await?.into_iter().next() else {
        return Ok(place.passed("the person has not consented to this message", Why::NoConsent));
    };
    let entitlement = if long_term {
        Entitlement::LongTermConsent(consent)
    } else {
        Entitlement::Consent(consent)
    };
    Ok(place.ready(message, Some(template_id), Some(entitlement)))
}

fn message(place: Place<'_>, card: Card<'_>) -> Result<SendRequest, Fault> {
    let data = place.filled(card.data, MessageKind::Subscribe)?;
    let page = place.address(card.page)?;
    let message = SubscribeMessage {
        touser: &place.route.open_id,
        template_id: card.template_id,
        page: page.as_deref(),
        miniprogram_state: card.state.as_deref(),
        lang: card.lang.as_deref(),
        data: &data,
    };
    Ok(message.request())
}
