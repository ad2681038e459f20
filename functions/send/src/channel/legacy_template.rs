//! A template message of a mini program, which needs a form id of the last seven days.
//! WeChat retired it on 2020-01-10.

use super::context::{ChannelContext, FillError, Keys, Preparation, SkipReason};
use crate::app::App;
use shared::aws::AwsError;
use shared::store::Entitlement;
use shared::wechat::field::MessageKind;
use shared::wechat::message::{LegacyTemplateMessage, SendRequest};
use shared::wechat::text::TextKind;

/// Ready if there is a form id; the oldest is used first.
pub(super) async fn prepare(
    app: &App,
    context: ChannelContext<'_>,
    template_id: &str,
    data: &Keys,
    page: &Option<String>,
    emphasis_keyword: &Option<String>,
) -> Result<Preparation, AwsError> {
    let (app_id, open_id) = (&context.app.app_id, &context.route.open_id);
    let forms = app.entitlements.form_ids.open(app_id, open_id, context.id, context.now).await?;
    let Some(form) = forms.into_iter().next() else {
        return Ok(context.skip(
            "the person has submitted no form in this mini program within the last seven days",
            SkipReason::Unreachable,
        ));
    };
    // WeChat wants the suffix, which templates omit here as in `data`.
    let emphasis = emphasis_keyword.as_ref().map(|key| format!("{key}.DATA"));
    let message = || {
        let message = LegacyTemplateMessage {
            touser: open_id,
            template_id,
            data: &context.fill_data(data, MessageKind::Template)?,
            page: context.fill_address(TextKind::Page, page)?.as_deref(),
            form_id: form.form_id().as_str(),
            emphasis_keyword: emphasis.as_deref(),
        }
        .request();
        Ok::<SendRequest, FillError>(message)
    };
    Ok(match message() {
        Ok(message) => context.ready(message, Some(template_id), Some(Entitlement::FormId(form))),
        Err(error) => context.skip_unfillable(error),
    })
}
