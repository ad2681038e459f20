//! The RSA keys that sign access tokens.

pub(crate) mod key;
pub(crate) mod key_set;
pub(crate) mod rotate;
