//! Why something could not be done, and what to do about it.

use serde::Serialize;
use std::fmt;

/// What kind of trouble it is; machines tell by it what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The command line, or what was entered, can't be understood.
    Usage,
    /// What was given can't be used; nothing has changed.
    Invalid,
    /// What is asked for isn't there.
    NotFound,
    /// What is there already stands in the way; nothing has changed.
    Conflict,
    /// A question was answered with no.
    Cancelled,
    /// A function says that it can't be done.
    Refused,
    /// Somebody else's server doesn't do its part.
    Unavailable,
    /// There are no credentials of AWS, or they have expired.
    Credentials,
    /// No region is known.
    Region,
    /// AWS doesn't allow it.
    AccessDenied,
    /// AWS says that too much is asked at once, also after some tries.
    Throttled,
    /// This stage isn't there, in this account and region.
    NotDeployed,
}

impl Kind {
    /// What the program ends with.
    pub(crate) fn status(self) -> u8 {
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

/// Why something could not be done, and what to do about it. Neither may have a
/// secret in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Error {
    pub(crate) kind: Kind,
    /// What happened.
    pub(crate) problem: String,
    /// What to do about it.
    pub(crate) advice: String,
}

impl Error {
    pub(crate) fn new(kind: Kind, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind, problem: problem.into(), advice: advice.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.problem)?;
        write!(f, "  what to do: {}", self.advice)
    }
}
