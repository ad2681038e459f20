//! A customer-service message (客服消息), which needs an open reply window.

use super::context::{ChannelContext, Preparation, SkipReason};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{AppKind, fill_as};
use shared::store::Entitlement;
use shared::wechat::customer_service::CustomerServiceMessage;

/// Ready if a reply window is open.
pub(super) async fn prepare(
    app: &App,
    context: ChannelContext<'_>,
    message: &CustomerServiceMessage,
) -> Result<Preparation, AwsError> {
    let ChannelContext { app: wechat_app, route, .. } = context;
    // Unfollowing closes every window.
    if wechat_app.kind == AppKind::OfficialAccount && !route.follows {
        return Ok(context.skip_unfollowed());
    }
    let filled = message.map(|kind, text| fill_as(kind, text, context.fields));
    let message = match filled {
        Ok(message) => message,
        Err(unfillable) => return Ok(context.skip_unfillable(unfillable.into())),
    };
    if let Some(problem) = message.problem() {
        return Ok(context.skip(format!("as filled, {problem}"), SkipReason::Refused));
    }
    let windows = &app.entitlements.reply_windows;
    let open =
        windows.find_slot(&wechat_app.app_id, &route.open_id, context.id, context.now).await?;
    let Some((window, _)) = open else {
        return Ok(context.skip(
            "the person has not been in touch lately: no customer-service window is open",
            SkipReason::Unreachable,
        ));
    };
    let message = message.request(&route.open_id);
    Ok(context.ready(message, None, Some(Entitlement::WindowSlot(window))))
}
