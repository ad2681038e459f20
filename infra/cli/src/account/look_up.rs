//! `hongyan account look-up`.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::person_selector::{self, PersonSelector};
use crate::person_summary::{find_person, person_not_found};
use clap::Args;

/// Show where a person can be reached: apps, follow state, what may still be sent.
///
/// Prints no openid and no unionid, and masks the phone number. `hongyan person` explains
/// the same and shows what is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account look-up account=ann
  hongyan account look-up user=87d9fb65410b4247af24549a4aaa7348
  hongyan account look-up app=shop,open_id=o6_bm…")]
pub(crate) struct LookUp {
    /// `account=ann`, `user=…` (the id that a login returns) or `app=shop,open_id=…`.
    #[arg(value_name = "PERSON", value_parser = person_selector::parse_person)]
    person: PersonSelector,
}

impl LookUp {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let person = find_person(deployment, &self.person).await?;
        let person = person.ok_or_else(|| person_not_found(&self.person))?;
        Ok(CommandOutput::success(&person))
    }
}
