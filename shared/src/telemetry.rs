//! Log lines. What never goes into one: a query string, a header, a body, a
//! token, a secret, an openid or a unionid.

use crate::config;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging to standard output, as JSON or text and from the level that
/// Lambda's logging configuration asks for (`AWS_LAMBDA_LOG_FORMAT` and
/// `AWS_LAMBDA_LOG_LEVEL`; see "Configuring advanced logging controls" in the
/// Lambda developer guide). CloudWatch adds the time.
pub fn start() {
    let level = match config::optional("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        Some("TRACE" | "DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .without_time()
        .with_target(false)
        .with_ansi(false);
    if config::optional("AWS_LAMBDA_LOG_FORMAT").as_deref() == Some("JSON") {
        subscriber.json().flatten_event(true).with_current_span(false).init();
    } else {
        subscriber.init();
    }
}
