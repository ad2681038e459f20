//! Logging. No line may contain a query string, a header, a body, a token, a secret, an openid
//! or a unionid.

use crate::config;
use crate::panic;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging to standard output. Of a panic only the location is logged.
///
/// Lambda's logging configuration sets the level and the format (`AWS_LAMBDA_LOG_LEVEL` and
/// `AWS_LAMBDA_LOG_FORMAT`; see "Configuring advanced logging controls" in the Lambda developer
/// guide). JSON lines have the request id and the time, without which Lambda ignores their
/// level. Text lines are for people.
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
