//! `hongyan account look-up`.

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::look_up::{look_up, nobody};
use crate::who::{self, Who};
use clap::Args;

/// Say where a person can be reached: apps, follows, what may still be sent.
///
/// No openid and no unionid is told, and a telephone number is masked. `hongyan
/// person` says the same in sentences, with what is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan account look-up account=ann
  hongyan account look-up user=87d9fb65410b4247af24549a4aaa7348
  hongyan account look-up app=shop,open_id=o6_bm…")]
pub(crate) struct LookUp {
    /// `account=ann`, `user=…` (the id that a login answers) or `app=shop,open_id=…`.
    #[arg(value_name = "WHO", value_parser = who::person)]
    who: Who,
}

impl LookUp {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let known = look_up(deployment, &self.who).await?;
        known.map(|known| Answer::of(&known)).ok_or_else(|| nobody(&self.who))
    }
}
