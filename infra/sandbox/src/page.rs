//! The page with the phones, and what is underneath them.
//!
//! It is made of a handful of files, as they are: nothing is built, and nothing is
//! fetched from elsewhere.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What the page may do: run its own scripts, look like its own style sheet, and talk to
/// this server. Nothing that somebody writes into a message becomes more than text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files, with what they are.
const FILES: [(&str, &str, &str); 11] = [
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("element.js", SCRIPT, include_str!("page/element.js")),
    ("words.js", SCRIPT, include_str!("page/words.js")),
    ("state.js", SCRIPT, include_str!("page/state.js")),
    ("phone.js", SCRIPT, include_str!("page/phone.js")),
    ("chat.js", SCRIPT, include_str!("page/chat.js")),
    ("mini_program.js", SCRIPT, include_str!("page/mini_program.js")),
    ("underneath.js", SCRIPT, include_str!("page/underneath.js")),
    ("controls.js", SCRIPT, include_str!("page/controls.js")),
];

/// Answers `GET /`.
pub(crate) async fn show() -> Response {
    respond("text/html; charset=utf-8", include_str!("page/index.html"))
}

/// Answers `GET /page/{file}`.
pub(crate) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => respond(kind, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn respond(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // Whoever updates the sandbox sees the new page.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
