//! `make bench-sends`: what one notification costs, and how many a second go
//! through the queue when WeChat takes 100 ms to answer.
//!
//! The functions are the release binaries in the folder that is the first
//! argument, each in as many processes as AWS would give it; AWS and WeChat are
//! this machine's own, and share its cores with them. So what is told is the
//! ratio to a function that sends one after the other.

mod world;

use measuring::say;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use world::World;

/// So many notifications go through the queue, unless the second argument says
/// otherwise.
const NOTIFICATIONS: usize = 10_000;
/// WeChat takes so long to answer.
const WECHAT: Duration = Duration::from_millis(100);
/// One environment that sends one after the other, with no time for anything but
/// waiting for WeChat.
const ONE_BY_ONE: f64 = 10.0;

fn main() -> ExitCode {
    measuring::run(NOTIFICATIONS, measure_all)
}

async fn measure_all(binaries: &Path, notifications: usize) -> Result<(), Box<dyn Error>> {
    one(binaries).await?;
    say("");
    say(&format!("{notifications} through the queue, WeChat answering in {WECHAT:?}:"));
    say("environments | seconds | a second | a second and environment | one by one");
    for environments in [1, 4, 10] {
        // Fewer for one, so that nobody waits for minutes.
        let count = if environments == 1 { notifications / 5 } else { notifications };
        let took = through_the_queue(binaries, environments, count).await?;
        let rate = count as f64 / took.as_secs_f64();
        let each = rate / environments as f64;
        say(&format!(
            "{environments:12} | {:7.1} | {rate:8.0} | {each:24.0} | ×{:.1}",
            took.as_secs_f64(),
            each / ONE_BY_ONE,
        ));
    }
    Ok(())
}

/// One notification each through the channels that the example has.
async fn one(binaries: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::start(binaries, 1).await?;
    // Templates, apps and tokens are read, and kept from then on.
    world.send("warm", "template").await?;
    say("One notification, when the function is warm:");
    say("channel          | DynamoDB | WeChat");
    for channel in ["template", "subscribe", "customer_service"] {
        let counted = world.count().await?;
        world.send(channel, channel).await?;
        let (dynamodb, wechat) = counted.calls(&world).await?;
        say(&format!("{channel:16} | {dynamodb:8} | {wechat:6}"));
        if channel == "template" && (dynamodb > 3 || wechat > 1) {
            return Err("a template message costs more than three calls and one".into());
        }
    }
    world.stop().await;
    Ok(())
}

async fn through_the_queue(
    binaries: &Path,
    environments: usize,
    count: usize,
) -> Result<Duration, Box<dyn Error>> {
    let world = World::start(binaries, environments).await?;
    world.send("warm", "template").await?;
    world.slow_down(WECHAT).await?;
    let begun = Instant::now();
    world.queue(count)?;
    world.until_sent(count as u64).await?;
    let took = begun.elapsed();
    world.stop().await;
    Ok(took)
}
