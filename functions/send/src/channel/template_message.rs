//! A template message of an Official Account (模板消息), for its followers.

use super::context::{ChannelContext, FillError, Keys, Preparation};
use shared::parameters::MiniProgramPage;
use shared::wechat::field::MessageKind;
use shared::wechat::message::{SendRequest, TemplateMessage};
use shared::wechat::text::TextKind;

/// Ready if the person follows. WeChat drops repeats.
pub(super) fn prepare(
    context: ChannelContext<'_>,
    template_id: &str,
    data: &Keys,
    url: &Option<String>,
    mini_program: &Option<MiniProgramPage>,
) -> Preparation {
    if !context.route.follows {
        return context.skip_unfollowed();
    }
    match message(context, template_id, data, url, mini_program) {
        Ok(message) => context.ready(message, Some(template_id), None),
        Err(error) => context.skip_unfillable(error),
    }
}

fn message(
    context: ChannelContext<'_>,
    template_id: &str,
    data: &Keys,
    url: &Option<String>,
    mini_program: &Option<MiniProgramPage>,
) -> Result<SendRequest, FillError> {
    let message = TemplateMessage {
        touser: &context.route.open_id,
        template_id,
        data: &context.fill_data(data, MessageKind::Template)?,
        url: context.fill_address(TextKind::Web, url)?.as_deref(),
        miniprogram: context.mini_program(mini_program)?,
        client_msg_id: context.client_msg_id,
    }
    .request();
    Ok(message)
}
