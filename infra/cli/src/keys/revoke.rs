//! `hongyan keys revoke`.

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::timestamp::format_time;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::fmt;

/// Withdraw a key at once, because another person may know it.
///
/// Another key takes its place: the next one, if there is one, or a new one. Access tokens that
/// a revoked signing key signed are rejected, and clients refresh them; API Gateway may accept
/// them for about two hours more, and the answer says what to do until then. Sessions whose
/// refresh token a revoked refresh key sealed end: their users log in again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan keys list\n  hongyan keys revoke refresh-1\n  \
                  hongyan keys rotate    # instead, if no one else knows the key")]
pub(crate) struct Revoke {
    /// The key's id, as `hongyan keys list` shows it.
    #[arg(allow_hyphen_values = true)]
    kid: String,
}

/// The login function's response.
#[derive(Debug, Deserialize, Serialize)]
struct KeyRevocation {
    revoked: String,
    /// The key that makes tokens now.
    current: String,
    environments_until: Timestamp,
    /// None for a key that API Gateway doesn't know.
    api_gateway_until: Option<Timestamp>,
    advice: String,
}

impl Revoke {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let command = json!({ "revoke_key": { "kid": self.kid } });
        let revoked: Result<KeyRevocation, _> = deployment.invoke("login", &command).await;
        let revoked = revoked.map_err(|error| match error.kind {
            ErrorKind::NotFound => {
                let advice = "`hongyan keys list` lists the keys; this one may be revoked already";
                Error { advice: advice.to_owned(), ..error }
            }
            _ => error,
        })?;
        Ok(CommandOutput::success(&revoked))
    }
}

impl fmt::Display for KeyRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Revoked the key {}; {} makes tokens now.\nRunning login functions may still use it \
             until {}",
            self.revoked,
            self.current,
            format_time(self.environments_until)
        )?;
        if let Some(until) = self.api_gateway_until {
            write!(f, ", API Gateway may accept it until {}", format_time(until))?;
        }
        write!(f, ".\nWhat to do: {}.", self.advice)
    }
}
