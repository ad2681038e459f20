//! A template message of an Official Account, for its followers.

use super::{Place, Tried, Why, filled};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{Apps, Content, MiniProgramPage, fill};
use shared::wechat::field::Message;
use shared::wechat::id::AppId;
use shared::wechat::message::{MiniProgram, TemplateMessage};
use std::collections::BTreeMap;

/// The channel's part of the business's template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, Content>,
    pub(super) url: &'a Option<String>,
    pub(super) mini_program: &'a Option<MiniProgramPage>,
}

/// Sends it, if the person follows. WeChat keeps a repeat from doubling.
pub(super) async fn attempt(
    app: &App,
    place: Place<'_>,
    card: Card<'_>,
) -> Result<Tried, AwsError> {
    let attempt = place.attempt;
    if !place.route.follows {
        return Ok(place.passed("the person does not follow this Official Account", Why::NoRoute));
    }
    let data = match filled(card.data, Message::Template, attempt.fields) {
        Ok(data) => data,
        Err(unfit) => return Ok(place.unfit(&unfit)),
    };
    let opened = card.mini_program.as_ref().map(|page| opened(attempt.apps, page, attempt.fields));
    let (url, opened) = match (
        card.url.as_deref().map(|url| fill(url, attempt.fields)).transpose(),
        opened.transpose(),
    ) {
        (Ok(url), Ok(opened)) => (url, opened),
        (Err(error), _) => return Ok(place.passed(error.to_string(), Why::Refused)),
        (_, Err(reason)) => return Ok(place.passed(reason, Why::Refused)),
    };
    let message = TemplateMessage {
        touser: &place.route.open_id,
        template_id: card.template_id,
        url: url.as_deref(),
        miniprogram: opened
            .as_ref()
            .map(|(appid, page)| MiniProgram { appid, pagepath: page.as_deref() }),
        client_msg_id: &attempt.client_msg_id,
        data: &data,
    };
    let sent = app
        .tokens
        .call(place.app, attempt.now, async |token| app.wechat.send_template(token, &message).await)
        .await;
    Ok(place.of_call(sent))
}

/// The mini program, and its page, that a tap opens.
fn opened<'a>(
    apps: &'a Apps,
    target: &MiniProgramPage,
    fields: &BTreeMap<String, String>,
) -> Result<(&'a AppId, Option<String>), String> {
    let app = apps
        .by_alias(&target.app)
        .ok_or("the template opens a mini program that is not under /apps")?;
    let page = target.page.as_deref().map(|page| fill(page, fields)).transpose();
    Ok((&app.app_id, page.map_err(|error| error.to_string())?))
}
