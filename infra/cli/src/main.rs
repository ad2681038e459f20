//! `hongyan`: the operator's tool.
//!
//! Each command has a file of its own: its arguments, what it does and what it prints.
//! [`command`] lists them.

mod account;
mod alarms;
mod app;
mod aws;
mod callback_check;
mod cli;
mod command;
mod concurrency;
mod deployment;
mod doctor;
mod erase;
mod error;
mod events;
mod field_values;
mod followers;
mod input_file;
mod keys;
mod next;
mod notification;
mod notification_text;
mod output;
mod parse;
mod person;
mod person_selector;
mod person_summary;
mod random;
mod send;
mod target;
mod template;
mod terminal;
mod timestamp;
mod token_check;
mod version;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run().await
}
