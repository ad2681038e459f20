//! A person, as an argument names them.

use crate::parse;
use serde::Serialize;
use serde_json::{Value, json};
use shared::wechat::id::{OpenId, UnionId};
use std::fmt;

/// A person, as an argument names them. Output never repeats an openid or a unionid.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PersonSelector {
    /// The owner of an account.
    Account(String),
    /// A person, by the internal id that a login returns.
    UserId(String),
    UnionId(UnionId),
    OpenId {
        app: String,
        open_id: OpenId,
    },
}

const RECIPIENT_GRAMMAR: &str = "write account=ann, union_id=… or app=shop,open_id=…";
const PERSON_GRAMMAR: &str =
    "write account=ann, user=… (the id that a login returns) or app=shop,open_id=…";

/// Parses a recipient of the send function.
pub(crate) fn parse_recipient(text: &str) -> Result<PersonSelector, String> {
    parse(text).filter(|it| it.as_recipient().is_some()).ok_or_else(|| RECIPIENT_GRAMMAR.to_owned())
}

/// Parses a person of the login function.
pub(crate) fn parse_person(text: &str) -> Result<PersonSelector, String> {
    parse(text).filter(|it| it.as_person().is_some()).ok_or_else(|| PERSON_GRAMMAR.to_owned())
}

fn parse(text: &str) -> Option<PersonSelector> {
    let (name, value) = text.split_once('=')?;
    match name {
        "account" => parse::account_name(value).ok().map(PersonSelector::Account),
        "user" => parse::user_id(value).ok().map(PersonSelector::UserId),
        "union_id" => UnionId::parse(value).ok().map(PersonSelector::UnionId),
        // An alias and an openid have no comma, so either may come first.
        "app" | "open_id" => {
            let (one, other) = text.split_once(',')?;
            let ((one, first), (other, second)) = (one.split_once('=')?, other.split_once('=')?);
            let (app, open_id) = match (one.trim(), other.trim()) {
                ("app", "open_id") => (first, second),
                ("open_id", "app") => (second, first),
                _ => return None,
            };
            let (app, open_id) = (parse::alias(app).ok()?, OpenId::parse(open_id).ok()?);
            Some(PersonSelector::OpenId { app, open_id })
        }
        _ => None,
    }
}

impl PersonSelector {
    /// The JSON for the send function; none for an internal id, which it doesn't take.
    pub(crate) fn as_recipient(&self) -> Option<Value> {
        match self {
            Self::Account(account) => Some(json!({ "account": account })),
            Self::UnionId(union_id) => Some(json!({ "union_id": union_id })),
            Self::OpenId { app, open_id } => Some(json!({ "app": app, "open_id": open_id })),
            Self::UserId(_) => None,
        }
    }

    /// The JSON for the login function; none for a unionid, which it doesn't take.
    pub(crate) fn as_person(&self) -> Option<Value> {
        match self {
            Self::Account(account) => Some(json!({ "account": account })),
            Self::UserId(user) => Some(json!({ "user": user })),
            Self::OpenId { app, open_id } => Some(json!({ "app": app, "open_id": open_id })),
            Self::UnionId(_) => None,
        }
    }

    /// The argument for a suggested command, without openid or unionid.
    pub(crate) fn as_argument(&self) -> String {
        match self {
            Self::Account(account) => format!("account={account}"),
            Self::UserId(user) => format!("user={user}"),
            Self::UnionId(_) => "union_id=…".to_owned(),
            Self::OpenId { app, .. } => format!("app={app},open_id=…"),
        }
    }
}

impl fmt::Debug for PersonSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonSelector(…)")
    }
}

impl fmt::Display for PersonSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "the account {account}"),
            Self::UserId(user) => write!(f, "the user {user}"),
            Self::UnionId(_) => f.write_str("the given unionid"),
            Self::OpenId { app, .. } => write!(f, "the given openid of {app}"),
        }
    }
}

/// For output: without openid or unionid.
impl Serialize for PersonSelector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Account(account) => json!({ "account": account }),
            Self::UserId(user) => json!({ "user": user }),
            Self::UnionId(_) => json!({}),
            Self::OpenId { app, .. } => json!({ "app": app }),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_is_named_in_four_ways() {
        let account = PersonSelector::Account("a,b=c".to_owned());
        assert_eq!(parse_recipient("account=a,b=c").unwrap(), account);
        let id = "0123456789abcdef0123456789abcdef";
        let user = PersonSelector::UserId(id.to_owned());
        assert_eq!(parse_person(&format!("user={id}")).unwrap(), user);
        let ann = parse_recipient("app=shop,open_id=oAnn").unwrap();
        assert_eq!(ann, parse_person("open_id=oAnn,app=shop").unwrap());
        assert_eq!(ann.as_recipient().unwrap(), json!({ "app": "shop", "open_id": "oAnn" }));
        let union_id = parse_recipient("union_id=uAnn").unwrap();
        assert_eq!(union_id.as_recipient().unwrap(), json!({ "union_id": "uAnn" }));
    }

    #[test]
    fn selector_is_rejected_when_the_function_does_not_take_it() {
        let user = format!("user={}", "a".repeat(32));
        assert!(parse_recipient(&user).unwrap_err().contains("union_id="));
        assert!(parse_person("union_id=uAnn").unwrap_err().contains("user="));
        for bad in [
            "ann",
            "account=",
            "account=a#b",
            "user=ann",
            "app=shop",
            "open_id=oAnn",
            "app=shop,app=shop",
            "app=shop,open_id=o Ann",
            "app=a/b,open_id=oAnn",
            "name=ann",
        ] {
            assert!(parse_recipient(bad).is_err() && parse_person(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn output_has_no_openid_and_no_unionid() {
        for selector in [parse_recipient("app=shop,open_id=oAnn"), parse_recipient("union_id=oAnn")]
        {
            let selector = selector.unwrap();
            let output = [
                format!("{selector:?} {selector} {}", selector.as_argument()),
                serde_json::to_string(&selector).unwrap(),
            ];
            assert!(!output.concat().contains("oAnn"), "{output:?}");
        }
    }
}
