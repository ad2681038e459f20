//! `hongyan keys`: the keys that sign sessions.

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::moment::{span, written};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::fmt;

/// The keys that sign sessions: have the next one made.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    Rotate(Rotate),
}

/// Make the key that will sign sessions next.
///
/// A schedule does so every 90 days. A new key is published three hours before it
/// signs, as API Gateway keeps what it has read for two; sessions go on. Said while
/// one is waiting, it makes no other.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan keys rotate")]
pub(crate) struct Rotate {}

/// What the login function answers.
#[derive(Debug, Deserialize, Serialize)]
struct Rotated {
    /// A key was made.
    made: bool,
    /// The id of the key that will sign.
    next: Option<String>,
    /// From when on it does.
    signs_from: Option<Timestamp>,
}

impl Keys {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let Self::Rotate(Rotate {}) = self;
        deployment.about().await?;
        let rotated: Rotated = deployment.ask("login", &json!({ "rotate_keys": {} })).await?;
        Ok(Answer::of(&rotated))
    }
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(next), Some(from)) = (&self.next, self.signs_from) else {
            return write!(f, "no key was made, and none is waiting");
        };
        let wait = span(from.seconds_since(Timestamp::now()));
        if self.made {
            write!(f, "The key {next} is made and published.")?;
        } else {
            write!(f, "The key {next} is waiting already; no other was made.")?;
        }
        write!(f, " It signs from {} on, in {wait}; sessions go on.", written(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_waiting_is_told_from_one_that_was_made() {
        let from = Some(Timestamp(1_795_158_240));
        let told =
            |made| Rotated { made, next: Some("k7".to_owned()), signs_from: from }.to_string();
        assert!(told(true).starts_with("The key k7 is made"), "{}", told(true));
        assert!(told(false).starts_with("The key k7 is waiting already"), "{}", told(false));
        assert!(told(true).contains("2026-11-20T07:04:00Z"), "{}", told(true));
    }
}
