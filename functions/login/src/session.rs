//! Sessions. An access token proves one for 15 minutes to any service, without a
//! database lookup. A refresh token is looked up, and works once.

pub(crate) mod access_token;
pub(crate) mod refresh;
pub(crate) mod refresh_token;
pub(crate) mod revoke;
pub(crate) mod session_info;
pub(crate) mod verify;
