//! The environment: read once, by name, when a function starts.
//!
//! Which variables a function has is written in `infra/aws/template.yaml`.

/// Reads a variable that the function cannot do without.
///
/// # Errors
///
/// When it isn't set, or is empty: the function must not start.
pub fn required(name: &'static str) -> Result<String, MissingVariable> {
    optional(name).ok_or(MissingVariable(name))
}

/// Reads a variable; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that the function cannot do without isn't set.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set; infra/aws/template.yaml says what it should be")]
pub struct MissingVariable(&'static str);
