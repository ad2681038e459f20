//! The result of a check.

use crate::error::Error;
use serde::Serialize;
use std::fmt;

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// The check's name, as in the README.
    pub(super) check: &'static str,
    /// The app, template, function or queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    pub(super) state: FindingState,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindingState {
    Ok,
    /// It works, but needs attention.
    Warning,
    Failed,
    /// It can't be checked here, or not yet.
    Skipped,
}

impl Finding {
    pub(super) fn ok(check: &'static str, subject: Option<&str>, found: impl Into<String>) -> Self {
        Self::new(check, subject, FindingState::Ok, found.into(), None)
    }

    pub(super) fn skipped(
        check: &'static str,
        subject: Option<&str>,
        found: impl Into<String>,
    ) -> Self {
        Self::new(check, subject, FindingState::Skipped, found.into(), None)
    }

    pub(super) fn warning(
        check: &'static str,
        subject: Option<&str>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(check, subject, FindingState::Warning, found.into(), Some(advice.into()))
    }

    pub(super) fn failed(
        check: &'static str,
        subject: Option<&str>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(check, subject, FindingState::Failed, found.into(), Some(advice.into()))
    }

    pub(super) fn from_error(check: &'static str, subject: Option<&str>, error: Error) -> Self {
        Self::failed(check, subject, error.problem, error.advice)
    }

    fn new(
        check: &'static str,
        subject: Option<&str>,
        state: FindingState,
        found: String,
        advice: Option<String>,
    ) -> Self {
        Self { check, subject: subject.map(str::to_owned), state, found, advice }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            FindingState::Ok => "ok",
            FindingState::Warning => "warning",
            FindingState::Failed => "FAILED",
            FindingState::Skipped => "skipped",
        };
        let subject = self.subject.as_ref().map_or_else(String::new, |it| format!(" {it}"));
        write!(f, "{state:<8} {}{subject}: {}", self.check, self.found)?;
        match &self.advice {
            Some(advice) => write!(f, "\n         → {advice}"),
            None => Ok(()),
        }
    }
}
