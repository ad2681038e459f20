//! What Hongyan's functions share.
//!
//! - [`wechat`] is the protocol. It knows no AWS crate, no table and no
//!   environment variable: it takes strings, bytes, a base URL and the time.
//! - [`secret`] makes a secret a type that cannot be printed.

pub mod secret;
pub mod wechat;
