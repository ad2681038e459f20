//! A template message of an Official Account (模板消息), for its followers.

use super::context::{ChannelContext, FillError, Preparation, SkipReason};
use shared::parameters::{FieldSource, MiniProgramPage};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{MiniProgram, SendRequest, TemplateMessage};
use std::collections::BTreeMap;

/// The channel's part of the template.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelTemplate<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) url: &'a Option<String>,
    pub(super) mini_program: &'a Option<MiniProgramPage>,
}

/// Ready if the person follows. WeChat drops repeats.
pub(super) fn prepare(context: ChannelContext<'_>, template: ChannelTemplate<'_>) -> Preparation {
    if !context.route.follows {
        return context
            .skip("the person does not follow this Official Account", SkipReason::Unreachable);
    }
    match message(context, template) {
        Ok(message) => context.ready(message, Some(template.template_id), None),
        Err(error) => context.skip_unfillable(error),
    }
}

fn message(
    context: ChannelContext<'_>,
    template: ChannelTemplate<'_>,
) -> Result<SendRequest, FillError> {
    let data = context.fill_data(template.data, MessageKind::Template)?;
    let url = context.fill_address(template.url)?;
    let mini_program = context.mini_program(template.mini_program)?;
    let message = TemplateMessage {
        touser: &context.route.open_id,
        template_id: template.template_id,
        url: url.as_deref(),
        miniprogram: mini_program
            .as_ref()
            .map(|(appid, page)| MiniProgram { appid, pagepath: page.as_deref() }),
        client_msg_id: context.client_msg_id,
        data: &data,
    };
    Ok(message.request())
}
