//! Environment variables, read when a function starts.
//!
//! `infra/aws/template.yaml` sets each function's variables.

/// Reads a required variable. Without it the function must not start.
pub fn required(name: &'static str) -> Result<String, VariableError> {
    optional(name).ok_or(VariableError::Missing(name))
}

/// Reads a variable; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable is missing or invalid.
#[derive(Debug, thiserror::Error)]
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
