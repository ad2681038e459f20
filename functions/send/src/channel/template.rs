//! A template message of an Official Account, for its followers.

use super::{Fault, Place, Prepared, Why};
use shared::parameters::{FieldSource, MiniProgramPage};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{MiniProgram, SendRequest, TemplateMessage};
use std::collections::BTreeMap;

/// The channel's part of the business's template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) url: &'a Option<String>,
    pub(super) mini_program: &'a Option<MiniProgramPage>,
}

/// Does if the person follows. WeChat keeps a repeat from doubling.
pub(super) fn prepare(place: Place<'_>, card: Card<'_>) -> Prepared {
    if !place.route.follows {
        return place.passed("the person does not follow this Official Account", Why::Unreachable);
    }
    match message(place, card) {
        Ok(message) => place.ready(message, Some(card.template_id), None),
        Err(fault) => place.unfillable(fault),
    }
}

fn message(place: Place<'_>, card: Card<'_>) -> Result<SendRequest, Fault> {
    let data = place.filled(card.data, MessageKind::Template)?;
    let url = place.address(card.url)?;
    let opened = place.opened(card.mini_program)?;
    let message = TemplateMessage {
        touser: &place.route.open_id,
        template_id: card.template_id,
        url: url.as_deref(),
        miniprogram: opened
            .as_ref()
            .map(|(appid, page)| MiniProgram { appid, pagepath: page.as_deref() }),
        client_msg_id: place.client_msg_id,
        data: &data,
    };
    Ok(message.request())
}
