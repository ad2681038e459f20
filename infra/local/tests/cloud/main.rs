//! The cloud with functions that do as they are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod beside;
mod doors;
mod killed;
mod lambda;
mod place;
mod witness;
