//! `make bench-followers`: the calls, time and memory of an import of followers and of a
//! nightly reconciliation in which nothing has changed, and whether other work costs more
//! with that many users.
//!
//! The first argument is the folder with the release binaries, the second the number of
//! followers. The local AWS and the sandbox share the machine's cores with the function,
//! and DynamoDB is SQLite here, which takes most of the time: calls and memory count,
//! times only in comparison. Pages of WeChat's list have 10,000 entries, as in WeChat.

mod growth;
mod import;

use bench::usage::MeteredStack;
use bench::{Failure, markdown, print_line};
use import::ImportCost;
use std::path::Path;
use std::process::ExitCode;

/// The default number of followers.
const FOLLOWERS: usize = 1_000_000;
/// The number of followers is divided by these, in three runs.
const DIVISORS: [usize; 3] = [1_000, 10, 1];
/// In seconds. After it an invocation may leave the rest to the next one: its timeout is
/// five minutes, and it stops earlier.
const MIN_INVOCATION_SECS: f64 = 200.0;
/// How many batches the function requests concurrently.
const CONCURRENT_BATCHES: u64 = 6;
/// The limit of memory for a million followers.
const MAX_MEMORY_MB: f64 = 64.0;
/// The limit of additional memory for each follower: the hash by which the function knows
/// who was on the list, and what the allocator leaves unused.
const MAX_BYTES_PER_FOLLOWER: f64 = 16.0;

fn main() -> ExitCode {
    bench::run(FOLLOWERS, measure_all)
}

async fn measure_all(binaries: &Path, followers: usize) -> Result<(), Failure> {
    markdown::print_header(&[
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
    let (mut peaks, mut stacks) = (Vec::new(), Vec::new());
    for part in DIVISORS {
        let followers = followers.div_ceil(part);
        let (peak, stack) = measure(binaries, followers).await?;
        peaks.push((followers, peak));
        stacks.push((followers, stack));
    }
    let [_, (fewer, less), (all, more)] = peaks[..] else {
        return Err("three were measured".into());
    };
    let grown = (more - less) * 1e6;
    print_line("");
    let goal = format!("{MAX_BYTES_PER_FOLLOWER} bytes of memory for each follower, plus 4 MB");
    let bound = MAX_BYTES_PER_FOLLOWER * (all - fewer) as f64 + 4e6;
    markdown::print_goal(&goal, &format!("{:.1} MB more", grown / 1e6), grown <= bound);
    if grown > bound {
        return Err(format!("the memory grows with the followers: {grown:.0} bytes").into());
    }
    let million = more + MAX_BYTES_PER_FOLLOWER * 1_000_000_f64.max(all as f64) / 1e6;
    if million > MAX_MEMORY_MB {
        return Err(format!("a million would take {million:.0} MB").into());
    }
    print_line(&format!("\n### Among {} users\n", markdown::grouped(all as f64)));
    print_line("The same work in each of these stacks, in turns; per piece of work:\n");
    growth::measure(&mut stacks).await?;
    for (_, stack) in stacks {
        stack.stop().await;
    }
    Ok(())
}

/// One account's import and the reconciliation of the next night. Returns the peak of
/// memory, in MB, and the stack.
async fn measure(binaries: &Path, followers: usize) -> Result<(f64, MeteredStack), Failure> {
    let stack = MeteredStack::start(binaries).await?;
    let first = import::import(&stack, followers).await?;
    print_cost("first", followers, &first);
    // Ann follows as well, and a resumed invocation reads its page and its batches again.
    let (pages, batches) = (followers.div_ceil(10_000) as u64, followers.div_ceil(100) as u64);
    let resumed = |cost: &ImportCost| (cost.seconds / MIN_INVOCATION_SECS) as u64;
    let all_pages = |cost: &ImportCost| (pages..=pages + 1 + resumed(cost)).contains(&cost.lists);
    let most = batches + 1 + CONCURRENT_BATCHES * resumed(&first);
    if !all_pages(&first) || !(batches..=most).contains(&first.batches) {
        return Err(format!("more than {pages} lists or {batches} batches were requested").into());
    }
    let night = import::reconcile(&stack).await?;
    print_cost("night", followers, &night);
    if !all_pages(&night) || night.batches != 0 {
        return Err("a reconciliation without changes requested more than the lists".into());
    }
    Ok((first.peak_mb.max(night.peak_mb), stack))
}

fn print_cost(label: &str, followers: usize, cost: &ImportCost) {
    let each = cost.dynamodb as f64 / followers as f64;
    markdown::print_row(&[
        markdown::grouped(followers as f64),
        label.to_owned(),
        cost.lists.to_string(),
        cost.batches.to_string(),
        format!("{:.1}", cost.seconds),
        format!("{:.2}", cost.processor_secs),
        markdown::grouped(cost.dynamodb as f64),
        format!("{each:.4}"),
        format!("{:.1}", cost.peak_mb),
    ]);
}
