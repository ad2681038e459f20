//! `make bench-costs`: what Hongyan costs on AWS, computed from what its functions use
//! on this machine.
//!
//! The first argument is the folder with the release binaries. Processor time, memory,
//! invocations, DynamoDB's units and log bytes are measured. The prices, and how long
//! calls of AWS and WeChat take, are assumed: adapt them in `prices.rs`.

mod prices;

use bench::usage::{MeteredStack, Usage, WORKLOADS};
use bench::{Failure, markdown, print_line};
use prices::{Bill, DYNAMODB_CALL_MS, WECHAT_CALL_MS};
use std::path::Path;
use std::process::ExitCode;

/// How often each workload is done by default. (The sandbox's clock may be 300 seconds
/// ahead of ours.)
const TIMES: usize = 250;
/// In a month of 30 days.
const MINUTES_PER_MONTH: f64 = 43_200.0;
/// The functions that [`WORKLOADS`]' minute invokes have a schedule each.
const SCHEDULES: f64 = 4.0;

fn main() -> ExitCode {
    bench::run(TIMES, measure_all)
}

async fn measure_all(binaries: &Path, times: usize) -> Result<(), Failure> {
    let mut bills = Vec::new();

    print_line(&format!(
        "Each {times} times; a call of DynamoDB takes {DYNAMODB_CALL_MS} ms, one of WeChat \
         {WECHAT_CALL_MS} ms:\n"
    ));
    markdown::print_header(&[
        "work",
        "function",
        "MB",
        "invocations",
        "DynamoDB calls",
        "WeChat calls",
        "processor, ms",
        "billed, ms",
        "peak MB",
        "reads",
        "writes",
    ]);
    for workload in WORKLOADS {
        let usage = measure(binaries, workload, times).await?;
        let mut bill = Bill::default();
        for (function, used) in &usage {
            markdown::print_row(&[
                workload.to_owned(),
                function.clone(),
                format!("{:.0}", used.memory_mb),
                format!("{:.2}", used.invocations),
                format!("{:.2}", used.dynamodb),
                format!("{:.2}", used.wechat),
                format!("{:.2}", used.processor_ms),
                format!("{:.0}", prices::billed_ms(used)),
                format!("{:.0}", used.peak_mb),
                format!("{:.1}", used.reads),
                format!("{:.1}", used.writes),
            ]);
            bill.add(used);
        }
        // API Gateway bills a request for each call from outside; the one of a
        // notification is WeChat's receipt.
        bill.requests = if workload == "minute" { 0.0 } else { 1.0 };
        bills.push((workload, bill));
    }

    print_line("");
    markdown::print_header(&[
        "US dollars",
        "Lambda",
        "DynamoDB",
        "API Gateway",
        "schedules",
        "logs",
        "all",
    ]);
    for (workload, bill) in bills {
        let (label, times, schedules) = match workload {
            "minute" => ("an idle month".to_owned(), MINUTES_PER_MONTH, SCHEDULES),
            workload => (format!("a million {workload}s"), 1e6, 0.0),
        };
        let price = bill.price(schedules, times);
        let parts =
            [price.lambda, price.dynamodb, price.gateway, price.schedules, price.logs, price.all()];
        let cells = parts.map(|dollars| format!("{dollars:.2}"));
        markdown::print_row(&[vec![label], cells.into()].concat());
    }
    Ok(())
}

/// What one piece of work uses of each function that takes part in it.
async fn measure(
    binaries: &Path,
    workload: &str,
    times: usize,
) -> Result<Vec<(String, Usage)>, Failure> {
    let mut stack = MeteredStack::start(binaries).await?;
    // Starts the processes.
    stack.work(workload, 1).await?;
    let before = stack.usage().await?;
    stack.work(workload, times).await?;
    let after = stack.usage().await?;
    stack.stop().await;
    let part = |(function, after): (String, Usage)| {
        let used = after.since(before.get(&function), times as f64);
        (used.invocations > 0.01).then_some((function, used))
    };
    Ok(after.into_iter().filter_map(part).collect())
}
