//! Errors of a whole invocation, as the caller sees them.

use crate::deliver::DeliverError;
use lambda_runtime::Diagnostic;
use shared::parameters::ParameterError;

/// The request is invalid.
pub(crate) fn invalid(problem: impl Into<String>) -> Diagnostic {
    new("InvalidRequest", problem)
}

/// The template can't be read.
pub(crate) fn from_template(error: ParameterError) -> Diagnostic {
    match error {
        ParameterError::Invalid { .. } => new("InvalidTemplate", error.to_string()),
        ParameterError::Missing(_) | ParameterError::Stale(_) | ParameterError::Aws(_) => {
            internal(error)
        }
    }
}

/// A notification was not delivered.
pub(crate) fn from_delivery(error: DeliverError) -> Diagnostic {
    match error {
        DeliverError::Conflict(_) => new("Conflict", error.to_string()),
        DeliverError::Aws(error) => internal(error),
    }
}

/// The operator has to act: the cause is logged, and not returned to the caller.
pub(crate) fn internal(error: impl std::error::Error) -> Diagnostic {
    tracing::error!("{error}");
    new("InternalError", "internal error; ask again with the same id, and see this function's log")
}

/// An error of this kind.
pub(crate) fn new(kind: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message.into() }
}
