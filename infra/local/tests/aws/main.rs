//! The local AWS, asked through the SDKs that functions use.

mod dynamodb;
mod endpoint;
mod lambda;
mod restart;
mod sqs;
mod ssm;
mod strangers;
mod stream;
