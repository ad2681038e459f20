//! The token function replaces an invalid token once; without any one of its rules
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
fn invalid_token_is_replaced_once() {
    holds(DEAD, 1000);
    holds(DEAD_AGAIN, 1000);
}

#[test]
fn expiring_token_is_replaced() {
    holds(ENDING, 1000);
}

#[test]
fn token_replaced_by_another_is_fetched() {
    holds(REPLACED, 1000);
}

#[test]
fn invalid_token_is_replaced_twice_without_the_row() {
    fails(with!(DEAD, guarded: false), FORCED);
}

#[test]
fn late_worker_replaces_the_token_again_without_a_clock_check() {
    fails(with!(DEAD, deadline: false), FORCED);
}

#[test]
fn invalid_token_stays_without_force() {
    fails(with!(DEAD, forces: false), REST);
}

#[test]
fn invalid_token_stays_with_the_older_interface() {
    fails(with!(UNDISTURBED, stable: false), ROUND);
}

#[test]
fn sender_without_a_limit_calls_more_than_twice() {
    fails(with!(DEAD_AGAIN, loops: true), TWICE);
}

/// If a token dies while another is stored, two tokens may have been stored under
/// one generation. Who holds the first one then calls the second one dead. That
/// costs a forced refresh, out of the budget; a sender that named the token, by a
/// hash of it, would spare that.
#[test]
fn valid_one_of_two_tokens_with_one_generation_may_be_replaced() {
    fails(DEAD_AND_ENDING, FORCED);
    holds(with!(DEAD_AND_ENDING, names_token: true), 1000);
}
