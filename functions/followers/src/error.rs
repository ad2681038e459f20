//! Errors of an invocation as a whole.

use lambda_runtime::Diagnostic;

/// The request is invalid. Nothing was changed.
pub(crate) fn invalid(problem: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: "InvalidRequest".to_owned(), error_message: problem.into() }
}

/// An AWS call failed. The log has the details, which the caller doesn't get.
pub(crate) fn internal(error: &impl std::error::Error) -> Diagnostic {
    tracing::error!("{error}");
    Diagnostic {
        error_type: "InternalError".to_owned(),
        error_message: "internal error; the progress is stored, so repeat the request, and see \
            this function's log"
            .to_owned(),
    }
}
