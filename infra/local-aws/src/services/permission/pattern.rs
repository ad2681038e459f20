//! Resources as policies name them: ARNs with wildcards.

use std::fmt;

/// How many parts an ARN has: `arn:partition:service:region:account:resource`.
const PARTS: usize = 6;

/// An ARN in which `*` stands for any characters and `?` for one, within a part;
/// in the last part, which may have colons of its own, for any at all. `*` alone
/// is everything.
///
/// Source: IAM user guide, "IAM JSON policy elements: Resource".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern. The error is what is wrong with it, as a sentence's end.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("${") {
            return Err(format!("has a policy variable, which isn't supported: `{text}`"));
        }
        let parts: Vec<_> = text.splitn(PARTS, ':').collect();
        if text != "*" && (parts.len() < PARTS || parts[0] != "arn") {
            return Err(format!("must be a whole ARN, or * for all, not `{text}`"));
        }
        // Otherwise the pattern would reach into other services.
        if parts.get(2).is_some_and(|service| service.contains(['*', '?'])) {
            return Err(format!("can't have a wildcard for the service: `{text}`"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether an ARN is meant.
    pub fn fits(&self, arn: &str) -> bool {
        if self.0 == "*" {
            return true;
        }
        let parts = self.0.splitn(PARTS, ':');
        let theirs: Vec<_> = arn.splitn(PARTS, ':').collect();
        theirs.len() == PARTS && parts.zip(theirs).all(|(part, their)| like(part, their))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// Whether a text is like a pattern in which `*` is any characters and `?` is one.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // The last star, and how much of the text it has been given.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match &mut star {
                Some((back, given)) => {
                    *given += 1;
                    (at, seen) = (*back + 1, *given);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_characters_or_for_one() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "a/b:c"),
            ("token_refresh#*", "token_refresh#wx1"),
            ("a*b*c", "a--b-b--c"),
            ("?b", "ab"),
            ("*留言?", "the 留言s"),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("?", ""), ("a*b", "ab-"), ("token_refresh#*", "forced"), ("A", "a")]
        {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_resource_is_matched_part_by_part() {
        let fits = |pattern: &str, arn: &str| Pattern::parse(pattern).unwrap().fits(arn);
        let books = "arn:aws:dynamodb:us-east-1:123456789012:table/Books";
        assert!(fits(books, books));
        assert!(fits("*", books));
        assert!(fits("arn:aws:dynamodb:*:123456789012:table/*", books));
        assert!(!fits(books, &format!("{books}/index/title")), "an index is another resource");
        assert!(fits(&format!("{books}/index/*"), &format!("{books}/index/title")));
        assert!(!fits("arn:aws:dynamodb:us-east-1:*:Books", books), "a star keeps to its part");
        let function = "arn:aws:lambda:us-east-1:123456789012:function:send";
        assert!(!fits(function, &format!("{function}:7")), "a version is another resource");
        assert!(fits(&format!("{function}:*"), &format!("{function}:7")));
        let folder = "arn:aws:ssm:us-east-1:123456789012:parameter/prod/apps";
        assert!(!fits(&format!("{folder}/*"), folder));
        assert!(!fits(folder, &format!("{folder}/shop")));
        assert!(fits(&format!("{folder}/sho?"), &format!("{folder}/shop")));
    }

    #[test]
    fn invalid_arn_is_refused() {
        for text in ["", "Books", "arn:aws:dynamodb:*", "arn:aws:*:us-east-1:123456789012:Books"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        let variable = "arn:aws:dynamodb:us-east-1:123456789012:table/${aws:username}";
        assert!(Pattern::parse(variable).unwrap_err().contains("variable"));
    }
}
