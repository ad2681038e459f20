//! `hongyan send cancel`.

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::notification;
use crate::report::Report;
use clap::Args;
use serde_json::json;

/// Call a notification off that is scheduled or waits for another try.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan send cancel order-17-shipped
  hongyan send cancel order-17-shipped#3     the fourth of several recipients")]
pub(crate) struct Cancel {
    /// The notification's id; of several recipients, # and the place follow, from 0.
    #[arg(value_parser = notification::id)]
    id: String,
}

impl Cancel {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        deployment.about().await?;
        let asked = json!({ "cancel": { "id": self.id } });
        let report = deployment.ask::<Report>("send", &asked).await.map_err(|error| {
            let advice = match error.kind {
                Kind::NotFound => {
                    "of several recipients each is called off by itself: ID#0, ID#1, …; an id is \
                     known for 30 days, and in its own stage only"
                        .to_owned()
                }
                Kind::Conflict => {
                    format!("`hongyan notification show {}` says how it stands", self.id)
                }
                _ => error.advice.clone(),
            };
            Error { advice, ..error }
        })?;
        Ok(Answer::of(&report))
    }
}
