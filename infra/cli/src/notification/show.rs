//! `hongyan notification show`.

use super::bulk_request::BulkRequestReport;
use super::history::History;
use super::stored_entry::{StoredEntry, read_entry};
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::parse;
use clap::Args;

/// Show a notification's history: status, attempts, channel, receipt.
///
/// Never shows the recipient; shows the content only with --content, while it may still be
/// sent. A notification is kept for 30 days after its end, or for the template's
/// `RetentionDays`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan notification show order-17-shipped
  hongyan notification show order-17-shipped#0     the first of several recipients")]
pub(crate) struct Show {
    /// The notification's id; for several recipients, followed by # and the index, from 0.
    #[arg(value_parser = parse::notification_id)]
    id: String,
    /// Also show the fields to be sent.
    #[arg(long)]
    content: bool,
}

impl Show {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        match read_entry(deployment, &self.id).await? {
            StoredEntry::Notification(row) => {
                Ok(CommandOutput::success(&History::new(&row, self.content)))
            }
            StoredEntry::BulkRequest(request) => {
                let bulk = BulkRequestReport::read(deployment, &self.id, &request).await?;
                Ok(CommandOutput::success(&bulk))
            }
            StoredEntry::Missing => Err(self.missing(deployment).await?),
        }
    }

    /// Says why there is no notification of this id.
    async fn missing(&self, deployment: &Deployment) -> Result<Error, Error> {
        if let Some((request_id, index)) = self.id.split_once('#')
            && let StoredEntry::BulkRequest(request) = read_entry(deployment, request_id).await?
            && let Some(first) = index.parse().ok().and_then(|at| request.duplicates.get(&at))
        {
            return Ok(Error::new(
                ErrorKind::NotFound,
                format!("{} has no notification: the person stands earlier in the list", self.id),
                format!("look at {request_id}#{first}, which reaches the same person"),
            ));
        }
        Ok(Error::new(
            ErrorKind::NotFound,
            format!("there is no notification {} in the stage {}", self.id, deployment.stage),
            "check id and stage; a notification is kept for 30 days after its end (parameter \
             RetentionDays), and isn't stored while its request is queued or if the request was \
             rejected",
        ))
    }
}
