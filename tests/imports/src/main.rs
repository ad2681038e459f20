//! `make bench-followers`: what bringing an account's followers in costs, what a night
//! costs on which nothing has changed, how much memory it takes, and whether anything
//! else costs more among so many users.
//!
//! The functions are the binaries in the folder that is the first argument; AWS and
//! WeChat are this machine's own, and share its cores with them. DynamoDB is SQLite
//! here, and most of the time is its: so the calls count, and the memory, and the time
//! only beside other times. WeChat's list has pages of 10,000, as it has.

mod growth;
mod import;

use costs::World;
use import::Cost;
use measuring::{say, table};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// So many follow, unless the second argument says otherwise.
const FOLLOWERS: usize = 1_000_000;
/// A tenth and a thousandth as many, too.
const FEWER: [usize; 3] = [1_000, 10, 1];
/// After so many seconds an invocation may leave the rest to the next one: it has five
/// minutes, and stops before they are over.
const INVOCATION: f64 = 200.0;
/// So many batches the function has WeChat look at, at a time.
const BATCHES_AT_ONCE: u64 = 6;
/// More memory than this, in MB, is too much for a million.
const MOST: f64 = 64.0;
/// What a million takes more than the first page, in bytes for each follower: the hash
/// by which it is known who was on the list, and what the allocator leaves between.
const EACH: f64 = 16.0;

fn main() -> ExitCode {
    measuring::run(FOLLOWERS, measure_all)
}

async fn measure_all(binaries: &Path, followers: usize) -> Result<(), Box<dyn Error>> {
    table::head(&[
        "followers",
        "",
        "lists",
        "batches",
        "seconds",
        "processor, s",
        "DynamoDB calls",
        "for each",
        "peak MB",
    ]);
    let (mut peaks, mut worlds) = (Vec::new(), Vec::new());
    for part in FEWER {
        let followers = followers.div_ceil(part);
        let (peak, world) = measure(binaries, followers).await?;
        peaks.push((followers, peak));
        worlds.push((followers, world));
    }
    let [_, (fewer, less), (all, more)] = peaks[..] else {
        return Err("three were measured".into());
    };
    let grown = (more - less) * 1e6;
    say("");
    let goal = format!("{EACH} bytes of memory for each follower, besides 4 MB");
    let bound = EACH * (all - fewer) as f64 + 4e6;
    table::goal(&goal, &format!("{:.1} MB more", grown / 1e6), grown <= bound);
    if grown > bound {
        return Err(format!("the memory grows with the followers: {grown:.0} bytes").into());
    }
    let million = more + EACH * 1_000_000_f64.max(all as f64) / 1e6;
    if million > MOST {
        return Err(format!("a million would take {million:.0} MB").into());
    }
    say(&format!("\n### Among {} users\n", table::grouped(all as f64)));
    say("The same work in each of these worlds, in turns, for each piece of it:\n");
    growth::measure(&mut worlds).await?;
    for (_, world) in worlds {
        world.stop().await;
    }
    Ok(())
}

/// One account's import and the night after it: the peak of memory, in MB, and the world
/// that it leaves.
async fn measure(binaries: &Path, followers: usize) -> Result<(f64, World), Box<dyn Error>> {
    let world = World::start(binaries).await?;
    let first = import::all(&world, followers).await?;
    tell("first", followers, &first);
    // Ann has followed as well; and who goes on reads a page again, and asks again for
    // those who were being looked at.
    let (pages, batches) = (followers.div_ceil(10_000) as u64, followers.div_ceil(100) as u64);
    let resumed = |cost: &Cost| (cost.seconds / INVOCATION) as u64;
    let all_pages = |cost: &Cost| (pages..=pages + 1 + resumed(cost)).contains(&cost.lists);
    let most = batches + 1 + BATCHES_AT_ONCE * resumed(&first);
    if !all_pages(&first) || !(batches..=most).contains(&first.batches) {
        return Err(format!("{pages} lists and {batches} batches would have done").into());
    }
    let night = import::night(&world).await?;
    tell("night", followers, &night);
    if !all_pages(&night) || night.batches != 0 {
        return Err("a night on which nothing changed took more than the lists".into());
    }
    Ok((first.peak.max(night.peak), world))
}

fn tell(what: &str, followers: usize, cost: &Cost) {
    let each = cost.dynamodb as f64 / followers as f64;
    table::row(&[
        table::grouped(followers as f64),
        what.to_owned(),
        cost.lists.to_string(),
        cost.batches.to_string(),
        format!("{:.1}", cost.seconds),
        format!("{:.2}", cost.processor),
        table::grouped(cost.dynamodb as f64),
        format!("{each:.4}"),
        format!("{:.1}", cost.peak),
    ]);
}
