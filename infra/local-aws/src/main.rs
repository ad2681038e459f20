//! `local-aws`: runs a SAM template on this machine.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use local_aws::{
    Cloud,
    cli::{RunArguments, exit, init_tracing, print_addresses, stop_signal},
};

/// AWS on one machine, from a SAM template.
#[derive(Parser)]
#[command(name = "local-aws")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything that the template names, and wait for Ctrl-C.
    Run {
        /// The SAM template.
        template: PathBuf,
        #[command(flatten)]
        arguments: RunArguments,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Run { template, arguments } = Arguments::parse().command;
    init_tracing(arguments.verbose);
    exit(run(template, arguments).await)
}

async fn run(template: PathBuf, arguments: RunArguments) -> Result<(), Box<dyn Error>> {
    let stopped = stop_signal()?;
    let cloud = Cloud::start(arguments.options(template, ".local-aws")?).await?;
    print_addresses(&cloud);
    stopped.await;
    cloud.stop().await;
    Ok(())
}
