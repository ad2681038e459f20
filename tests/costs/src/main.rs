//! `make bench-costs`: what Hongyan costs on AWS, computed from what its functions use
//! on this machine.
//!
//! The functions are the release binaries in the folder that is the first argument.
//! What is measured is processor time, memory, invocations, DynamoDB's units and the
//! bytes that are logged; how long AWS and WeChat keep a function waiting is assumed,
//! and so are the prices. Both stand in `prices`, to be changed to yours.

mod prices;

use costs::{Usage, WORKS, World};
use measuring::{say, table};
use prices::{Bill, DYNAMODB, WECHAT};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// Each kind of work is done so often, unless the second argument says otherwise. (What
/// WeChat says may be 300 seconds from our time.)
const TIMES: usize = 250;
/// So many minutes has a month of 30 days.
const MINUTES: f64 = 43_200.0;

fn main() -> ExitCode {
    measuring::run(TIMES, measure_all)
}

async fn measure_all(binaries: &Path, times: usize) -> Result<(), Box<dyn Error>> {
    let mut bills = Vec::new();

    say(&format!(
        "Each {times} times; waiting {DYNAMODB} ms for DynamoDB, {WECHAT} ms for WeChat:\n"
    ));
    table::head(&[
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
    for work in WORKS {
        let usage = measured(binaries, work, times).await?;
        let mut bill = Bill::default();
        for (function, used) in &usage {
            table::row(&[
                work.to_owned(),
                function.clone(),
                format!("{:.0}", used.memory),
                format!("{:.2}", used.invocations),
                format!("{:.2}", used.dynamodb),
                format!("{:.2}", used.wechat),
                format!("{:.2}", used.processor),
                format!("{:.0}", prices::billed(used)),
                format!("{:.0}", used.peak),
                format!("{:.1}", used.reads),
                format!("{:.1}", used.writes),
            ]);
            bill.add(used);
        }
        // A request of API Gateway's for each call from outside.
        bill.requests = match work {
            "callback" | "login" => 1.0,
            // WeChat's receipt.
            "notification" => 1.0,
            _ => 0.0,
        };
        bills.push((work, bill));
    }

    say("");
    table::head(&["US dollars", "Lambda", "DynamoDB", "API Gateway", "schedules", "logs", "all"]);
    for (work, bill) in bills {
        let (what, times) = match work {
            "minute" => ("an idle month".to_owned(), MINUTES),
            work => (format!("a million {work}s"), 1e6),
        };
        // The four functions of the minute have a schedule each.
        let schedules = if work == "minute" { 4.0 } else { 0.0 };
        let price = bill.price(schedules, times);
        let parts =
            [price.lambda, price.dynamodb, price.gateway, price.schedules, price.logs, price.all()];
        let cells = parts.map(|dollars| format!("{dollars:.2}"));
        table::row(&[vec![what], cells.into()].concat());
    }
    Ok(())
}

/// What one piece of work uses of each function that has a part in it.
async fn measured(
    binaries: &Path,
    work: &str,
    times: usize,
) -> Result<Vec<(String, Usage)>, Box<dyn Error>> {
    let mut world = World::start(binaries).await?;
    // The first of its kind starts processes.
    world.work(work, 1).await?;
    let before = world.usage().await?;
    world.work(work, times).await?;
    let after = world.usage().await?;
    world.stop().await;
    let part = |(function, after): (String, Usage)| {
        let used = after.since(before.get(&function), times as f64);
        (used.invocations > 0.01).then_some((function, used))
    };
    Ok(after.into_iter().filter_map(part).collect())
}
