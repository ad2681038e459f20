//! What the functions coordinate by, in rows of the notifications table. A caller's id of
//! a notification has no `#` before anything but digits, so none of these is one.

pub(super) mod circuit_breaker;
pub(super) mod follower_imports;
pub(super) mod refusal_notes;
pub(super) mod token_refresh_lease;
