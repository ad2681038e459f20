//! The oddities of one call or push.

use crate::oddities::catalog::Oddity;

/// The oddities that one call or push is to have, and those that it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draw {
    chosen: Vec<Chosen>,
    applied: Vec<Oddity>,
    /// The app, once it is known; by alias.
    pub(crate) app: Option<String>,
    random: Random,
}

/// An oddity, perhaps of one app only.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) oddity: Oddity,
    pub(crate) app: Option<String>,
}

impl Draw {
    pub(crate) fn new(chosen: Vec<Chosen>, random: Random) -> Self {
        Self { chosen, random, ..Self::default() }
    }

    /// Whether this oddity is wanted. It counts as applied.
    pub(crate) fn applies(&mut self, oddity: Oddity) -> bool {
        self.try_to(oddity, |_| true)
    }

    /// Applies an oddity if it is wanted; the function says whether it had anything to change.
    pub(crate) fn try_to(
        &mut self,
        oddity: Oddity,
        apply: impl FnOnce(&mut Random) -> bool,
    ) -> bool {
        let wanted = self
            .chosen
            .iter()
            .any(|it| it.oddity == oddity && (it.app.is_none() || it.app == self.app));
        let applied = wanted && apply(&mut self.random);
        if applied && !self.applied.contains(&oddity) {
            self.applied.push(oddity);
        }
        applied
    }

    /// Counts oddities that a copy of this draw has applied.
    pub(crate) fn merge(&mut self, applied: &[Oddity]) {
        let new: Vec<_> = applied.iter().filter(|it| !self.applied.contains(it)).copied().collect();
        self.applied.extend(new);
    }

    /// The oddities that changed something.
    pub(crate) fn applied(&self) -> &[Oddity] {
        &self.applied
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}

/// Numbers that follow from a seed: the generator `SplitMix64`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one call or push: the `nth` of its kind.
    pub(crate) fn new(seed: u64, kind: &str, nth: u64) -> Self {
        // FNV-1a, which is the same in each version of Rust.
        let kind = kind.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = Self(seed);
        random.0 ^= random.next() ^ kind;
        random.0 ^= random.next() ^ nth;
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    /// One of these; `None` if there are none.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).copied()
    }

    /// Brings these into another order.
    pub(crate) fn shuffle<T>(&mut self, these: &mut [T]) {
        for last in (1..these.len()).rev() {
            these.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_seed_kind_and_place() {
        let numbers = |seed, kind, nth| {
            let mut random = Random::new(seed, kind, nth);
            (0..8).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1, "a", 1), numbers(1, "a", 1));
        let other = [numbers(2, "a", 1), numbers(1, "b", 1), numbers(1, "a", 2)];
        assert!(other.iter().all(|it| *it != numbers(1, "a", 1)), "{other:?}");
    }

    #[test]
    fn oddity_of_an_app_waits_for_that_app() {
        let chosen = Chosen { oddity: Oddity::NullFields, app: Some("shop".to_owned()) };
        let mut draw = Draw::new(vec![chosen], Random::default());
        assert!(!draw.applies(Oddity::NullFields), "no app is known");
        draw.app = Some("shop-mini".to_owned());
        assert!(!draw.applies(Oddity::NullFields));
        draw.app = Some("shop".to_owned());
        assert!(!draw.try_to(Oddity::NullFields, |_| false) && draw.applied().is_empty());
        assert!(draw.applies(Oddity::NullFields) && !draw.applies(Oddity::WhiteSpace));
        assert_eq!(draw.applied(), [Oddity::NullFields]);
    }
}
