//! The page: people's phones, and the inspector beside them.
//!
//! It consists of static files without a build step, and loads nothing from elsewhere.

use crate::context::SharedContext;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The page's content security policy: its own scripts and style sheet, and calls to this
/// server. Markup in a message stays text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files: name, content type and content.
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
    ("inspector.js", SCRIPT, include_str!("page/inspector.js")),
    ("controls.js", SCRIPT, include_str!("page/controls.js")),
];

pub(crate) fn routes() -> Router<SharedContext> {
    Router::new().route("/", get(index)).route("/page/{file}", get(file))
}

async fn index() -> Response {
    respond("text/html; charset=utf-8", include_str!("page/index.html"))
}

async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, text)) => respond(content_type, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn respond(content_type: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // A browser shows the new page after an update of the sandbox.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
