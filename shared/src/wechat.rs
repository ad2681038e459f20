//! WeChat's protocol, for Official Accounts (公众号) and Mini Programs (小程序).
//!
//! Nothing in here knows AWS, a table or an environment variable.

pub mod crypto;
pub mod id;
pub mod signature;
