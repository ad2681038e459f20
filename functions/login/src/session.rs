//! Sessions: what proves one, and what can be done with it.
//!
//! An access token says who for 15 minutes, to anybody, without a look at any
//! table. A refresh token gets the next one, once, and is looked up each time.

mod access_token;
mod refresh;
mod refresh_token;
mod revoke;
mod verify;
mod who;

pub(crate) use access_token::{Claims, LIFE, access_token};
#[cfg(test)]
pub(crate) use refresh::Answer as Refreshed;
pub(crate) use refresh::refresh;
pub(crate) use refresh_token::RefreshKey;
pub(crate) use revoke::revoke;
pub(crate) use verify::verify;
#[cfg(test)]
pub(crate) use who::Answer as Session;
pub(crate) use who::who;

use serde::Deserialize;
use shared::aws::AwsError;
use shared::parameters::ParameterError;
use shared::secret::Secret;

/// A request that carries a refresh token.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    #[cfg_attr(test, schemars(with = "String"))]
    refresh_token: Secret,
}

/// Nothing is done for who holds this token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It isn't one of ours.
    #[error("refresh_token: not a refresh token of this service; log in again")]
    NotOurs,
    /// Its session is revoked, over, or forgotten.
    #[error("this session has ended; log in again")]
    Ended,
    /// It had been replaced: somebody else may have it.
    #[error("this refresh token was used before, so its session has been ended; log in again")]
    Reused,
    #[error("other refreshes of this session kept getting in between")]
    Busy,
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Refused {
    /// The HTTP status, and what the caller is told.
    pub(crate) fn answer(&self) -> (u16, String) {
        match self {
            Self::NotOurs | Self::Ended | Self::Reused => (401, self.to_string()),
            Self::Busy => (503, format!("{self}; try again")),
            Self::Parameter(_) | Self::Aws(_) => (500, "internal error".to_owned()),
        }
    }
}
