//! What programs that run a cloud have in common: arguments, logs and signals.

use std::{io, path::PathBuf};

pub use resettable_server::{exit, stop_signal};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{Cloud, Logs, Options};

/// Arguments of a command that runs a cloud.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// Port of the HTTP API (0: any free one).
    #[arg(long, default_value_t = 8080)]
    pub http_port: u16,
    /// Port of AWS: DynamoDB, SSM, SQS and Lambda Invoke (0: any free one).
    #[arg(long, default_value_t = 4566)]
    pub aws_port: u16,
    /// A name by which callers may address every port, besides localhost and IP addresses;
    /// may be repeated. For containers (host.docker.internal) and tunnels.
    #[arg(long = "host-name", value_name = "NAME")]
    pub host_names: Vec<String>,
    /// Keep data in memory only.
    #[arg(long, conflicts_with = "data")]
    pub memory: bool,
    /// Folder to keep data in (default: one in the working directory).
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The SAM template of an extra stack, to run beside the first; may be repeated.
    #[arg(long)]
    pub stack: Vec<PathBuf>,
    /// Folder of the functions' binaries (default: this program's own).
    #[arg(long)]
    pub binaries: Option<PathBuf>,
    /// A parameter of the templates, NAME=VALUE; may be repeated.
    #[arg(long = "parameter", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// Maximum number of processes of a function.
    #[arg(long, default_value_t = 10)]
    pub environments: usize,
    /// Also log when invocations begin and end.
    #[arg(long)]
    pub verbose: bool,
}

impl RunArguments {
    /// The options of a cloud that logs to the terminal. Data is kept in `data` unless
    /// the arguments name another folder.
    pub fn options(self, template: impl Into<PathBuf>, data: &str) -> io::Result<Options> {
        let mut options = Options::new(template);
        options.extra_stacks = self.stack;
        options.http_port = self.http_port;
        options.aws_port = self.aws_port;
        options.host_names = self.host_names;
        options.data = (!self.memory).then(|| self.data.unwrap_or_else(|| data.into()));
        options.parameters = self.parameters.into_iter().collect();
        options.environments = self.environments;
        options.logs = Logs::terminal(self.verbose);
        if let Some(binaries) = self.binaries {
            options.binaries = std::path::absolute(binaries)?;
        }
        Ok(options)
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Logs warnings of this machine to standard error; `verbose` adds information.
pub fn init_tracing(verbose: bool) {
    let level = if verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    // The engine warns of every condition that fails, which conditions are for.
    let targets = Targets::new().with_default(level).with_target("dynoxide", tracing::Level::ERROR);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry().with(targets).with(lines).init();
}

/// Prints the addresses of a cloud.
#[expect(clippy::print_stdout, reason = "the addresses are the program's output")]
pub fn print_addresses(cloud: &Cloud) {
    println!("HTTP API  http://{}", cloud.http());
    for (stack, api) in cloud.apis() {
        println!("          http://{api}  ({stack})");
    }
    println!("AWS       http://{}", cloud.aws());
}
