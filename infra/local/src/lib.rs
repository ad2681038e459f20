//! The cloud on one machine: runs `infra/aws/template.yaml`.
//!
//! A [`Cloud`] reads the template and starts what it names: functions as
//! processes behind a Lambda Runtime API, the HTTP API, schedules, stream and
//! queue mappings, tables and queues behind one AWS endpoint, and the WeChat
//! sandbox to run against. Nothing about the deployment is written here; what
//! the template says and this machine can't do is an error.

pub mod aws;
pub mod cloud;
pub mod demo;
pub mod filter;
pub mod logs;
pub mod route;
pub mod seed;
pub mod template;

pub use cloud::{Cloud, Error, InvokeFailure, Options};
pub use http::HttpError;
pub use logs::Logs;
pub use witness::{Passed, Witness};

mod batch;
mod clock;
mod gateway;
mod guard;
mod http;
mod queue;
mod rule;
mod runtime;
mod schedule;
#[cfg(test)]
mod scripted;
mod stream;
mod witness;
