//! The token function replaces a dead token once; without any one of its rules
//! it doesn't.

use super::{Budget, FORCED, REST, ROUND, Rules, TWICE, World};
use crate::{fails, holds};

const QUIET: Budget =
    Budget { rounds: 1, sends: 2, faults: 1, stale: 1, kills: 0, thefts: 0, ends: 0 };
const DEAD: World = World { budget: Budget { kills: 1, ..QUIET }, rules: Rules::CODE };
const DEAD_AGAIN: World = World { budget: Budget { kills: 2, stale: 0, ..QUIET }, ..DEAD };
const ENDING: World = World { budget: Budget { ends: 1, rounds: 2, ..QUIET }, ..DEAD };
const REPLACED: World = World { budget: Budget { thefts: 1, ..QUIET }, ..DEAD };
const DEAD_AND_ENDING: World = World { budget: Budget { kills: 1, ends: 1, ..QUIET }, ..DEAD };
const UNDISTURBED: World = World { budget: Budget { rounds: 2, faults: 0, ..QUIET }, ..DEAD };

/// The world in which the code does without one of its rules, or has another.
macro_rules! with {
    ($world:expr, $rule:ident: $value:expr) => {
        World { rules: Rules { $rule: $value, ..Rules::CODE }, ..$world }
    };
}

/// Fault 57.
#[test]
fn a_dead_token_is_replaced_once() {
    holds(DEAD, 1000);
    holds(DEAD_AGAIN, 1000);
}

#[test]
fn a_token_that_comes_to_its_end_is_replaced() {
    holds(ENDING, 1000);
}

#[test]
fn a_token_that_somebody_else_replaced_is_fetched() {
    holds(REPLACED, 1000);
}

#[test]
fn without_the_row_a_dead_token_is_replaced_twice() {
    fails(with!(DEAD, guarded: false), FORCED);
}

#[test]
fn without_a_look_at_the_clock_a_late_one_replaces_it_again() {
    fails(with!(DEAD, deadline: false), FORCED);
}

#[test]
fn without_force_a_dead_token_stays() {
    fails(with!(DEAD, forces: false), REST);
}

#[test]
fn of_the_older_kind_a_dead_token_stays() {
    fails(with!(UNDISTURBED, stable: false), ROUND);
}

#[test]
fn a_sender_that_goes_on_calls_more_than_twice() {
    fails(with!(DEAD_AGAIN, loops: true), TWICE);
}

/// If a token dies while another is stored, two tokens may have been stored under
/// one generation. Who holds the first one then calls the second one dead. That
/// costs a forced refresh, out of the budget; a sender that named the token, by a
/// hash of it, would spare that.
#[test]
fn of_two_tokens_with_one_generation_the_good_one_may_be_replaced() {
    fails(DEAD_AND_ENDING, FORCED);
    holds(with!(DEAD_AND_ENDING, names_token: true), 1000);
}
