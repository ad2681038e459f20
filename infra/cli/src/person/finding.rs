//! Something that was found out about a person.

use serde::Serialize;
use std::fmt;

/// Something that was found out about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The app's alias, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    /// By this alone they can be sent something.
    pub(super) reaches: bool,
    pub(super) found: String,
    /// What to do about what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Finding {
    /// They can be reached by it.
    pub(super) fn reaches(app: &str, found: impl Into<String>) -> Self {
        Self { app: Some(app.to_owned()), reaches: true, found: found.into(), advice: None }
    }

    /// Something is missing.
    pub(super) fn missing(
        app: Option<&str>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let app = app.map(str::to_owned);
        Self { app, reaches: false, found: found.into(), advice: Some(advice.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.reaches { '+' } else { '-' };
        let app = self.app.as_ref().map(|app| format!("{app}: ")).unwrap_or_default();
        write!(f, "{mark} {app}{}", self.found)?;
        if let Some(advice) = &self.advice {
            write!(f, "\n    what to do: {advice}")?;
        }
        Ok(())
    }
}
