//! A subscription message of a mini program (订阅消息), which needs a consent.

use super::context::{ChannelContext, FillError, Keys, Preparation, SkipReason};
use crate::app::App;
use shared::aws::AwsError;
use shared::store::{ConsentKey, Entitlement};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{SendRequest, SubscribeMessage};
use shared::wechat::text::TextKind;

/// Ready if the data fits WeChat's keys and there is a consent to this message, which a
/// one-time template uses up.
pub(super) async fn with_consent(
    app: &App,
    context: ChannelContext<'_>,
    template_id: &str,
    long_term: bool,
    message: Result<SendRequest, FillError>,
) -> Result<Preparation, AwsError> {
    let message = match message {
        Ok(message) => message,
        Err(error) => return Ok(context.skip_unfillable(error)),
    };
    let key =
        ConsentKey { app_id: &context.app.app_id, open_id: &context.route.open_id, template_id };
    let Some(consent) = app.entitlements.consents.open(key, context.id).await?.into_iter().next()
    else {
        return Ok(
            context.skip("the person has not consented to this message", SkipReason::NoConsent)
        );
    };
    let entitlement = if long_term {
        Entitlement::LongTermConsent(consent)
    } else {
        Entitlement::Consent(consent)
    };
    Ok(context.ready(message, Some(template_id), Some(entitlement)))
}

pub(super) fn message(
    context: ChannelContext<'_>,
    template_id: &str,
    data: &Keys,
    page: &Option<String>,
    state: Option<&str>,
    lang: Option<&str>,
) -> Result<SendRequest, FillError> {
    let message = SubscribeMessage {
        touser: &context.route.open_id,
        template_id,
        data: &context.fill_data(data, MessageKind::Subscribe)?,
        page: context.fill_address(TextKind::Page, page)?.as_deref(),
        miniprogram_state: state,
        lang,
    }
    .request();
    Ok(message)
}
