//! `make bench-starts`: how fast a cold function asks for its first invocation and
//! answers it, what a warm one takes, and how large they are, beside a function that
//! does nothing and is built as they are.
//!
//! AWS and WeChat are this machine's own and share its cores with them: so a ratio says
//! more than a time.

mod world;

use measuring::{say, table};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use world::{Cost, World};

/// So often each function is started, unless the second argument says otherwise.
const STARTS: usize = 20;
/// So often each one answers when it is warm, for every cold start.
const WARM: usize = 10;
/// What nothing costs.
const NOOP: &str = "noop";
/// So much later than the one that does nothing may a function ask for work.
const LATER: f64 = 1.25;
/// So large may a zip be, in MB.
const ZIP: f64 = 3.0;
const FUNCTIONS: [&str; 7] = [NOOP, "callback", "events", "followers", "login", "send", "token"];

fn main() -> ExitCode {
    measuring::run(STARTS, measure)
}

async fn measure(binaries: &Path, starts: usize) -> Result<(), Box<dyn Error>> {
    let world = World::start(binaries).await?;
    let mut costs: Vec<Cost> = FUNCTIONS.iter().map(|_| Cost::default()).collect();
    // In turns, so that what else this machine does befalls all of them.
    for _ in 0..starts {
        for (function, cost) in FUNCTIONS.iter().zip(&mut costs) {
            world.cold(function, cost).await?;
            world.warm(function, WARM, cost).await?;
        }
    }
    world.stop().await;

    say(&format!(
        "Medians of {starts} starts of each, with {WARM} more answers after each start.\n"
    ));
    table::head(&[
        "function",
        "asks for work after, ms",
        "×",
        "first answer after, ms",
        "×",
        "of it processor, ms",
        "warm answer, ms",
        "×",
        "of it processor, ms",
        "peak MB",
    ]);
    let noop = costs[0].medians();
    let mut latest = 0.0_f64;
    for (function, cost) in FUNCTIONS.iter().zip(&costs) {
        let it = cost.medians();
        latest = latest.max(it.ready / noop.ready);
        table::row(&[
            (*function).to_owned(),
            format!("{:.1}", it.ready),
            format!("{:.2}", it.ready / noop.ready),
            format!("{:.1}", it.first),
            format!("{:.2}", it.first / noop.first),
            format!("{:.1}", it.started),
            format!("{:.2}", it.warm),
            format!("{:.2}", it.warm / noop.warm),
            format!("{:.2}", it.answered),
            format!("{:.1}", it.memory),
        ]);
    }
    say("");
    table::head(&["MB", "binary", "zip"]);
    let mut largest = 0.0_f64;
    for function in FUNCTIONS {
        let (binary, zip) = world::sizes(&binaries.join(function))?;
        largest = largest.max(zip);
        table::row(&[function.to_owned(), format!("{binary:.2}"), format!("{zip:.2}")]);
    }
    say("");
    table::goal(
        &format!("the first question for work within {LATER} × of doing nothing"),
        &format!("{latest:.2} × at most"),
        latest <= LATER,
    );
    table::goal(&format!("zips of {ZIP} MB at most"), &format!("{largest:.2} MB"), largest <= ZIP);
    Ok(())
}
