//! Log lines. What never goes into one: a query string, a header, a body, a
//! token, a secret, an openid or a unionid.

use crate::config;
use crate::panic;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging to standard output. What a panic says isn't logged, only where it
/// happened.
///
/// Lambda's logging configuration says from which level, and whether as JSON or
/// as text (`AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT`; see "Configuring advanced logging controls" in the
/// Lambda developer guide). JSON lines carry the id of the request, and the time:
/// Lambda believes the level of a line only if it has one. Text lines are for
/// reading.
pub fn start() {
    panic::install_panic_hook();
    let level = match config::optional("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        Some("TRACE" | "DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false);
    // The crates below log what they send and receive at their lower levels.
    let quiet = LevelFilter::WARN.min(level);
    let targets = Targets::new()
        .with_default(level)
        .with_targets(["aws", "hyper", "reqwest", "rustls"].map(|name| (name, quiet)));
    if config::optional("AWS_LAMBDA_LOG_FORMAT").as_deref() == Some("JSON") {
        let lines = lines.json().flatten_event(true).with_span_list(false);
        tracing_subscriber::registry().with(targets).with(lines).init();
    } else {
        let targets = targets.with_target("lambda_runtime", quiet);
        tracing_subscriber::registry().with(targets).with(lines.without_time()).init();
    }
}
