//! The command `check`, for an operator: has each app a valid token, and if not, why?
//!
//! It refreshes like the schedule does, and reports app by app. It forces nothing.

use crate::error::RefreshError;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{AppAlias, StoredToken, WeChatApp};

/// `{"check": {}}` for all apps, `{"check": {"app": "shop"}}` for one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRequest {
    /// The app's alias.
    #[serde(default)]
    pub(crate) app: Option<AppAlias>,
}

/// The result for one app. It contains no secret.
#[derive(Debug, Serialize)]
pub(crate) struct AppCheck {
    app: String,
    /// The stored token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenInfo>,
    /// Why WeChat issued none just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<CheckFailure>,
}

#[derive(Debug, Serialize)]
struct TokenInfo {
    generation: u64,
    expires_at: Timestamp,
    /// Seconds since WeChat issued it.
    age: u64,
}

#[derive(Debug, Serialize)]
struct CheckFailure {
    /// WeChat's code, or a word if there is none.
    code: String,
    /// What happened, and what to do about it.
    problem: String,
    /// The address that isn't on the account's IP list.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Whether it stays until an operator acts.
    permanent: bool,
}

impl AppCheck {
    /// `stored` is the token that the app keeps using.
    pub(crate) fn new(
        app: &WeChatApp,
        stored: Option<&StoredToken>,
        error: Option<&RefreshError>,
        now: Timestamp,
    ) -> Self {
        let token = stored.map(|stored| TokenInfo {
            generation: stored.generation,
            expires_at: stored.expires_at,
            age: stored.age(now),
        });
        let failure = error.map(|error| CheckFailure {
            code: error.code().unwrap_or_default(),
            problem: error.to_string(),
            address: error.address().map(|address| address.to_string()),
            permanent: error.is_permanent(),
        });
        Self { app: app.alias.clone(), token, failure }
    }
}
