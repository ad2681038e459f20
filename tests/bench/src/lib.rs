//! Shared by the programs that measure the functions. Most of them take the folder with
//! the release binaries and, optionally, a count, and print figures as Markdown.

pub mod markdown;
pub mod processes;
#[cfg(feature = "stack")]
pub mod stack;
#[cfg(feature = "stack")]
pub mod usage;

use serde_json::{Value, json};
use std::cmp::Ordering;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a measurement ended early.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Runs a measurement. The program's first argument is the folder with the functions'
/// binaries; the second is the count, `default_count` if it is absent.
pub fn run(
    default_count: usize,
    measure: impl AsyncFnOnce(&Path, usize) -> Result<(), Failure>,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    exit_code(runtime.map_err(Into::into).and_then(|runtime| {
        let (binaries, count) = arguments(default_count)?;
        runtime.block_on(measure(&binaries, count))
    }))
}

/// Prints the failure, if there is one.
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn arguments(default_count: usize) -> Result<(PathBuf, usize), Failure> {
    let mut arguments = std::env::args().skip(1);
    let binaries = arguments.next().ok_or("the folder with the functions' binaries is missing")?;
    let count = arguments.next().map_or(Ok(default_count), |number| number.parse())?;
    Ok((std::path::absolute(binaries)?, count))
}

/// The median in this order; of two middle values, the larger. `None` if there are none.
#[must_use]
pub fn median<T: Copy>(values: &[T], order: impl Fn(&T, &T) -> Ordering) -> Option<T> {
    let mut values = values.to_vec();
    values.sort_by(order);
    values.get(values.len() / 2).copied()
}

/// An event of API Gateway (payload format 2.0), for the function that does nothing.
#[must_use]
pub fn http_event() -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
        "headers": { "host": "localhost" }, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "0", "apiId": "local", "domainName": "localhost", "domainPrefix": "local",
            "http": { "method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench" },
            "requestId": "1", "routeKey": "$default", "stage": "$default",
            "time": "21/Nov/2026:00:00:00 +0000", "timeEpoch": 1_795_219_200_000_i64,
        },
    })
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "these programs print figures")]
pub fn print_line(line: &str) {
    println!("{line}");
}

/// Prints why there are no figures.
#[expect(clippy::print_stderr, reason = "errors don't belong among the figures")]
pub fn print_error(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_has_as_many_values_below_as_above() {
        assert_eq!(median(&[9.0, 1.0, 5.0], f64::total_cmp), Some(5.0));
        assert_eq!(median(&[4, 1], Ord::cmp), Some(4));
        assert_eq!(median(&[], f64::total_cmp), None);
    }
}
