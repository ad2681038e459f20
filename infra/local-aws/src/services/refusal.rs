//! What a service says instead of doing what it was asked.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A refusal, with the code that AWS documents for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The status of the HTTP answer.
    pub status: StatusCode,
    /// The shape's name in the service's API, as in `ParameterNotFound`.
    pub code: Cow<'static, str>,
    /// What happened and what to do about it. Holds no values of parameters or messages.
    pub message: String,
}

impl Refusal {
    /// The caller's mistake: status 400.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: code.into(), message: message.into() }
    }

    /// The caller's mistake, as most services but SQS call it.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The caller's mistake, as SQS calls it.
    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// Our own failure: status 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalServerError".into(),
            message: message.into(),
        }
    }

    /// The body of a request is not what the operation takes.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        // serde_json quotes the value it stumbled over, which may be a secret:
        // only its remarks on the names of fields are passed on.
        let text = error.to_string();
        let message = if text.starts_with("missing field") || text.starts_with("unknown field") {
            text
        } else {
            format!(
                "the request is not what this operation takes (line {}, column {})",
                error.line(),
                error.column()
            )
        };
        Self::new("SerializationException", message)
    }

    /// The answer in AWS JSON, `version` being the protocol's: `1.0` or `1.1`.
    pub(crate) fn json(&self, version: &str) -> Response {
        let body = json!({"__type": self.code, "message": self.message});
        answer(self.status, version, body.to_string())
    }
}

impl From<persisted::NotWritten> for Refusal {
    fn from(error: persisted::NotWritten) -> Self {
        Self::internal(error.to_string())
    }
}

/// Reads a request's body.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::unreadable(&error))
}

/// An answer in AWS JSON.
pub(crate) fn answer(status: StatusCode, version: &str, body: String) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    let kind = match version {
        "1.0" => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    };
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
