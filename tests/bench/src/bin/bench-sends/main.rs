//! `make bench-sends`: the calls that one notification makes, the throughput of the
//! queue when WeChat takes 100 ms to answer, and the calls and time it takes when the
//! access token becomes invalid under concurrent sends.
//!
//! The first argument is the folder with the release binaries. The local AWS and the
//! sandbox share the machine's cores with the functions, so the ratio to a function that
//! sends sequentially says more than a rate.

mod sender;

use bench::{Failure, markdown, print_line};
use sender::Sender;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many notifications go through the queue by default.
const NOTIFICATIONS: usize = 10_000;
/// WeChat's latency.
const WECHAT_LATENCY: Duration = Duration::from_millis(100);
/// The rate of one environment that sends sequentially and only waits for WeChat.
const SEQUENTIAL_RATE: f64 = 10.0;
/// Concurrent sends while the token is invalid.
const CONCURRENT_SENDS: usize = 200;
/// The processes that share them.
const ENVIRONMENTS: usize = 20;

fn main() -> ExitCode {
    bench::run(NOTIFICATIONS, measure_all)
}

async fn measure_all(binaries: &Path, notifications: usize) -> Result<(), Failure> {
    measure_calls(binaries).await?;
    print_line(&format!("\nThrough the queue, WeChat answering in {WECHAT_LATENCY:?}:\n"));
    markdown::print_header(&[
        "environments",
        "notifications",
        "seconds",
        "a second",
        "a second and environment",
        "× one by one",
    ]);
    for environments in [1, 4, 10] {
        // Fewer for one environment: all would take minutes.
        let count = if environments == 1 { notifications / 5 } else { notifications };
        let took = time_queue(binaries, environments, count).await?;
        let rate = count as f64 / took.as_secs_f64();
        let each = rate / environments as f64;
        markdown::print_row(&[
            environments.to_string(),
            markdown::grouped(count as f64),
            format!("{:.1}", took.as_secs_f64()),
            format!("{rate:.0}"),
            format!("{each:.0}"),
            format!("{:.1}", each / SEQUENTIAL_RATE),
        ]);
    }
    measure_invalid_token(binaries).await
}

/// One notification through each channel that the example world has.
async fn measure_calls(binaries: &Path) -> Result<(), Failure> {
    let sender = Sender::start(binaries, 1).await?;
    // Fills the caches of templates, apps and tokens.
    sender.send("warm", "template").await?;
    print_line("One notification, when the function is warm:\n");
    markdown::print_header(&["channel", "DynamoDB calls", "WeChat calls"]);
    for channel in ["template", "subscribe", "customer_service"] {
        let counter = sender.stack.count_calls("send").await?;
        sender.send(channel, channel).await?;
        let (dynamodb, wechat) = counter.finish().await?;
        markdown::print_row(&[channel.to_owned(), dynamodb.to_string(), wechat.to_string()]);
        if channel == "template" && (dynamodb > 3 || wechat > 1) {
            return Err(
                "a template message makes more than 3 calls of DynamoDB or 1 of WeChat".into()
            );
        }
    }
    sender.stack.stop().await;
    Ok(())
}

/// The token becomes invalid while many send.
async fn measure_invalid_token(binaries: &Path) -> Result<(), Failure> {
    print_line(&format!(
        "\n{CONCURRENT_SENDS} send at once, through {ENVIRONMENTS} environments:\n"
    ));
    markdown::print_header(&[
        "access token",
        "seconds",
        "×",
        "sent",
        "calls that send",
        "calls for a token",
        "of them forced",
    ]);
    let sender = Sender::start(binaries, ENVIRONMENTS).await?;
    // Every environment caches the token.
    sender.send_at_once("warm", CONCURRENT_SENDS).await?;
    let mut undisturbed = None;
    for (label, how) in [
        ("valid", None),
        ("invalid", Some("revoke_tokens")),
        ("invalid, and returned once more", Some("reject_tokens")),
    ] {
        let before = sender.wechat_calls().await?;
        if let Some(how) = how {
            sender.invalidate_token(how).await?;
        }
        let begun = Instant::now();
        sender.send_at_once(how.unwrap_or("valid"), CONCURRENT_SENDS).await?;
        let took = begun.elapsed();
        let after = sender.wechat_calls().await?;
        let ratio = took.div_duration_f64(*undisturbed.get_or_insert(took));
        markdown::print_row(&[
            label.to_owned(),
            format!("{:.2}", took.as_secs_f64()),
            format!("{ratio:.1}"),
            CONCURRENT_SENDS.to_string(),
            (after.template_messages - before.template_messages).to_string(),
            (after.tokens - before.tokens).to_string(),
            (after.forced - before.forced).to_string(),
        ]);
    }
    sender.stack.stop().await;
    Ok(())
}

/// How long it takes to send this many through the queue.
async fn time_queue(
    binaries: &Path,
    environments: usize,
    count: usize,
) -> Result<Duration, Failure> {
    let sender = Sender::start(binaries, environments).await?;
    sender.send("warm", "template").await?;
    sender.slow_down(WECHAT_LATENCY).await?;
    let begun = Instant::now();
    sender.queue(count)?;
    sender.wait_until_sent(count as u64).await?;
    let took = begun.elapsed();
    sender.wait_until_delivered(count as u64).await?;
    sender.stack.stop().await;
    Ok(took)
}
