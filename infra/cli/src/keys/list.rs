//! `hongyan keys list`.

use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::timestamp::format_time;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::fmt;

/// List the keys that sign and refresh sessions.
///
/// `next` will make tokens, `current` makes them, tokens of `previous` are still accepted,
/// those of `retired` no longer.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan keys list")]
pub(crate) struct List {}

/// The login function's response.
#[derive(Debug, Deserialize, Serialize)]
struct KeyList {
    /// The keys that sign access tokens.
    signing: Vec<ListedKey>,
    /// The keys that seal refresh tokens.
    refresh: Vec<ListedKey>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ListedKey {
    kid: String,
    state: String,
    signs_from: Timestamp,
}

impl List {
    pub(super) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let keys: KeyList = deployment.invoke("login", &json!({ "list_keys": {} })).await?;
        Ok(CommandOutput::success(&keys))
    }
}

impl fmt::Display for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("sign access tokens", &self.signing), ("seal refresh tokens", &self.refresh)];
        for (at, (purpose, keys)) in kinds.into_iter().enumerate() {
            let line = if at > 0 { "\n" } else { "" };
            if keys.is_empty() {
                write!(f, "{line}There are no keys yet that {purpose}.")?;
                continue;
            }
            write!(f, "{line}These keys {purpose}:")?;
            for ListedKey { kid, state, signs_from } in keys {
                write!(f, "\n  {state:<8}  {kid}  from {}", format_time(*signs_from))?;
            }
        }
        Ok(())
    }
}
