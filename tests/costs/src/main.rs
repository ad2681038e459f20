//! `make bench-costs`: what Hongyan costs on AWS, computed from what its functions use
//! on this machine.
//!
//! The functions are the release binaries in the folder that is the first argument.
//! What is measured is processor time, memory, invocations, DynamoDB's units and the
//! bytes that are logged; how long AWS and WeChat keep a function waiting is assumed,
//! and so are the prices. Both stand in `prices`, to be changed to yours.

mod prices;
mod world;

use measuring::say;
use prices::{Bill, DYNAMODB, WECHAT};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use world::{Usage, World};

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
        "Each {times} times; waiting {DYNAMODB} ms for DynamoDB, {WECHAT} ms for WeChat:"
    ));
    say("               | function  |  MB | calls | CPU ms | billed ms | peak MB | reads | writes");
    for work in ["callback", "login", "notification", "minute"] {
        let usage = measured(binaries, work, times).await?;
        let mut bill = Bill::default();
        for (function, used) in &usage {
            say(&format!(
                "{work:14} | {function:9} | {:3.0} | {:5.2} | {:6.2} | {:9.0} | {:7.0} | {:5.1} | {:6.1}",
                used.memory,
                used.invocations,
                used.processor,
                prices::billed(used),
                used.peak,
                used.reads,
                used.writes,
            ));
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
    say("US dollars    | Lambda | DynamoDB | API Gateway | schedules |   logs |    all");
    for (work, bill) in bills {
        let (what, times) = match work {
            "minute" => ("an idle month".to_owned(), MINUTES),
            work => (format!("10^6 {work}s"), 1e6),
        };
        // The four functions of the minute have a schedule each.
        let schedules = if work == "minute" { 4.0 } else { 0.0 };
        let price = bill.price(schedules, times);
        say(&format!(
            "{what:19} | {:6.2} | {:8.2} | {:11.2} | {:9.2} | {:6.2} | {:6.2}",
            price.lambda,
            price.dynamodb,
            price.gateway,
            price.schedules,
            price.logs,
            price.all(),
        ));
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
