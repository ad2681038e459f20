//! `hongyan keys rotate`.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::timestamp::{format_duration, format_time};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::fmt;

/// Create the next keys that sign and refresh sessions.
///
/// A schedule does so every 90 days. A key is published three hours before it signs,
/// because API Gateway caches the keys for two; sessions continue. While one is waiting, no
/// other of its kind is created.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan keys rotate")]
pub(crate) struct Rotate {}

/// The login function's response.
#[derive(Debug, Deserialize, Serialize)]
struct KeyRotations {
    /// Of the keys that sign access tokens.
    #[serde(flatten)]
    signing: KeyRotation,
    /// Of the keys that seal refresh tokens.
    refresh: KeyRotation,
}

#[derive(Debug, Deserialize, Serialize)]
struct KeyRotation {
    /// Whether a key was created.
    made: bool,
    /// The id of the next key.
    next: Option<String>,
    signs_from: Option<Timestamp>,
}

impl Rotate {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let rotations: KeyRotations =
            deployment.invoke("login", &json!({ "rotate_keys": {} })).await?;
        Ok(CommandOutput::success(&rotations))
    }
}

impl fmt::Display for KeyRotations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access tokens: {}\nRefresh tokens: {}", self.signing, self.refresh)
    }
}

impl fmt::Display for KeyRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(next), Some(from)) = (&self.next, self.signs_from) else {
            return write!(f, "No key was created, and none is waiting.");
        };
        if self.made {
            write!(f, "Created and published the key {next}.")?;
        } else {
            write!(f, "The key {next} is waiting already; no other was created.")?;
        }
        let wait = format_duration(from.seconds_since(Timestamp::now()));
        write!(f, " It signs from {}, in {wait}; sessions continue.", format_time(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_and_waiting_keys_are_distinguished() {
        let from = Some(Timestamp(1_795_158_240));
        let text =
            |made| KeyRotation { made, next: Some("k7".to_owned()), signs_from: from }.to_string();
        assert!(text(true).starts_with("Created and published the key k7"), "{}", text(true));
        assert!(text(false).starts_with("The key k7 is waiting already"), "{}", text(false));
        assert!(text(true).contains("2026-11-20T07:04:00Z"), "{}", text(true));
    }
}
