//! Environment variables, read when a function starts.
//!
//! `infra/aws/template.yaml` sets each function's variables.

use std::sync::LazyLock;
use std::time::Duration;

/// Reads a required variable. Without it the function must not start.
pub fn required(name: &'static str) -> Result<String, VariableError> {
    optional(name).ok_or(VariableError::Missing(name))
}

/// Reads a variable; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How much longer than usual a function waits for AWS: the factor in `TIMEOUT_FACTOR`, 1 to
/// 60, and 1 if the variable isn't set. AWS answers within milliseconds, and what runs on a
/// busy machine of one's own may not.
static TIMEOUT_FACTOR: LazyLock<Result<u32, VariableError>> = LazyLock::new(|| {
    let (name, least, most) = ("TIMEOUT_FACTOR", 1, 60);
    let value = optional(name).unwrap_or_else(|| "1".to_owned());
    let factor = value.parse().ok().filter(|factor| (least..=most).contains(factor));
    factor.ok_or(VariableError::OutOfBounds { name, value, least: least.into(), most: most.into() })
});

/// Checks `TIMEOUT_FACTOR`.
pub fn check_timeout_factor() -> Result<(), VariableError> {
    TIMEOUT_FACTOR.clone().map(|_| ())
}

/// A timeout for AWS, as long as `TIMEOUT_FACTOR` says.
pub fn aws_timeout(usual: Duration) -> Duration {
    usual * TIMEOUT_FACTOR.as_ref().copied().unwrap_or(1)
}

/// A variable is missing or invalid.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VariableError {
    /// It is required and not set.
    #[error(
        "the environment variable {0} is not set; infra/aws/template.yaml says what it should be"
    )]
    Missing(&'static str),
    /// It isn't a number within its bounds.
    #[error(
        "the environment variable {name} must be a whole number from {least} to {most}, not `{value}`; infra/aws/template.yaml says what it should be"
    )]
    OutOfBounds {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// The minimum.
        least: u64,
        /// The maximum.
        most: u64,
    },
}
