//! `make bench-followers`: what bringing an account's followers in costs, what a night
//! costs on which nothing has changed, and how much memory it takes.
//!
//! The functions are the binaries in the folder that is the first argument; AWS and
//! WeChat are this machine's own, and share its cores with them. DynamoDB is SQLite
//! here, and most of the time is its: so the calls count, and the memory, and the time
//! only beside other times. WeChat's list has pages of 10,000, as it has.

mod world;

use measuring::say;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use world::{Cost, World};

/// So many follow, unless the second argument says otherwise.
const FOLLOWERS: usize = 50_000;
/// More memory than this, in MB, is too much for a million.
const MOST: f64 = 64.0;
/// What a million takes more than the first page, in bytes for each follower: the hash
/// by which it is known who was on the list, and what the allocator leaves between.
const EACH: f64 = 16.0;

fn main() -> ExitCode {
    measuring::run(FOLLOWERS, measure_all)
}

async fn measure_all(binaries: &Path, followers: usize) -> Result<(), Box<dyn Error>> {
    say("followers |       | lists | batches | seconds | DynamoDB calls | for each | peak MB");
    let few = measure(binaries, followers.div_ceil(5)).await?;
    let many = measure(binaries, followers).await?;
    let grown = (many - few) * 1e6;
    let allowed = EACH * followers as f64 + 4e6;
    say(&format!("five times as many take {:.1} MB more", grown / 1e6));
    if grown > allowed {
        return Err(format!("the memory grows with the followers: {grown:.0} bytes").into());
    }
    let million = many + EACH * 1_000_000_f64.max(followers as f64) / 1e6;
    if million > MOST {
        return Err(format!("a million would take {million:.0} MB").into());
    }
    Ok(())
}

/// One account's import and the night after it: the peak of memory, in MB.
async fn measure(binaries: &Path, followers: usize) -> Result<f64, Box<dyn Error>> {
    let world = World::start(binaries, followers).await?;
    let first = world.import().await?;
    tell("first", followers, &first);
    let (pages, batches) = (followers.div_ceil(10_000) as u64, followers.div_ceil(100) as u64);
    if (first.lists, first.batches) != (pages, batches) {
        return Err(format!("{pages} lists and {batches} batches would have done").into());
    }
    let night = world.night().await?;
    tell("night", followers, &night);
    if (night.lists, night.batches) != (pages, 0) {
        return Err("a night on which nothing changed took more than the lists".into());
    }
    world.stop().await;
    Ok(first.peak.max(night.peak))
}

fn tell(what: &str, followers: usize, cost: &Cost) {
    let each = cost.dynamodb as f64 / followers as f64;
    let Cost { lists, batches, seconds, dynamodb, peak } = cost;
    say(&format!(
        "{followers:9} | {what} | {lists:5} | {batches:7} | {seconds:7.1} | {dynamodb:14} | {each:8.4} | {peak:7.1}"
    ));
}
