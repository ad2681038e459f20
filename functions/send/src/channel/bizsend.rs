//! A subscription notification of an Official Account (订阅通知), for whoever has
//! consented to one.

use super::subscribe::consent;
use super::{Fault, Place, Prepared};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{FieldSource, MiniProgramPage};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{BizsendMessage, MiniProgram, SendRequest};
use std::collections::BTreeMap;

/// The channel's part of the business's template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) page: &'a Option<String>,
    pub(super) mini_program: &'a Option<MiniProgramPage>,
    pub(super) long_term: bool,
}

/// Does if there is a consent. WeChat keeps a repeat from doubling.
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

fn message(place: Place<'_>, card: Card<'_>) -> Result<SendRequest, Fault> {
    let data = place.filled(card.data, MessageKind::Subscribe)?;
    let page = place.address(card.page)?;
    let opened = place.opened(card.mini_program)?;
    let message = BizsendMessage {
        touser: &place.route.open_id,
        template_id: card.template_id,
        page: page.as_deref(),
        miniprogram: opened
            .as_ref()
            .map(|(appid, page)| MiniProgram { appid, pagepath: page.as_deref() }),
        client_msg_id: place.client_msg_id,
        data: &data,
    };
    Ok(message.request())
}
