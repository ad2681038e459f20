//! The environment: read once, by name, when a function starts.
//!
//! Which variables a function has is written in `infra/aws/template.yaml`.

/// Reads a variable that the function cannot do without.
///
/// # Errors
///
/// When it isn't set, or is empty: the function must not start.
pub fn required(name: &'static str) -> Result<String, VariableError> {
    optional(name).ok_or(VariableError::Missing(name))
}

/// Reads a variable; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable isn't as it has to be.
#[derive(Debug, thiserror::Error)]
pub enum VariableError {
    /// The function cannot do without it, and it isn't set.
    #[error(
        "the environment variable {0} is not set; infra/aws/template.yaml says what it should be"
    )]
    Missing(&'static str),
    /// It is a number that is too small or too large, or none at all.
    #[error(
        "the environment variable {name} must be a whole number from {least} to {most}, not `{value}`; infra/aws/template.yaml says what it should be"
    )]
    OutOfBounds {
        /// What it is called.
        name: &'static str,
        /// What it is.
        value: String,
        /// The smallest that will do.
        least: u64,
        /// The largest that will do.
        most: u64,
    },
}
