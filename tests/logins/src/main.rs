//! `make bench-logins`: what a login costs, how many a second one environment
//! takes, and how long the first one of a process takes.
//!
//! The functions are the release binaries in the folder that is the first
//! argument; AWS and WeChat are this machine's own, and share its cores with
//! them. So beside each figure stands its ratio to a call of the same function that
//! does nothing, or to the same call of a process that is warm.

mod world;

use measuring::{say, table};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use world::{Account, World};

/// So many logins are measured, unless the second argument says otherwise.
const LOGINS: usize = 1_000;
/// A process is started so often; what is told is the one in the middle.
const STARTS: usize = 7;

fn main() -> ExitCode {
    measuring::run(LOGINS, measure_all)
}

async fn measure_all(binaries: &Path, logins: usize) -> Result<(), Box<dyn Error>> {
    let mut world = World::start(binaries).await?;
    cost(&world).await?;
    rate(&mut world, logins).await?;
    world.stop().await;
    cold(binaries).await
}

/// The calls of one login.
async fn cost(world: &World) -> Result<(), Box<dyn Error>> {
    say("One login, when the function is warm:\n");
    table::head(&["login", "DynamoDB calls", "WeChat calls"]);
    for (what, account) in [("by code", Account::None), ("and password", Account::Own)] {
        let login = world.login("ann", account).await?;
        let counted = world.count().await?;
        world.log_in(&login).await?;
        let (dynamodb, wechat) = counted.calls(world).await?;
        table::row(&[what.to_owned(), dynamodb.to_string(), wechat.to_string()]);
    }
    Ok(())
}

/// Logins one after the other, through one environment.
async fn rate(world: &mut World, count: usize) -> Result<(), Box<dyn Error>> {
    let nothing = {
        let begun = Instant::now();
        for _ in 0..count {
            world.do_nothing().await?;
        }
        begun.elapsed() / u32::try_from(count)?
    };
    say(&format!("\n{count} in a row, one environment:\n"));
    table::head(&["call", "a second", "ms each", "× does nothing"]);
    tell_rate("does nothing", nothing, nothing);
    let few = (count / 10).max(1);
    for (what, account, count) in
        [("by code", Account::None, count), ("and password", Account::Own, few)]
    {
        let logins = world.logins(count, account).await?;
        let begun = Instant::now();
        for login in &logins {
            world.log_in(login).await?;
        }
        tell_rate(what, begun.elapsed() / u32::try_from(count)?, nothing);
    }
    Ok(())
}

fn tell_rate(what: &str, each: Duration, nothing: Duration) {
    let (a_second, ratio) = (1.0 / each.as_secs_f64(), each.div_duration_f64(nothing));
    let each = each.as_secs_f64() * 1000.0;
    let figures = [format!("{a_second:.0}"), format!("{each:.1}"), format!("{ratio:.1}")];
    table::row(&[&[what.to_owned()], &figures[..]].concat());
}

/// The first call of a process: from the request, which starts it, to the answer.
async fn cold(binaries: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::start(binaries).await?;
    say("\nThe first call of a process, from the request to the answer:\n");
    table::head(&["call", "cold, ms", "warm, ms", "×"]);
    for what in ["login", "keys"] {
        let mut colds = Vec::new();
        let mut warms = Vec::new();
        for _ in 0..STARTS {
            world.end_processes().await?;
            colds.push(world.timed(what).await?);
            warms.push(world.timed(what).await?);
        }
        let middle = |times: &[Duration]| measuring::median(times, Ord::cmp).unwrap_or_default();
        let (cold, warm) = (middle(&colds), middle(&warms));
        let ratio = cold.div_duration_f64(warm);
        table::row(&[
            what.to_owned(),
            format!("{:.0}", cold.as_secs_f64() * 1000.0),
            format!("{:.1}", warm.as_secs_f64() * 1000.0),
            format!("{ratio:.0}"),
        ]);
        // API Gateway waits no longer for the keys.
        if what == "keys" && cold > Duration::from_millis(1500) {
            return Err(format!("the keys took {cold:?} when cold").into());
        }
    }
    world.stop().await;
    Ok(())
}
