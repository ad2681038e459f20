//! Errors of the control API.

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Why the control API rejects a request.
#[derive(Debug)]
pub(crate) struct ControlError {
    status: StatusCode,
    error: String,
}

impl ControlError {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }

    /// The request is invalid.
    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// What the request names does not exist.
    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    pub(crate) fn forbidden(error: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, error)
    }

    pub(crate) fn method_not_allowed(error: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, error)
    }

    /// A field is missing or invalid.
    pub(crate) fn missing_field(field: &str, what: &str) -> Self {
        Self::bad_request(format!("the field {field} is missing: {what}"))
    }
}

impl From<String> for ControlError {
    /// A rule of the model is violated.
    fn from(error: String) -> Self {
        Self::bad_request(error)
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}

/// Parses a JSON body; an empty one is an empty object. Ignores the `Content-Type`, because
/// curl sends that of a form.
pub(crate) fn parse_body<T: DeserializeOwned>(body: &Bytes) -> Result<T, ControlError> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| ControlError::bad_request(format!("invalid body: {error}")))
}
