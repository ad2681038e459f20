//! `hongyan version`.

use crate::output::CommandOutput;
use clap::Args;
use serde::Serialize;
use std::fmt;

/// Print the tool's version.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan version\n  hongyan version --json")]
pub(crate) struct Version {}

#[derive(Debug, Serialize)]
struct ToolVersion {
    version: &'static str,
}

impl Version {
    #[expect(clippy::unused_self, reason = "every command runs like this")]
    pub(crate) fn run(&self) -> CommandOutput {
        CommandOutput::success(&ToolVersion { version: env!("CARGO_PKG_VERSION") })
    }
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hongyan {}", self.version)
    }
}
