//! Randomness for delays, so that callers that failed together don't retry together.

/// A random number. Not for secrets.
pub fn random_u32() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
