//! AWS on one machine, from a SAM template.
//!
//! A [`Cloud`] reads a template and starts what it names: functions as processes behind a
//! Lambda Runtime API, the HTTP API, schedules, stream and queue mappings, pipes and
//! rules, and tables, queues and parameters behind one AWS endpoint. What the template
//! says and this machine can't do is an error with its line.

pub mod cli;
pub mod clock;
pub mod cloud;
pub mod cloudwatch;
pub mod eventbridge;
pub mod filter;
pub mod http;
pub mod logs;
pub mod observer;
pub mod route;
pub mod services;
pub mod template;

pub use cloud::{Cloud, Endpoints, Error, InvokeFailure, Options, Prepared};
pub use cloudwatch::{AlarmState, CloudWatch};
pub use http::{HttpClient, HttpError};
pub use logs::Logs;
pub use observer::{InvocationEnd, Observed, TrafficObserver};
pub use services::{Fault, FaultHandle};

mod batch;
mod gateway;
mod process_guard;
mod runtime;
mod schedule;
#[cfg(test)]
mod scripted;
mod sqs_mapping;
mod stream;
