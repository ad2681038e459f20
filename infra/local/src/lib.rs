//! Hongyan on one machine: its stack on `local_aws`, with the WeChat sandbox, seeded.

pub mod demo;
mod notification_feed;
pub mod seed;
mod stack;

pub use stack::{Error, Stack};
