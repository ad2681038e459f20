//! Answers over HTTP.

use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::Value;

/// Authorizers may keep the keys this many seconds: 10 minutes.
const KEYS_FRESH: &str = "public, max-age=600";

/// An answer that nobody may keep.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(body.to_string()))
        .expect("a status and two fixed headers")
}

/// An answer that everybody may keep for ten minutes.
pub(crate) fn cacheable(body: &Value) -> Response<Body> {
    let mut response = json(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, header::HeaderValue::from_static(KEYS_FRESH));
    response
}

/// Says what is wrong.
pub(crate) fn error(status: u16, problem: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("a status is one of ours");
    json(status, &serde_json::json!({ "error": problem }))
}

/// With the number of seconds to wait before it is asked again, if there is one.
pub(crate) fn later(mut response: Response<Body>, seconds: Option<u64>) -> Response<Body> {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
