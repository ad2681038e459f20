//! The local AWS, asked through the SDKs that functions use.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod dynamodb;
mod endpoint;
mod faults;
mod lambda;
mod partition_limits;
mod permissions;
mod races;
mod requests;
mod restart;
mod sdk_client;
mod sqs;
mod ssm;
mod stream;
