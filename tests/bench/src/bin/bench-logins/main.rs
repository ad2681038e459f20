//! `make bench-logins`: the calls that a login makes, the rate of one environment, and
//! the time of a process's first login.
//!
//! The first argument is the folder with the release binaries. The local AWS and the
//! sandbox share the machine's cores with the function, so each figure comes with its
//! ratio: to a call of the same function that does nothing, or to the warm call.

mod logins;

use bench::{Failure, markdown, print_line};
use logins::{LoginKind, Logins};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many logins are measured by default.
const LOGINS: usize = 1_000;
/// How often a process is started; the median counts.
const STARTS: usize = 7;
/// API Gateway's authorizer waits this long for the keys.
const MAX_COLD_KEYS: Duration = Duration::from_millis(1500);
const KINDS: [(&str, LoginKind); 2] =
    [("by code", LoginKind::Code), ("and password", LoginKind::CodeAndPassword)];

fn main() -> ExitCode {
    bench::run(LOGINS, measure_all)
}

async fn measure_all(binaries: &Path, count: usize) -> Result<(), Failure> {
    let mut logins = Logins::start(binaries).await?;
    measure_calls(&logins).await?;
    measure_rate(&mut logins, count).await?;
    logins.stack.stop().await;
    measure_cold_starts(binaries).await
}

async fn measure_calls(logins: &Logins) -> Result<(), Failure> {
    print_line("One login, when the function is warm:\n");
    markdown::print_header(&["login", "DynamoDB calls", "WeChat calls"]);
    for (label, kind) in KINDS {
        let login = logins.prepare("ann", kind).await?;
        let counter = logins.stack.count_calls("login").await?;
        logins.log_in(&login).await?;
        let (dynamodb, wechat) = counter.finish().await?;
        markdown::print_row(&[label.to_owned(), dynamodb.to_string(), wechat.to_string()]);
    }
    Ok(())
}

/// Sequential logins through one environment.
async fn measure_rate(logins: &mut Logins, count: usize) -> Result<(), Failure> {
    let constant_page = {
        let begun = Instant::now();
        for _ in 0..count {
            logins.fetch_constant_page().await?;
        }
        begun.elapsed() / u32::try_from(count)?
    };
    print_line(&format!("\n{count} in a row, one environment:\n"));
    markdown::print_header(&["call", "a second", "ms each", "× does nothing"]);
    print_rate("does nothing", constant_page, constant_page);
    for (label, kind) in KINDS {
        let count = match kind {
            LoginKind::Code => count,
            LoginKind::CodeAndPassword => (count / 10).max(1),
        };
        let requests = logins.prepare_many(count, kind).await?;
        let begun = Instant::now();
        for login in &requests {
            logins.log_in(login).await?;
        }
        print_rate(label, begun.elapsed() / u32::try_from(count)?, constant_page);
    }
    Ok(())
}

fn print_rate(label: &str, each: Duration, constant_page: Duration) {
    let (rate, ratio) = (1.0 / each.as_secs_f64(), each.div_duration_f64(constant_page));
    let each = each.as_secs_f64() * 1000.0;
    let figures = [format!("{rate:.0}"), format!("{each:.1}"), format!("{ratio:.1}")];
    markdown::print_row(&[&[label.to_owned()], &figures[..]].concat());
}

/// The first call of a process, from the request that starts it to the response.
async fn measure_cold_starts(binaries: &Path) -> Result<(), Failure> {
    let logins = Logins::start(binaries).await?;
    print_line("\nThe first call of a process, from the request to the answer:\n");
    markdown::print_header(&["call", "cold, ms", "warm, ms", "×"]);
    for call in ["login", "keys"] {
        let mut colds = Vec::new();
        let mut warms = Vec::new();
        for _ in 0..STARTS {
            logins.kill().await?;
            colds.push(logins.time(call).await?);
            warms.push(logins.time(call).await?);
        }
        let median = |times: &[Duration]| bench::median(times, Ord::cmp).unwrap_or_default();
        let (cold, warm) = (median(&colds), median(&warms));
        let ratio = cold.div_duration_f64(warm);
        markdown::print_row(&[
            call.to_owned(),
            format!("{:.0}", cold.as_secs_f64() * 1000.0),
            format!("{:.1}", warm.as_secs_f64() * 1000.0),
            format!("{ratio:.0}"),
        ]);
        if call == "keys" && cold > MAX_COLD_KEYS {
            return Err(format!("the keys took {cold:?} when cold").into());
        }
    }
    logins.stack.stop().await;
    Ok(())
}
