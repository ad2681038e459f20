//! A clock that stands still until it is moved.

use std::time::Duration;

use super::MINUTE;
use crate::clock;

/// Half a minute after a whole one, so that what happens now is in the middle of a minute.
const START: Duration = Duration::from_secs(1_796_000_430);

/// The time since 1970, moved by hand.
pub(super) struct SteppedClock {
    now: Duration,
    /// When the clock was moved, by the real clock, and where to.
    moves: Vec<(Duration, Duration)>,
}

impl Default for SteppedClock {
    fn default() -> Self {
        Self { now: START, moves: Vec::new() }
    }
}

impl SteppedClock {
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// What this clock showed when the real one showed `real`.
    pub(super) fn at(&self, real: Duration) -> Duration {
        let moved = self.moves.iter().rev().find(|(at, _)| *at <= real);
        moved.map_or(START, |(_, now)| *now)
    }

    /// The end of the current minute.
    pub(super) fn next_minute(&self) -> Duration {
        Duration::from_secs((self.now.as_secs() / 60 + 1) * MINUTE.as_secs())
    }

    pub(super) fn move_to(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.moves.push((clock::now(), self.now));
    }
}
