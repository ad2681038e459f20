//! A subscription notification of an Official Account (订阅通知), which needs a consent.
//! WeChat drops repeats.

use super::context::{ChannelContext, FillError, Keys};
use shared::parameters::MiniProgramPage;
use shared::wechat::field::MessageKind;
use shared::wechat::message::{BizsendMessage, SendRequest};
use shared::wechat::text::TextKind;

pub(super) fn message(
    context: ChannelContext<'_>,
    template_id: &str,
    data: &Keys,
    page: &Option<String>,
    mini_program: &Option<MiniProgramPage>,
) -> Result<SendRequest, FillError> {
    let message = BizsendMessage {
        touser: &context.route.open_id,
        template_id,
        data: &context.fill_data(data, MessageKind::Subscribe)?,
        page: context.fill_address(TextKind::Web, page)?.as_deref(),
        miniprogram: context.mini_program(mini_program)?,
        client_msg_id: context.client_msg_id,
    }
    .request();
    Ok(message)
}
