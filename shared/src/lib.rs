//! The crate that Hongyan's functions share.
//!
//! - [`wechat`] is the protocol, without AWS, tables or environment variables: it takes
//!   strings, bytes, a base URL and the time.
//! - [`secret`] and [`clock`] are types that everything else uses; [`url_key`] makes the
//!   secret part of callback URLs.
//!
//! With the feature `aws`:
//!
//! - [`config`] is the only reader of the environment, [`parameters`] of the
//!   Parameter Store, and [`cache`] caches values.
//! - [`store`] is the five tables. It uses the types of [`wechat`], never its
//!   client; only functions put the two together.
//! - [`access_token`] gives a function WeChat's access tokens, and [`refusal_notes`] notes
//!   refusals for the operator.
//! - [`send_response`] is what the function `send` returns.
//! - [`lambda`] starts a function, [`services`] gives it what it calls; [`http`], [`aws`], [`retry`], [`telemetry`] and
//!   [`metric`] are what it runs with.
//! - [`json`] reads what callers and operators write.

pub mod clock;
pub mod secret;
pub mod url_key;
pub mod wechat;

#[cfg(feature = "aws")]
pub mod access_token;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod cache;
#[cfg(feature = "aws")]
pub mod config;
#[cfg(feature = "aws")]
pub mod http;
#[cfg(feature = "aws")]
pub mod jitter;
#[cfg(feature = "aws")]
pub mod json;
#[cfg(feature = "aws")]
pub mod lambda;
#[cfg(feature = "aws")]
pub mod metric;
#[cfg(feature = "aws")]
pub mod panic;
#[cfg(feature = "aws")]
pub mod parameters;
#[cfg(feature = "aws")]
pub mod refusal_notes;
#[cfg(feature = "aws")]
pub mod retry;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "aws")]
pub mod send_response;
#[cfg(feature = "aws")]
pub mod services;
#[cfg(feature = "aws")]
pub mod store;
mod surrogates;
#[cfg(feature = "aws")]
pub mod telemetry;
#[cfg(feature = "aws")]
pub mod timestamp;
