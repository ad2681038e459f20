//! Errors of the control API.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use persisted::NotWritten;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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

    pub(crate) fn method_not_allowed(error: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, error)
    }

    /// A field is missing or invalid.
    pub(crate) fn missing_field(field: &str, what: &str) -> Self {
        Self::bad_request(format!("the field {field} is missing: {what}"))
    }
}

impl From<NotWritten> for ControlError {
    /// The data file can't be written.
    fn from(error: NotWritten) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
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

/// What most handlers answer.
pub(crate) type ControlResponse = Result<Json<Value>, ControlError>;

/// A JSON body; an empty one is an empty object. The `Content-Type` is ignored, because curl
/// sends that of a form.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ControlError> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|it| ControlError::new(it.status(), it.body_text()))?;
        let body: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|error| ControlError::bad_request(format!("invalid body: {error}")))
    }
}
