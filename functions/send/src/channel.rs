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
use shared::parameters::{Channel, CustomerService};

/// Prepares the message if the channel can be used.
pub(crate) async fn prepare(
    app: &App,
    channel: &Channel,
    context: ChannelContext<'_>,
) -> Result<Preparation, AwsError> {
    match channel {
        Channel::Template { template_id, data, url, mini_program, .. } => {
            let template =
                template_message::ChannelTemplate { template_id, data, url, mini_program };
            Ok(template_message::prepare(context, template))
        }
        Channel::Subscribe { template_id, data, page, state, lang, long_term, .. } => {
            let template = subscription_message::ChannelTemplate {
                template_id,
                data,
                page,
                state,
                lang,
                long_term: *long_term,
            };
            subscription_message::prepare(app, context, template).await
        }
        Channel::Bizsend { template_id, data, page, mini_program, long_term, .. } => {
            let template = subscription_notification::ChannelTemplate {
                template_id,
                data,
                page,
                mini_program,
                long_term: *long_term,
            };
            subscription_notification::prepare(app, context, template).await
        }
        Channel::CustomerService(CustomerService { message, .. }) => {
            customer_service::prepare(app, context, message).await
        }
        Channel::LegacyTemplate { template_id, data, page, emphasis_keyword, .. } => {
            let template =
                legacy_template::ChannelTemplate { template_id, data, page, emphasis_keyword };
            legacy_template::prepare(app, context, template).await
        }
    }
}
