//! Cutting a text where a reader sees the end of a character.

/// The longest beginning of the text that still fits with the ellipsis behind
/// it. A shorter beginning of one that fits must fit as well. If none does, the
/// ellipsis alone.
pub(super) fn longest(text: &str, ellipsis: &str, fits: impl Fn(&str) -> bool) -> String {
    let mut longest = ellipsis.to_owned();
    for end in boundaries(text) {
        let candidate = [&text[..end], ellipsis].concat();
        if !fits(&candidate) {
            break;
        }
        longest = candidate;
    }
    longest
}

/// Where a text may be cut, in bytes from its beginning, without its two ends.
///
/// This is the part of Unicode's grapheme clusters (UAX #29) that one meets in
/// names and notices: accents, emoji with a skin tone or a variant, families
/// and professions joined to one picture, flags, keycaps. Scripts whose letters
/// melt into syllables may be cut within one.
fn boundaries(text: &str) -> impl Iterator<Item = usize> {
    let mut flag_is_half = false;
    let pairs = text.char_indices().zip(text.char_indices().skip(1));
    pairs.filter_map(move |((_, before), (at, after))| {
        flag_is_half = is_flag_letter(before) && !flag_is_half;
        let one = before == JOINER
            || extends(after)
            || (flag_is_half && is_flag_letter(after))
            || (before == '\r' && after == '\n');
        (!one).then_some(at)
    })
}

/// Joins two emoji to one.
const JOINER: char = '\u{200d}';

/// Two of these are a flag.
fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Belongs to the character before it.
fn extends(c: char) -> bool {
    matches!(c,
        // Combining marks, of Latin and the like, of Hebrew, Arabic, Thai.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{302a}'..='\u{302f}' | '\u{3099}'..='\u{309a}' | '\u{fe20}'..='\u{fe2f}'
        // The joiners, variants, skin tones, and what spells a region's flag.
        | '\u{200c}' | JOINER | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        let ends: Vec<_> = boundaries(text).chain([text.len()]).collect();
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(&ends).map(|(start, end)| &text[start..*end]).collect()
    }

    #[test]
    fn grapheme_cluster_stays_whole() {
        assert_eq!(parts("ab鸿雁"), ["a", "b", "鸿", "雁"]);
        assert_eq!(parts("e\u{301}a"), ["e\u{301}", "a"]);
        assert_eq!(parts("👍🏽👍"), ["👍🏽", "👍"]);
        assert_eq!(parts("👨‍👩‍👧‍👦!"), ["👨‍👩‍👧‍👦", "!"]);
        assert_eq!(parts("❤️a"), ["❤️", "a"]);
        assert_eq!(parts("1️⃣2"), ["1️⃣", "2"]);
        assert_eq!(parts("🇨🇳🇫🇷🇨"), ["🇨🇳", "🇫🇷", "🇨"]);
        assert_eq!(parts("🏴󠁧󠁢󠁳󠁣󠁴󠁿x"), ["🏴󠁧󠁢󠁳󠁣󠁴󠁿", "x"]);
        assert_eq!(parts("x"), ["x"]);
    }

    #[test]
    fn longest_fitting_prefix_is_kept() {
        let within = |limit: usize| move |text: &str| text.encode_utf16().count() <= limit;
        assert_eq!(longest("kettle", "…", within(4)), "ket…");
        assert_eq!(longest("👨‍👩‍👧‍👦 is a family", "…", within(12)), "👨‍👩‍👧‍👦…");
        assert_eq!(longest("👨‍👩‍👧‍👦 is a family", "…", within(11)), "…");
        assert_eq!(longest("", "…", within(1)), "…");
    }
}
