//! A subscription notification of an Official Account (订阅通知), which needs a consent.

use super::context::{ChannelContext, FillError, Preparation};
use super::subscription_message::with_consent;
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{FieldSource, MiniProgramPage};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{BizsendMessage, MiniProgram, SendRequest};
use std::collections::BTreeMap;

/// The channel's part of the template.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelTemplate<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) page: &'a Option<String>,
    pub(super) mini_program: &'a Option<MiniProgramPage>,
    pub(super) long_term: bool,
}

/// Ready if there is a consent. WeChat drops repeats.
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

fn message(
    context: ChannelContext<'_>,
    template: ChannelTemplate<'_>,
) -> Result<SendRequest, FillError> {
    let data = context.fill_data(template.data, MessageKind::Subscribe)?;
    let page = context.fill_address(template.page)?;
    let mini_program = context.mini_program(template.mini_program)?;
    let message = BizsendMessage {
        touser: &context.route.open_id,
        template_id: template.template_id,
        page: page.as_deref(),
        miniprogram: mini_program
            .as_ref()
            .map(|(appid, page)| MiniProgram { appid, pagepath: page.as_deref() }),
        client_msg_id: context.client_msg_id,
        data: &data,
    };
    Ok(message.request())
}
