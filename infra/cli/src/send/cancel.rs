//! `hongyan send cancel`.

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::notification_text::write_result;
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use shared::send_response::NotificationResult;
use std::fmt;

/// Cancel a notification that is scheduled or will be retried.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan send cancel order-17-shipped
  hongyan send cancel order-17-shipped#3     the fourth of several recipients")]
pub(crate) struct Cancel {
    /// The notification's id; for several recipients, followed by # and the index, from 0.
    #[arg(value_parser = parse::notification_id)]
    id: String,
}

#[derive(Debug, Serialize)]
struct CancelOutput(NotificationResult);

impl Cancel {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let request = json!({ "cancel": { "id": self.id } });
        let result = deployment.invoke("send", &request).await.map_err(|error| {
            let advice = match error.kind {
                ErrorKind::NotFound => {
                    "with several recipients, cancel each: ID#0, ID#1, …; a notification is kept for \
                     30 days, in its own stage"
                        .to_owned()
                }
                ErrorKind::Conflict => {
                    format!("`hongyan notification show {}` shows its status", self.id)
                }
                _ => error.advice.clone(),
            };
            Error { advice, ..error }
        })?;
        Ok(CommandOutput::success(&CancelOutput(result)))
    }
}

impl fmt::Display for CancelOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_result(f, &self.0)
    }
}
