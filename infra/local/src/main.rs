//! `local`: the cloud on one machine, for people.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use hongyan_local::{Stack, demo, seed};
use local_aws::{
    Logs, Options,
    cli::{RunArguments, exit, init_tracing, print_addresses, stop_signal},
};

/// The template that is deployed.
const TEMPLATE: &str = "infra/aws/template.yaml";

/// The number of lines of the functions' logs that a failed demo prints.
const LOG_LINES: usize = 30;

/// Runs Hongyan on this machine, from the template that is deployed.
#[derive(Parser)]
#[command(name = "hongyan-local")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything and wait for Ctrl-C.
    Run(Run),
    /// Run the core flow on a stack of its own, step by step.
    Demo(Demo),
}

#[derive(clap::Args)]
struct Run {
    /// The SAM template.
    #[arg(long, default_value = TEMPLATE)]
    template: PathBuf,
    /// Port of the WeChat sandbox (0: any free one).
    #[arg(long, default_value_t = 8090)]
    wechat_port: u16,
    #[command(flatten)]
    aws: RunArguments,
}

#[derive(clap::Args)]
struct Demo {
    /// The SAM template.
    #[arg(long, default_value = TEMPLATE)]
    template: PathBuf,
    /// Milliseconds between two steps, for reading along.
    #[arg(long, default_value_t = 1000)]
    pause: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    init_tracing(matches!(&command, Command::Run(arguments) if arguments.aws.verbose));
    exit(match command {
        Command::Run(arguments) => run(arguments).await,
        Command::Demo(arguments) => play(arguments).await,
    })
}

async fn run(arguments: Run) -> Result<(), Box<dyn std::error::Error>> {
    let stopped = stop_signal()?;
    let options = arguments.aws.options(arguments.template, ".hongyan")?;
    let stack = Stack::start_with_sandbox_on(arguments.wechat_port, options).await?;
    tokio::pin!(stopped);
    tokio::select! {
        () = &mut stopped => {}
        () = introduce(&stack) => stopped.await,
    }
    stack.stop().await;
    Ok(())
}

/// Runs the core flow on free ports, in memory.
async fn play(arguments: Demo) -> Result<(), Box<dyn std::error::Error>> {
    let started = std::time::Instant::now();
    let (logs, last) = Logs::last(LOG_LINES);
    let cloud = Stack::start(Options { logs, ..Options::new(arguments.template) }).await?;
    let ready =
        format!("Hongyan 鸿雁, on this machine, ready in {} ms.\n", started.elapsed().as_millis());
    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, ready.as_bytes())?;
    let played = demo::play(&cloud, &mut out, Duration::from_millis(arguments.pause)).await;
    cloud.stop().await;
    if played.is_err() {
        let lines = last.get();
        if !lines.is_empty() {
            print_error(&format!("\nThe last {} lines that the functions logged:", lines.len()));
        }
        lines.iter().for_each(|line| print_error(&line.to_string()));
    }
    Ok(played?)
}

/// Creates the example's people and prints the addresses.
async fn introduce(cloud: &Stack) {
    // The stack works without them as well.
    if let Err(error) = seed::people(cloud).await {
        print_error(&format!("ann, bob and carol could not be created: {error}"));
    }
    print_introduction(cloud);
}

#[expect(clippy::print_stdout, reason = "the addresses are the program's output")]
fn print_introduction(cloud: &Stack) {
    let (aws, wechat) = (cloud.aws(), cloud.wechat());
    print_addresses(cloud);
    println!("WeChat    http://{wechat}  (the phones: open it in a browser)");
    println!();
    println!("Send ann a notification:");
    println!(
        "  curl -H 'Authorization: any' http://{aws}/2015-03-31/functions/{}/invocations \\",
        cloud.function("send")
    );
    println!(
        "    -d '{{\"id\":\"{}\",\"to\":{{\"account\":\"ann\"}},\"template\":\"order_shipped\",\"data\":{{\"product\":\"Blue kettle\",\"time\":\"2026-11-20 15:04\"}}}}'",
        seed::order_id()
    );
    println!("See her phone: http://{wechat}");
    println!();
    println!("Ctrl-C stops everything.");
}

#[expect(clippy::print_stderr, reason = "the program's error, to its user")]
fn print_error(error: &str) {
    eprintln!("{error}");
}
