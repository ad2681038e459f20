//! The keys that make sessions: RSA keys sign access tokens, symmetric ones seal refresh
//! tokens.

pub(crate) mod key;
pub(crate) mod key_set;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod session_key;
