//! What belongs to one user of one app, in the users table.

pub(super) mod consents;
pub(super) mod entitlements;
pub(super) mod erase;
pub(super) mod followers;
pub(super) mod form_ids;
pub(super) mod phone_numbers;
pub(super) mod profiles;
pub(super) mod reply_windows;
