//! `make bench-sends`: what one notification costs, how many a second go through the
//! queue when WeChat takes 100 ms to answer, and what it takes when the access token
//! dies under many who send.
//!
//! The functions are the release binaries in the folder that is the first
//! argument, each in as many processes as AWS would give it; AWS and WeChat are
//! this machine's own, and share its cores with them. So what is told is the
//! ratio to a function that sends one after the other.

mod world;

use measuring::{say, table};
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
/// So many send while their token is dead.
const SENDERS: usize = 200;
/// So many processes they share.
const ENVIRONMENTS: usize = 20;

fn main() -> ExitCode {
    measuring::run(NOTIFICATIONS, measure_all)
}

async fn measure_all(binaries: &Path, notifications: usize) -> Result<(), Box<dyn Error>> {
    one(binaries).await?;
    say(&format!("\nThrough the queue, WeChat answering in {WECHAT:?}:\n"));
    table::head(&[
        "environments",
        "notifications",
        "seconds",
        "a second",
        "a second and environment",
        "× one by one",
    ]);
    for environments in [1, 4, 10] {
        // Fewer for one, so that nobody waits for minutes.
        let count = if environments == 1 { notifications / 5 } else { notifications };
        let took = through_the_queue(binaries, environments, count).await?;
        let rate = count as f64 / took.as_secs_f64();
        let each = rate / environments as f64;
        table::row(&[
            environments.to_string(),
            table::grouped(count as f64),
            format!("{:.1}", took.as_secs_f64()),
            format!("{rate:.0}"),
            format!("{each:.0}"),
            format!("{:.1}", each / ONE_BY_ONE),
        ]);
    }
    repair(binaries).await
}

/// One notification each through the channels that the example has.
async fn one(binaries: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::start(binaries, 1).await?;
    // Templates, apps and tokens are read, and kept from then on.
    world.send("warm", "template").await?;
    say("One notification, when the function is warm:\n");
    table::head(&["channel", "DynamoDB calls", "WeChat calls"]);
    for channel in ["template", "subscribe", "customer_service"] {
        let counted = world.count().await?;
        world.send(channel, channel).await?;
        let (dynamodb, wechat) = counted.calls(&world).await?;
        table::row(&[channel.to_owned(), dynamodb.to_string(), wechat.to_string()]);
        if channel == "template" && (dynamodb > 3 || wechat > 1) {
            return Err("a template message costs more than three calls and one".into());
        }
    }
    world.stop().await;
    Ok(())
}

/// The token dies, and everybody sends.
async fn repair(binaries: &Path) -> Result<(), Box<dyn Error>> {
    say(&format!("\n{SENDERS} send at once, through {ENVIRONMENTS} environments:\n"));
    table::head(&[
        "access token",
        "seconds",
        "×",
        "sent",
        "calls that send",
        "calls for a token",
        "of them forced",
    ]);
    let world = World::start(binaries, ENVIRONMENTS).await?;
    // Now every environment has the token at hand.
    world.send_at_once("warm", SENDERS).await?;
    let mut undisturbed = None;
    for (what, how) in [
        ("valid", None),
        ("dead", Some("revoke_tokens")),
        ("dead, and handed out once more", Some("reject_tokens")),
    ] {
        let before = world.asked().await?;
        if let Some(how) = how {
            world.end_token(how).await?;
        }
        let begun = Instant::now();
        world.send_at_once(how.unwrap_or("valid"), SENDERS).await?;
        let took = begun.elapsed();
        let after = world.asked().await?;
        let [sends, tokens, forced] = [0, 1, 2].map(|at| (after[at] - before[at]).to_string());
        let ratio = took.div_duration_f64(*undisturbed.get_or_insert(took));
        table::row(&[
            what.to_owned(),
            format!("{:.2}", took.as_secs_f64()),
            format!("{ratio:.1}"),
            SENDERS.to_string(),
            sends,
            tokens,
            forced,
        ]);
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
    world.until_delivered(count as u64).await?;
    world.stop().await;
    Ok(took)
}
