//! The result of a check after a change of an app.

use crate::error::Error;
use serde::Serialize;
use std::fmt;

#[derive(Debug, Serialize)]
pub(super) struct CheckResult {
    pub(super) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl From<Result<(), Error>> for CheckResult {
    fn from(result: Result<(), Error>) -> Self {
        match result {
            Ok(()) => Self { ok: true, problem: None, advice: None },
            Err(error) => {
                Self { ok: false, problem: Some(error.problem), advice: Some(error.advice) }
            }
        }
    }
}

impl CheckResult {
    /// Writes `success`, or the problem and the advice.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, success: &str) -> fmt::Result {
        match &self.problem {
            None => writeln!(f, "ok      {success}"),
            Some(problem) => {
                writeln!(f, "failed  {problem}")?;
                writeln!(f, "        {}", self.advice.as_deref().unwrap_or_default())
            }
        }
    }
}
