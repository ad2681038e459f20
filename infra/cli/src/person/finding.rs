//! One reason why a person can or can't be reached.

use serde::Serialize;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PersonFinding {
    /// The app's alias, if it concerns one app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    /// Whether this alone makes the person reachable.
    pub(super) reachable: bool,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl PersonFinding {
    pub(super) fn reachable(app: &str, found: impl Into<String>) -> Self {
        Self { app: Some(app.to_owned()), reachable: true, found: found.into(), advice: None }
    }

    pub(super) fn missing(
        app: Option<&str>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let app = app.map(str::to_owned);
        Self { app, reachable: false, found: found.into(), advice: Some(advice.into()) }
    }
}

impl fmt::Display for PersonFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.reachable { '+' } else { '-' };
        let app = self.app.as_ref().map(|app| format!("{app}: ")).unwrap_or_default();
        write!(f, "{mark} {app}{}", self.found)?;
        match &self.advice {
            Some(advice) => write!(f, "\n    what to do: {advice}"),
            None => Ok(()),
        }
    }
}
