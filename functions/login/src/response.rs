//! HTTP responses.

use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::json;

/// For how many seconds authorizers may cache the keys.
pub(crate) const KEYS_MAX_AGE_SECS: u64 = 600;

/// A response that must not be cached.
pub(crate) fn ok(body: &impl Serialize) -> Response<Body> {
    with_status(200, body)
}

/// A response that may be cached for ten minutes.
pub(crate) fn cacheable(body: &impl Serialize) -> Response<Body> {
    let mut response = ok(body);
    let value = format!("public, max-age={KEYS_MAX_AGE_SECS}");
    let value = header::HeaderValue::try_from(value).expect("it is ASCII");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

/// An error, with `Retry-After` in seconds if there is one.
pub(crate) fn error(status: u16, message: &str, retry_after: Option<u64>) -> Response<Body> {
    let mut response = with_status(status, &json!({ "error": message }));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn with_status(status: u16, body: &impl Serialize) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status of LoginError's"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(json!(body).to_string()))
        .expect("a status and two fixed headers")
}
