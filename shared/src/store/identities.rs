//! People: how they are found from an id, an account or an app, in the mappings table
//! and in the profiles of the users table.

pub(super) mod account_bindings;
pub(super) mod accounts;
pub(super) mod close_account;
pub(super) mod known;
pub(super) mod logins;
pub(super) mod mappings;
pub(super) mod people;
