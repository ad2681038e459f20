//! What an operator asks: has each app a token, and if not, why?
//!
//! It is the minute's look, told app by app: WeChat is asked, a new token is
//! stored, and none is forced.

use crate::failure::RefreshError;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{StoredToken, WeChatApp};

/// What is asked: `{"check": {}}`, and with `{"app": "shop"}` in it only for that
/// app.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The app's alias.
    #[serde(default)]
    pub(crate) app: Option<String>,
}

/// What was found, of one app. There is no secret in it.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    app: String,
    /// The token that is stored now.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Held>,
    /// Why WeChat gave none just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Held {
    generation: u64,
    expires_at: Timestamp,
    /// Seconds since WeChat handed it out.
    age: u64,
}

#[derive(Debug, Serialize)]
struct Failure {
    /// WeChat's code, or a word if it gave none.
    code: String,
    /// What happened, and what to do about it.
    problem: String,
    /// The address that WeChat doesn't let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Whether it stays so until somebody acts.
    permanent: bool,
}

/// Puts a look's outcome into words. `stored` is what the app goes on with.
pub(crate) fn found(
    wechat_app: &WeChatApp,
    stored: Option<&StoredToken>,
    failure: Option<&RefreshError>,
    now: Timestamp,
) -> Found {
    let held = |stored: &StoredToken| Held {
        generation: stored.generation,
        expires_at: stored.expires_at,
        age: stored.age(now),
    };
    let failure = failure.map(|error| Failure {
        code: error.code().unwrap_or_default(),
        problem: error.to_string(),
        address: error.address().map(|address| address.to_string()),
        permanent: error.is_lasting(),
    });
    Found { app: wechat_app.alias.clone(), token: stored.map(held), failure }
}
