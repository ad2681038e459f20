//! The local AWS, asked through the SDKs that functions use.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod differential;
mod dynamodb;
mod endpoint;
mod faults;
mod lambda;
mod permissions;
mod races;
mod restart;
mod sqs;
mod ssm;
mod strangers;
mod stream;
