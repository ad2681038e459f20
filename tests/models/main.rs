//! The protocols behind "arrives once", explored state by state.
//!
//! Scenarios in `tests/e2e` try the real functions with some orders of events;
//! a model tries every order there is, in a world that is small enough for
//! that. It proves the protocol, not the code: so a model has the names and the
//! steps of the code, one for each write to a table and each call to WeChat,
//! and its documentation says which is which. Who changes the one changes the
//! other.
//!
//! - [`send`]: notifications and all who try to send them, and their receipts;
//! - [`consents`]: one person's consents and all who use them;
//! - [`token`]: one app's access token, who makes it and who uses it.
//!
//! Each has rules that can be left out on purpose; for every rule a test holds
//! that the checker finds the consequence.
//!
//! `cargo test --package models -- --nocapture` prints how much was explored,
//! and for every rule a way to what happens without it.
//!
//! The checker follows a property that holds "eventually" only along paths that
//! never meet again (see the remarks in its source), which is next to never.
//! Here what goes wrong is rationed, and so every path ends; that all is well
//! in the end is asked of the states after which nothing can happen.

mod consents;
mod send;
mod token;

use stateright::{Checker, HasDiscoveries, Model};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

/// Explores all of a model: every property holds, everything that is to be
/// possible is, and there were enough states that something was explored.
#[expect(clippy::print_stdout, reason = "how it went is shown by `--nocapture`")]
fn holds<M>(model: M, at_least: usize)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let checker = model.checker().spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{states} states, {} steps deep", checker.max_depth());
    checker.assert_properties();
    assert!(states >= at_least, "only {states} states: the model has lost something");
}

/// Explores a model until this property fails, and prints a way to there.
#[expect(clippy::print_stdout, reason = "how it went is shown by `--nocapture`")]
fn fails<M>(model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let wanted = HasDiscoveries::AllOf(BTreeSet::from([property]));
    let checker = model.checker().finish_when(wanted).spawn_bfs().join();
    let way = checker.discovery(property).unwrap_or_else(|| {
        panic!("\"{property}\" holds in all {} states", checker.unique_state_count())
    });
    println!("not so: \"{property}\", after");
    let holds = checker.model().property(property).condition;
    // The checker continues for a while, and keeps the last of what it finds.
    let way = way.into_vec();
    let until_then = way.iter().take_while(|(state, _)| holds(checker.model(), state));
    for action in until_then.filter_map(|(_, action)| action.as_ref()) {
        println!("  {action:?}");
    }
}

/// Whether nothing can happen any more.
fn is_over<M: Model>(model: &M, state: &M::State) -> bool {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions.is_empty()
}
