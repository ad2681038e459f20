//! Names of parameters.

use crate::services::account::{ACCOUNT, REGION};
use crate::services::refusal::Refusal;

/// The longest name, in characters, counted as AWS does: with the ARN before it, which is 1011 without.
const MAX_NAME_LENGTH: usize = 1011;

/// The deepest hierarchy, in levels.
const DEEPEST: usize = 15;

/// A parameter's ARN.
pub(super) fn arn(name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{slash}{name}")
}

/// Checks the name of a parameter to be made (`PutParameter`: "Parameter name constraints").
pub(super) fn check(name: &str) -> Result<(), Refusal> {
    let invalid = |reason: &str| Err(Refusal::validation(reason));
    if name.is_empty() || name.len() > MAX_NAME_LENGTH {
        return invalid("a parameter's name has 1 to 1011 characters");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    if !name.chars().all(allowed) {
        return invalid(
            "Parameter name: can consist of letters, numbers and the symbols .-_ in parts divided by slashes",
        );
    }
    let parts: Vec<&str> = name.trim_start_matches('/').split('/').collect();
    if name.contains('/') && (!name.starts_with('/') || parts.iter().any(|part| part.is_empty())) {
        return invalid(
            "a parameter name in a hierarchy begins with a slash, doesn't end with one, and has no empty part",
        );
    }
    if parts.len() > DEEPEST {
        return Err(Refusal::new(
            "HierarchyLevelLimitExceededException",
            "a hierarchy has 15 levels at most",
        ));
    }
    let first = parts.first().map(|part| part.to_ascii_lowercase()).unwrap_or_default();
    if first.starts_with("ssm") {
        return invalid("Parameter name: can't be prefixed with \"ssm\" (case-insensitive)");
    }
    if first.starts_with("aws") {
        return Err(Refusal::new(
            "AccessDeniedException",
            format!("No access to reserved parameter name: {name}."),
        ));
    }
    Ok(())
}

/// What a reader asks for: a name, and the version in a selector after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    /// What follows the colon, with it.
    pub(super) selector: Option<&'a str>,
}

/// Reads `name`, `name:version` or an ARN of either.
pub(super) fn wanted(text: &str) -> Wanted<'_> {
    let rest = match text.split_once(":parameter/") {
        // The ARN has one slash, whether or not the name begins with one.
        Some((arn, _)) if arn.starts_with("arn:") => &text[arn.len() + ":parameter".len()..],
        _ => text,
    };
    match rest.find(':') {
        Some(colon) => Wanted { name: &rest[..colon], selector: Some(&rest[colon..]) },
        None => Wanted { name: rest, selector: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_documented_rules() {
        for name in ["plain", "/a/b.c-d_e", "a.b", "/shop/local/apps/one-more"] {
            assert!(check(name).is_ok(), "{name}");
        }
        let deep = "/x".repeat(16);
        for (name, code) in [
            ("", "ValidationException"),
            ("with space", "ValidationException"),
            ("a/b", "ValidationException"),
            ("/a/", "ValidationException"),
            ("/a//b", "ValidationException"),
            ("/", "ValidationException"),
            ("留言", "ValidationException"),
            ("SSM-thing", "ValidationException"),
            ("/aws/thing", "AccessDeniedException"),
            ("AWSthing", "AccessDeniedException"),
            (deep.as_str(), "HierarchyLevelLimitExceededException"),
        ] {
            assert_eq!(check(name).unwrap_err().code, code, "{name}");
        }
    }

    #[test]
    fn a_reader_may_name_a_version_or_an_arn() {
        assert_eq!(wanted("/a/b"), Wanted { name: "/a/b", selector: None });
        assert_eq!(wanted("/a/b:3"), Wanted { name: "/a/b", selector: Some(":3") });
        assert_eq!(wanted(&arn("/a/b")), Wanted { name: "/a/b", selector: None });
        assert_eq!(
            wanted("arn:aws:ssm:us-east-1:000000000000:parameter/a/b:3"),
            Wanted { name: "/a/b", selector: Some(":3") }
        );
    }
}
