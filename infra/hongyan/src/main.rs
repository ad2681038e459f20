//! `hongyan`: the operator's tool.
//!
//! A command is a file of its own: what may be said on the command line, what is
//! done, and what is told. [`command`] names them all.

mod alarms;
mod answer;
mod app;
mod aws;
mod cli;
mod command;
mod deployment;
mod doctor;
mod error;
mod greeting;
mod moment;
mod name;
mod next;
mod place;
mod template;
mod terminal;
mod token;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run().await
}
