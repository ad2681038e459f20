//! A cloud with scripted functions.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod event_sources;
mod extra_stacks;
mod killed;
mod lambda;
mod observer;
mod test_stack;
