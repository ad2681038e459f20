//! A subscription message of a mini program (订阅消息), which needs a consent.

use super::context::{ChannelContext, FillError, Preparation, SkipReason};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::FieldSource;
use shared::store::{ConsentKey, Entitlement};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{SendRequest, SubscribeMessage};
use std::collections::BTreeMap;

/// The channel's part of the template.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelTemplate<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) page: &'a Option<String>,
    pub(super) state: &'a Option<String>,
    pub(super) lang: &'a Option<String>,
    pub(super) long_term: bool,
}

/// Ready if the data fits WeChat's keys and there is a consent.
pub(super) async fn prepare(
    app: &App,
    context: ChannelContext<'_>,
    template: ChannelTemplate<'_>,
) -> Result<Preparation, AwsError> {
    let message = match message(context, template) {
        Ok(message) => message,
        Err(error) => return Ok(context.skip_unfillable(error)),
    };
    with_consent(app, context, template.template_id, template.long_term, message).await
}

/// Ready if there is a consent to this message, which a one-time template uses up.
pub(super) async fn with_consent(
    app: &App,
    context: ChannelContext<'_>,
    template_id: &str,
    long_term: bool,
    message: SendRequest,
) -> Result<Preparation, AwsError> {
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

fn message(
    context: ChannelContext<'_>,
    template: ChannelTemplate<'_>,
) -> Result<SendRequest, FillError> {
    let data = context.fill_data(template.data, MessageKind::Subscribe)?;
    let page = context.fill_address(template.page)?;
    let message = SubscribeMessage {
        touser: &context.route.open_id,
        template_id: template.template_id,
        page: page.as_deref(),
        miniprogram_state: template.state.as_deref(),
        lang: template.lang.as_deref(),
        data: &data,
    };
    Ok(message.request())
}
