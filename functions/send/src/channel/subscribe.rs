//! A subscription message of a mini program, for whoever has consented to one.

use super::{Place, Tried, Why, filled};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{Content, fill};
use shared::store::{Permit, PermitKey};
use shared::wechat::field::Message;
use shared::wechat::message::SubscribeMessage;
use std::collections::BTreeMap;

/// The channel's part of the business's template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, Content>,
    pub(super) page: &'a Option<String>,
    pub(super) state: &'a Option<String>,
    pub(super) lang: &'a Option<String>,
}

/// Sends it, if its keys take what they are to show, and there is a permit,
/// which is touched last. A repeat could double it, so it's announced.
pub(super) async fn attempt(
    app: &App,
    place: Place<'_>,
    card: Card<'_>,
) -> Result<Tried, AwsError> {
    let attempt = place.attempt;
    let data = match filled(card.data, Message::Subscribe, attempt.fields) {
        Ok(data) => data,
        Err(unfit) => return Ok(place.unfit(&unfit)),
    };
    let page = match card.page.as_deref().map(|page| fill(page, attempt.fields)).transpose() {
        Ok(page) => page,
        Err(error) => return Ok(place.passed(error.to_string(), Why::Refused)),
    };
    let key = PermitKey {
        app_id: &place.app.app_id,
        open_id: &place.route.open_id,
        template_id: card.template_id,
    };
    let Some(permit) = app.users.reserve_permit(key, attempt.id).await? else {
        return Ok(place.passed("the person has not consented to this message", Why::NoPermit));
    };
    if !place.announce(app).await? {
        app.users.give_back_permit(&permit, key, attempt.now).await?;
        return Ok(Tried::Lost);
    }
    let message = SubscribeMessage {
        touser: &place.route.open_id,
        template_id: card.template_id,
        page: page.as_deref(),
        miniprogram_state: card.state.as_deref(),
        lang: card.lang.as_deref(),
        data: &data,
    };
    let sent = app
        .tokens
        .call(place.app, attempt.now, async |token| {
            app.wechat.send_subscribe(token, &message).await
        })
        .await;
    let tried = place.of_call(sent);
    // What became of the message is worth more than what becomes of the permit.
    if let Err(error) = end(app, place, &tried, &permit, key).await {
        tracing::error!(id = attempt.id, "a permit stays reserved: {error}");
    }
    place.settle(app, tried).await
}

/// What becomes of the permit.
async fn end(
    app: &App,
    place: Place<'_>,
    tried: &Tried,
    permit: &Permit,
    key: PermitKey<'_>,
) -> Result<(), AwsError> {
    match tried {
        Tried::Sent { .. } => app.users.use_permit(permit, place.attempt.now).await,
        Tried::PassedOver(refused, _) if refused.code == Some(43101) => {
            tracing::warn!(
                id = place.attempt.id,
                app = place.app.alias,
                "WeChat knows of no consent, our count does"
            );
            app.users.burn_permit(permit, key, place.attempt.now).await
        }
        Tried::PassedOver(..) | Tried::Later { .. } => {
            app.users.give_back_permit(permit, key, place.attempt.now).await
        }
        Tried::Unknown { .. } | Tried::Lost => Ok(()),
    }
}
