//! `local`: the cloud on one machine, for people.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use hongyan_local::{Cloud, Logs, Options, demo, seed};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// How many lines of the functions' logs are shown when a step of the demo
/// fails; while it goes well they would only stand between its steps.
const LINES: usize = 30;

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
    /// Play the main job against a stack of its own, and tell what happens.
    Demo(Demo),
}

#[derive(clap::Args)]
struct Run {
    /// Port of the HTTP API (0: any free one).
    #[arg(long, default_value_t = 8080)]
    http_port: u16,
    /// Port of AWS: DynamoDB, SSM, SQS and Lambda Invoke.
    #[arg(long, default_value_t = 4566)]
    aws_port: u16,
    /// Port of the WeChat sandbox.
    #[arg(long, default_value_t = 8090)]
    wechat_port: u16,
    /// Keep data in memory only.
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// Folder to keep data in.
    #[arg(long, default_value = ".hongyan")]
    data: PathBuf,
    /// The SAM template.
    #[arg(long, default_value = "infra/aws/template.yaml")]
    template: PathBuf,
    /// A SAM template of your own, to run beside it; may be repeated.
    #[arg(long)]
    also: Vec<PathBuf>,
    /// Folder of the functions' binaries (default: this program's own).
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// A parameter of the templates, NAME=VALUE; may be repeated.
    #[arg(long = "parameter", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// How many processes a function may have at most.
    #[arg(long, default_value_t = 10)]
    environments: usize,
    /// Also tell when invocations begin and end.
    #[arg(long)]
    verbose: bool,
}

#[derive(clap::Args)]
struct Demo {
    /// The SAM template.
    #[arg(long, default_value = "infra/aws/template.yaml")]
    template: PathBuf,
    /// Milliseconds between two steps, for reading along.
    #[arg(long, default_value_t = 1000)]
    pause: u64,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let verbose = matches!(&command, Command::Run(arguments) if arguments.verbose);
    let level = if verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    // The engine warns of every condition that fails, which conditions are for.
    let targets = Targets::new().with_default(level).with_target("dynoxide", tracing::Level::ERROR);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(targets).with(lines).init();
    let done = match command {
        Command::Run(arguments) => run(arguments).await,
        Command::Demo(arguments) => play(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Run) -> Result<(), Box<dyn std::error::Error>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut options = Options::new(&arguments.template);
    options.also = arguments.also;
    options.http_port = arguments.http_port;
    options.aws_port = arguments.aws_port;
    options.wechat_port = arguments.wechat_port;
    options.data = (!arguments.memory).then_some(arguments.data);
    options.parameters = arguments.parameters.into_iter().collect::<BTreeMap<_, _>>();
    options.environments = arguments.environments;
    options.logs = Logs::terminal(arguments.verbose);
    if let Some(binaries) = arguments.binaries {
        options.binaries = std::path::absolute(binaries)?;
    }
    let cloud = Cloud::start(options).await?;
    let stopped = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stopped);
    tokio::select! {
        () = &mut stopped => {}
        () = introduce(&cloud) => stopped.await,
    }
    cloud.stop().await;
    Ok(())
}

/// Plays the main job on free ports, in memory.
async fn play(arguments: Demo) -> Result<(), Box<dyn std::error::Error>> {
    let started = std::time::Instant::now();
    let (logs, last) = Logs::last(LINES);
    let cloud = Cloud::start(Options { logs, ..Options::new(arguments.template) }).await?;
    let ready =
        format!("Hongyan 鸿雁, on this machine, ready in {} ms.\n", started.elapsed().as_millis());
    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, ready.as_bytes())?;
    let played = demo::play(&cloud, &mut out, Duration::from_millis(arguments.pause)).await;
    cloud.stop().await;
    if played.is_err() {
        let lines = last.get();
        if !lines.is_empty() {
            complain(&format!("\nThe last {} lines that the functions logged:", lines.len()));
        }
        lines.iter().for_each(|line| complain(&line.to_string()));
    }
    Ok(played?)
}

/// Brings the people in and tells where everything is.
async fn introduce(cloud: &Cloud) {
    // Without them everything works, only with nobody in it.
    if let Err(error) = seed::people(cloud).await {
        complain(&format!("ann, bob and carol could not be brought in: {error}"));
    }
    tell(cloud);
}

#[expect(clippy::print_stdout, reason = "where things are is what this program has to say")]
fn tell(cloud: &Cloud) {
    let (http, aws, wechat) = (cloud.http(), cloud.aws(), cloud.wechat());
    println!("HTTP API  http://{http}");
    for (stack, api) in cloud.apis() {
        println!("          http://{api}  ({stack})");
    }
    println!("AWS       http://{aws}");
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

#[expect(clippy::print_stderr, reason = "an error of the program, to whoever started it")]
fn complain(error: &str) {
    eprintln!("{error}");
}
