//! `hongyan`: the operator's tool.
//!
//! A command is a file of its own: what may be said on the command line, what is
//! done, and what is told. [`command`] names them all.

mod account;
mod alarms;
mod answer;
mod app;
mod aws;
mod cli;
mod command;
mod data;
mod deployment;
mod doctor;
mod error;
mod events;
mod followers;
mod forget;
mod greeting;
mod keys;
mod look_up;
mod moment;
mod name;
mod next;
mod notification;
mod person;
mod place;
mod report;
mod send;
mod template;
mod terminal;
mod token;
mod who;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run().await
}
