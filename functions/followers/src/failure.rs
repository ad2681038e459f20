//! What goes wrong with an invocation as a whole, told to the caller.

use lambda_runtime::Diagnostic;

/// The request doesn't fit. Nothing was changed.
pub(crate) fn invalid(problem: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: "InvalidRequest".to_owned(), error_message: problem.into() }
}

/// What is ours to mend is told to the log, not to the caller.
pub(crate) fn internal(error: &impl std::error::Error) -> Diagnostic {
    tracing::error!("{error}");
    Diagnostic {
        error_type: "InternalError".to_owned(),
        error_message: "internal error; what was brought in stays, ask again, and see this \
            function's log"
            .to_owned(),
    }
}
