//! What goes wrong with an invocation as a whole, told to the caller.

use crate::deliver::DeliverError;
use lambda_runtime::Diagnostic;
use shared::parameters::ParameterError;

/// The request doesn't fit.
pub(crate) fn invalid(problem: impl Into<String>) -> Diagnostic {
    failure("InvalidRequest", problem)
}

/// The template can't be read.
pub(crate) fn of_template(error: &ParameterError) -> Diagnostic {
    match error {
        ParameterError::Invalid { .. } => failure("InvalidTemplate", error.to_string()),
        ParameterError::Missing(_) | ParameterError::Aws(_) => internal(error),
    }
}

/// A notification was not dealt with.
pub(crate) fn of_delivery(error: &DeliverError) -> Diagnostic {
    match error {
        DeliverError::Conflict(_) => failure("Conflict", error.to_string()),
        DeliverError::Aws(_) => internal(error),
    }
}

/// What is ours to mend is told to the log, not to the caller.
pub(crate) fn internal(error: &impl std::error::Error) -> Diagnostic {
    tracing::error!("{error}");
    failure(
        "InternalError",
        "internal error; ask again with the same id, and see this function's log",
    )
}

/// A failure of this kind.
pub(crate) fn failure(kind: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message.into() }
}
