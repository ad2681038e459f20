//! `make bench-starts`: how fast a cold function asks for its first invocation and
//! answers it, what a warm one takes, and how large they are, beside a function that
//! does nothing and is built as they are.
//!
//! AWS and WeChat are this machine's own and share its cores with them: so a ratio says
//! more than a time.

mod world;

use measuring::say;
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
            for _ in 0..WARM {
                world.warm(function, cost).await?;
            }
            world.weigh(function, cost, WARM as f64 + 1.0);
        }
    }
    world.stop().await;

    say(
        "| Function | asks for work after | × | first answer after | × | warm answer | × | processor, each | memory | binary | zip |",
    );
    say("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let noop = costs[0].medians();
    for (function, cost) in FUNCTIONS.iter().zip(&costs) {
        let it = cost.medians();
        let (binary, zip) = world::sizes(&binaries.join(function))?;
        say(&format!(
            "| {function} | {:.1} ms | {:.2} | {:.1} ms | {:.2} | {:.2} ms | {:.2} | {:.2} ms | {:.1} MB | {binary:.2} MB | {zip:.2} MB |",
            it.ready,
            it.ready / noop.ready,
            it.first,
            it.first / noop.first,
            it.warm,
            it.warm / noop.warm,
            it.processor,
            it.memory,
        ));
    }
    Ok(())
}
