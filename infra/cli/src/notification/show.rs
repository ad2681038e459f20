//! `hongyan notification show`.

use super::history::History;
use super::row::{Found, read};
use super::several::Several;
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use clap::Args;

/// Show what became of a notification, and why.
///
/// Whom it is for is never told, and what it says only with --content, while it may
/// still have to be sent. A notification is known for 30 days after it has ended, or as
/// many as the template's `RetentionDays` says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan notification show order-17-shipped
  hongyan notification show order-17-shipped#0     the first of several recipients")]
pub(crate) struct Show {
    /// The notification's id; of several recipients, # and the place follow, from 0.
    #[arg(value_parser = super::id)]
    id: String,
    /// Also show the fields that are to be sent.
    #[arg(long)]
    content: bool,
}

impl Show {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        deployment.about().await?;
        match read(deployment, &self.id).await? {
            Found::One(row) => Ok(Answer::of(&History::of(&row, self.content))),
            Found::Several(recipients) => {
                Several::read(deployment, &self.id, recipients).await.map(|all| Answer::of(&all))
            }
            Found::Nothing => Err(Error::new(
                Kind::NotFound,
                format!("there is no notification {} in the stage {}", self.id, deployment.stage),
                "see whether id and stage are right; one is known for 30 days after it has ended, \
                 unless RetentionDays says otherwise, and one that lies on the queue, or was refused as a request, isn't stored",
            )),
        }
    }
}
