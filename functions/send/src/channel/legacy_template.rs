//! A template message of a mini program, which needs a form id of the last seven days.
//! WeChat retired it on 2020-01-10.

use super::context::{ChannelContext, FillError, Preparation, SkipReason};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::FieldSource;
use shared::store::Entitlement;
use shared::wechat::field::MessageKind;
use shared::wechat::message::{LegacyTemplateMessage, SendRequest};
use std::collections::BTreeMap;

/// The channel's part of the template.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelTemplate<'a> {
    pub(super) template_id: &'a str,
    pub(super) data: &'a BTreeMap<String, FieldSource>,
    pub(super) page: &'a Option<String>,
    pub(super) emphasis_keyword: &'a Option<String>,
}

/// Ready if there is a form id; the oldest is used first.
pub(super) async fn prepare(
    app: &App,
    context: ChannelContext<'_>,
    template: ChannelTemplate<'_>,
) -> Result<Preparation, AwsError> {
    let (app_id, open_id) = (&context.app.app_id, &context.route.open_id);
    let forms = app.entitlements.form_ids.open(app_id, open_id, context.id, context.now).await?;
    let Some(form) = forms.into_iter().next() else {
        return Ok(context.skip(
            "the person has submitted no form in this mini program within the last seven days",
            SkipReason::Unreachable,
        ));
    };
    Ok(match message(context, template, form.form_id().as_str()) {
        Ok(message) => {
            context.ready(message, Some(template.template_id), Some(Entitlement::FormId(form)))
        }
        Err(error) => context.skip_unfillable(error),
    })
}

fn message(
    context: ChannelContext<'_>,
    template: ChannelTemplate<'_>,
    form_id: &str,
) -> Result<SendRequest, FillError> {
    let data = context.fill_data(template.data, MessageKind::Template)?;
    let page = context.fill_address(template.page)?;
    // WeChat wants the suffix, which templates omit here as in `data`.
    let emphasis = template.emphasis_keyword.as_ref().map(|key| format!("{key}.DATA"));
    let message = LegacyTemplateMessage {
        touser: &context.route.open_id,
        template_id: template.template_id,
        page: page.as_deref(),
        form_id,
        data: &data,
        emphasis_keyword: emphasis.as_deref(),
    };
    Ok(message.request())
}
