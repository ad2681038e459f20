//! Whether a person can be reached through a channel, and with what message. Nothing
//! is written here, so a dry run does the same.

pub(crate) mod context;
mod customer_service;
mod legacy_template;
mod subscription_message;
mod subscription_notification;
mod template_message;

use crate::app::App;
use context::{ChannelContext, Preparation};
use shared::aws::AwsError;
use shared::parameters::{Channel, CustomerService, MessageLanguage, MiniProgramState};
use subscription_message::with_consent;

/// Prepares the message if the channel can be used.
pub(crate) async fn prepare(
    app: &App,
    channel: &Channel,
    context: ChannelContext<'_>,
) -> Result<Preparation, AwsError> {
    match channel {
        Channel::Template { template_id, data, url, mini_program, .. } => {
            Ok(template_message::prepare(context, template_id, data, url, mini_program))
        }
        Channel::Subscribe { template_id, data, page, state, lang, long_term, .. } => {
            let state = state.map(MiniProgramState::as_str);
            let lang = lang.map(MessageLanguage::as_str);
            let message =
                subscription_message::message(context, template_id, data, page, state, lang);
            with_consent(app, context, template_id, *long_term, message).await
        }
        Channel::Bizsend { template_id, data, page, mini_program, long_term, .. } => {
            let message =
                subscription_notification::message(context, template_id, data, page, mini_program);
            with_consent(app, context, template_id, *long_term, message).await
        }
        Channel::CustomerService(CustomerService { message, .. }) => {
            customer_service::prepare(app, context, message).await
        }
        Channel::LegacyTemplate { template_id, data, page, emphasis_keyword, .. } => {
            legacy_template::prepare(app, context, template_id, data, page, emphasis_keyword).await
        }
    }
}
