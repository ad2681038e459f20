//! A template message of a mini program by a form id, for whoever has submitted a
//! form within the last seven days. WeChat retired it on 2020-01-10.

use super::{Fault, Place, Prepared, Why};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::FieldSource;
use shared::store::Entitlement;
use shared::wechat::field::MessageKind;
use shared::wechat::message::{LegacyTemplateMessage, SendRequest};
use std::collections::BTreeMap;

/// The channel's part of the business's template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) page: &'a Option<String>,
    pub(super) emphasis_keyword: &'a Option<String>,
}

/// Does if there is a form id; the oldest is used first.
pub(super) async fn prepare(
    app: &App,
    place: Place<'_>,
    card: Card<'_>,
) -> Result<Prepared, AwsError> {
    let (app_id, open_id) = (&place.app.app_id, &place.route.open_id);
    let forms = app.users.open_form_ids(app_id, open_id, place.id, place.now).await?;
    let Some(form) = forms.into_iter().next() else {
        return Ok(place.passed(
            "the person has submitted no form in this mini program within the last seven days",
            Why::Unreachable,
        ));
    };
    Ok(match message(place, card, form.form_id().as_str()) {
        Ok(message) => {
            place.ready(message, Some(card.template_id), Some(Entitlement::FormId(form)))
        }
        Err(fault) => place.unfillable(fault),
    })
}

fn message(place: Place<'_>, card: Card<'_>, form_id: &str) -> Result<SendRequest, Fault> {
    let data = place.filled(card.data, MessageKind::Template)?;
    let page = place.address(card.page)?;
    // A template names its keys without it, here as in its data.
    let emphasis = card.emphasis_keyword.as_ref().map(|key| format!("{key}.DATA"));
    let message = LegacyTemplateMessage {
        touser: &place.route.open_id,
        template_id: card.template_id,
        page: page.as_deref(),
        form_id,
        data: &data,
        emphasis_keyword: emphasis.as_deref(),
    };
    Ok(message.request())
}
