//! Chance, for pauses: without it, all who met once would meet again.

/// A number by chance. No secret should be made of it.
pub fn number() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
