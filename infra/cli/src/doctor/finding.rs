//! One thing that was looked at.

use crate::error::Error;
use serde::Serialize;
use std::fmt;

/// One thing that was looked at, and how it is.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What was looked at: one of the words that the README lists.
    pub(super) check: &'static str,
    /// Of which app, template, function or queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<String>,
    pub(super) state: State,
    /// How it is.
    pub(super) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// Something doesn't work.
    Failed,
    /// It can't be looked at here, or not yet.
    Skipped,
}

impl Finding {
    pub(super) fn ok(check: &'static str, of: Option<&str>, found: impl Into<String>) -> Self {
        Self::new(check, of, State::Ok, found.into(), None)
    }

    pub(super) fn skipped(check: &'static str, of: Option<&str>, found: impl Into<String>) -> Self {
        Self::new(check, of, State::Skipped, found.into(), None)
    }

    pub(super) fn warning(
        check: &'static str,
        of: Option<&str>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(check, of, State::Warning, found.into(), Some(remedy.into()))
    }

    pub(super) fn failed(
        check: &'static str,
        of: Option<&str>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(check, of, State::Failed, found.into(), Some(remedy.into()))
    }

    /// It couldn't even be looked at.
    pub(super) fn of_error(check: &'static str, of: Option<&str>, error: Error) -> Self {
        Self::failed(check, of, error.problem, error.advice)
    }

    fn new(
        check: &'static str,
        of: Option<&str>,
        state: State,
        found: String,
        remedy: Option<String>,
    ) -> Self {
        Self { check, of: of.map(str::to_owned), state, found, remedy }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
            State::Skipped => "skipped",
        };
        let of = self.of.as_deref().map_or_else(String::new, |of| format!(" {of}"));
        write!(f, "{state:<8} {}{of}: {}", self.check, self.found)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n         → {remedy}"),
            None => Ok(()),
        }
    }
}
