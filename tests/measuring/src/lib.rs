//! What the programs have in common that measure the functions: they are given a folder
//! with the release binaries and, if need be, how many, and print figures.

pub mod processes;
pub mod table;

use serde_json::{Value, json};
use std::cmp::Ordering;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs a program that measures. Its first argument is the folder with the functions'
/// binaries; its second, how many it is to be if not as `usual`.
pub fn run(
    usual: usize,
    measure: impl AsyncFnOnce(&Path, usize) -> Result<(), Box<dyn Error>>,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        let (binaries, many) = arguments(usual)?;
        runtime.block_on(measure(&binaries, many))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn arguments(usual: usize) -> Result<(PathBuf, usize), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let binaries = arguments.next().ok_or("which folder are the functions' binaries in?")?;
    let many = arguments.next().map_or(Ok(usual), |number| number.parse())?;
    Ok((std::path::absolute(binaries)?, many))
}

/// The one in the middle, in this order; of two, the larger. `None` of none.
#[must_use]
pub fn median<T: Copy>(values: &[T], order: impl Fn(&T, &T) -> Ordering) -> Option<T> {
    let mut values = values.to_vec();
    values.sort_by(order);
    values.get(values.len() / 2).copied()
}

/// What API Gateway hands over (payload format 2.0), for a function that does nothing
/// with it.
#[must_use]
pub fn request() -> Value {
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

/// Prints a line of figures.
#[expect(clippy::print_stdout, reason = "figures are what these programs are for")]
pub fn say(line: &str) {
    println!("{line}");
}

/// Says why there are no figures.
#[expect(clippy::print_stderr, reason = "whoever measures needs to know why nothing was")]
pub fn complain(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_has_as_many_below_as_above() {
        assert_eq!(median(&[9.0, 1.0, 5.0], f64::total_cmp), Some(5.0));
        assert_eq!(median(&[4, 1], Ord::cmp), Some(4));
        assert_eq!(median(&[], f64::total_cmp), None);
    }
}
