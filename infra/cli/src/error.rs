//! Why a command failed, and what to do about it.

use serde::Serialize;
use std::fmt;

/// The class of an error, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorKind {
    /// The command line or an entered value can't be parsed.
    Usage,
    /// A value isn't acceptable; nothing has changed.
    Invalid,
    NotFound,
    /// Existing data prevents it; nothing has changed.
    Conflict,
    /// The operator did not confirm.
    Cancelled,
    /// A function or WeChat refused.
    Refused,
    /// AWS, a function or WeChat can't be reached or fails.
    Unavailable,
    /// AWS credentials are missing or expired.
    Credentials,
    /// No AWS region is configured.
    Region,
    AccessDenied,
    /// AWS still throttles after all attempts.
    Throttled,
    /// The stage doesn't exist in this account and region.
    NotDeployed,
}

impl ErrorKind {
    pub(crate) fn exit_status(self) -> u8 {
        match self {
            Self::NotFound
            | Self::Conflict
            | Self::Cancelled
            | Self::Refused
            | Self::Unavailable => 1,
            Self::Usage | Self::Invalid => 2,
            Self::Credentials
            | Self::Region
            | Self::AccessDenied
            | Self::Throttled
            | Self::NotDeployed => 3,
        }
    }
}

/// Why a command failed, and what to do about it. Neither text may contain a secret.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Error {
    pub(crate) kind: ErrorKind,
    pub(crate) problem: String,
    pub(crate) advice: String,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { kind, problem: problem.into(), advice: advice.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.problem)?;
        write!(f, "  what to do: {}", self.advice)
    }
}
