//! `local`: the cloud on one machine, for people.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use local::{Cloud, Logs, Options, seed};
use tokio::signal::unix::{SignalKind, signal};

/// Runs Hongyan on this machine, from the template that is deployed.
#[derive(Parser)]
#[command(name = "local")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything and wait for Ctrl-C.
    Run(Run),
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
    /// Folder of the functions' binaries (default: this program's own).
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// A parameter of the template, NAME=VALUE; may be repeated.
    #[arg(long = "parameter", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// How many processes a function may have at most.
    #[arg(long, default_value_t = 10)]
    environments: usize,
    /// Also tell when invocations begin and end.
    #[arg(long)]
    verbose: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Run(arguments) = Arguments::parse().command;
    let level = if arguments.verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    match run(arguments).await {
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
    println!("AWS       http://{aws}");
    println!("WeChat    http://{wechat}  (the phone)");
    println!();
    println!("Send ann a notification:");
    println!(
        "  curl -H 'Authorization: any' http://{aws}/2015-03-31/functions/{}/invocations \\",
        cloud.function("send")
    );
    println!(
        "    -d '{{\"id\":\"order-1-shipped\",\"to\":{{\"account\":\"ann\"}},\"template\":\"order_shipped\",\"data\":{{\"product\":\"Blue kettle\",\"time\":\"2026-11-20 15:04\"}}}}'"
    );
    println!("See her phone:");
    println!("  curl http://{wechat}/sandbox/people/ann/messages");
    println!();
    println!("Ctrl-C stops everything.");
}

#[expect(clippy::print_stderr, reason = "an error of the program, to whoever started it")]
fn complain(error: &str) {
    eprintln!("{error}");
}
