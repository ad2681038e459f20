//! Whoever is meant, as it is written on the command line.

use serde::Serialize;
use serde_json::{Value, json};
use shared::wechat::id::{OpenId, UnionId};
use std::fmt;

/// The longest name of an account, in characters, as in the send function's request.
const LONGEST_NAME: usize = 64;

/// Whoever is meant. Not printable whole: openid and unionid stay with whoever gave
/// them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// The owner of an account.
    Account(String),
    /// A person, by the internal id that a login answers.
    Person(String),
    /// A person, by WeChat's unionid.
    Union(UnionId),
    /// A user of one app.
    User { app: String, open_id: OpenId },
}

/// How somebody is named to the send function.
const AS_RECIPIENT: &str = "write account=ann, union_id=… or app=shop,open_id=…";
/// How somebody is named to the login function.
const AS_PERSON: &str =
    "write account=ann, user=… (the id that a login answers) or app=shop,open_id=…";

/// Reads somebody to whom something can be sent.
pub(crate) fn recipient(text: &str) -> Result<Who, String> {
    read(text).filter(|who| who.recipient().is_some()).ok_or_else(|| AS_RECIPIENT.to_owned())
}

/// Reads somebody who can be looked up.
pub(crate) fn person(text: &str) -> Result<Who, String> {
    read(text).filter(|who| who.person().is_some()).ok_or_else(|| AS_PERSON.to_owned())
}

/// Reads a person's internal id: 32 hexadecimal digits.
pub(crate) fn user(text: &str) -> Result<String, String> {
    let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if text.len() == 32 && text.bytes().all(digit) {
        return Ok(text.to_owned());
    }
    Err("an internal id has 32 hexadecimal digits, as a login answers it; \
         `hongyan account look-up account=…` tells it"
        .to_owned())
}

/// Reads the name of an account.
pub(crate) fn account(text: &str) -> Result<String, String> {
    if (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.contains('#') {
        return Ok(text.to_owned());
    }
    Err(format!("an account's name has 1 to {LONGEST_NAME} characters, and no #"))
}

fn read(text: &str) -> Option<Who> {
    let (name, value) = text.split_once('=')?;
    match name {
        "account" => account(value).ok().map(Who::Account),
        "user" => user(value).ok().map(Who::Person),
        "union_id" => UnionId::parse(value).ok().map(Who::Union),
        // An alias and an openid have no comma, so either may stand first.
        "app" | "open_id" => {
            let (one, other) = text.split_once(',')?;
            let ((one, first), (other, second)) = (one.split_once('=')?, other.split_once('=')?);
            let (app, open_id) = match (one.trim(), other.trim()) {
                ("app", "open_id") => (first, second),
                ("open_id", "app") => (second, first),
                _ => return None,
            };
            let app = crate::name::alias(app).ok()?;
            Some(Who::User { app, open_id: OpenId::parse(open_id).ok()? })
        }
        _ => None,
    }
}

impl Who {
    /// As the send function is told, if it can be.
    pub(crate) fn recipient(&self) -> Option<Value> {
        match self {
            Self::Account(account) => Some(json!({ "account": account })),
            Self::Union(union_id) => Some(json!({ "union_id": union_id })),
            Self::User { app, open_id } => Some(json!({ "app": app, "open_id": open_id })),
            Self::Person(_) => None,
        }
    }

    /// As the login function is told, if it can be.
    pub(crate) fn person(&self) -> Option<Value> {
        match self {
            Self::Account(account) => Some(json!({ "account": account })),
            Self::Person(user) => Some(json!({ "user": user })),
            Self::User { app, open_id } => Some(json!({ "app": app, "open_id": open_id })),
            Self::Union(_) => None,
        }
    }

    /// As it is written in a command that is suggested: what is personal isn't
    /// repeated.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Account(account) => format!("account={account}"),
            Self::Person(user) => format!("user={user}"),
            Self::Union(_) => "union_id=…".to_owned(),
            Self::User { app, .. } => format!("app={app},open_id=…"),
        }
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Who(…)")
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "the account {account}"),
            Self::Person(user) => write!(f, "the user {user}"),
            Self::Union(_) => f.write_str("the given unionid"),
            Self::User { app, .. } => write!(f, "the given openid of {app}"),
        }
    }
}

/// In answers: whoever is named by an openid or a unionid isn't named again.
impl Serialize for Who {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Account(account) => json!({ "account": account }),
            Self::Person(user) => json!({ "user": user }),
            Self::Union(_) => json!({}),
            Self::User { app, .. } => json!({ "app": app }),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_four_ways() {
        assert_eq!(recipient("account=a,b=c").unwrap(), Who::Account("a,b=c".to_owned()));
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(person(&format!("user={id}")).unwrap(), Who::Person(id.to_owned()));
        let ann = recipient("app=shop,open_id=oAnn").unwrap();
        assert_eq!(ann, person("open_id=oAnn,app=shop").unwrap());
        assert_eq!(ann.recipient().unwrap(), json!({ "app": "shop", "open_id": "oAnn" }));
        assert_eq!(
            recipient("union_id=uAnn").unwrap().recipient().unwrap(),
            json!({ "union_id": "uAnn" })
        );
    }

    #[test]
    fn what_a_function_can_not_be_asked_is_refused() {
        assert!(recipient(&format!("user={}", "a".repeat(32))).unwrap_err().contains("union_id="));
        assert!(person("union_id=uAnn").unwrap_err().contains("user="));
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
            assert!(recipient(bad).is_err() && person(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_personal_is_repeated() {
        for who in [recipient("app=shop,open_id=oAnn"), recipient("union_id=oAnn")] {
            let who = who.unwrap();
            let told =
                [format!("{who:?} {who} {}", who.written()), serde_json::to_string(&who).unwrap()];
            assert!(!told.concat().contains("oAnn"), "{told:?}");
        }
    }
}
