//! Random inputs: the same seed gives the same inputs everywhere.

/// The generator `SplitMix64` of Steele, Lea and Flood.
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which isn't 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    /// `length` characters out of `alphabet`.
    pub(crate) fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        (0..length).map(|_| char::from(*self.pick(alphabet))).collect()
    }

    /// One of `seeds`, with some of what makes parsers stumble done to it.
    pub(crate) fn mutated(&mut self, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut input = self.pick(seeds).clone();
        for _ in 0..self.below(4) {
            let place = self.below(input.len() + 1);
            let end = (place + self.below(24)).min(input.len());
            match self.below(8) {
                0 => {
                    input.drain(place..end);
                }
                1 => {
                    let again = input[place..end].to_vec();
                    input.splice(place..place, again);
                }
                2 => input.truncate(place),
                3 => {
                    let other = self.pick(seeds);
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(64)).min(other.len());
                    input.splice(place..end, other[from..to].iter().copied());
                }
                4 if place < input.len() => input[place] ^= 1 << self.below(8),
                5 if place < input.len() => input[place] = self.next() as u8,
                _ => {
                    let word = self.pick(words).bytes();
                    input.splice(place..place, word);
                }
            }
        }
        input
    }
}
