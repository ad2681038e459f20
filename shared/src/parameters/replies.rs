//! Automatic replies: rules in `/apps/{app}` under `replies`.
//!
//! ```json
//! [{ "on": "follow", "reply": { "text": "欢迎！" } },
//!  { "on": { "keyword": "订单" }, "reply": { "news": { "title": "…", "url": "https://…" } } },
//!  { "on": { "contains": "退款" }, "reply": { "customer_service": {} } },
//!  { "on": { "pattern": "^[0-9]{8}$" }, "reply": { "text": "…" } },
//!  { "on": { "menu": "ORDERS" }, "reply": { "text": "…" } },
//!  { "on": { "scene": "poster" }, "reply": { "text": "…" } },
//!  { "on": { "scene_prefix": "poster_" }, "reply": { "text": "…" } },
//!  { "on": "any_scene", "reply": { "text": "…" } },
//!  { "on": "message", "reply": { "text": "…" } }]
//! ```
//!
//! The first matching rule replies: in an Official Account with a passive reply, in a mini
//! program with a customer-service message. Only a transfer to customer service is a passive
//! reply there, too.

use super::app::AppKind;
use crate::json::Json;
use crate::wechat::customer_service::CustomerServiceMessage;
use crate::wechat::push::{Event, PushKind};
use crate::wechat::reply::Reply;
use crate::wechat::text::character_problem;
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// Of a compiled pattern. The time of matching is proportional to it.
const MAX_PATTERN_BYTES: usize = 32 * 1024;

/// The rules of one app, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct ReplyRules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    on: Trigger,
    reply: AutoReply,
}

/// The reply of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutoReply {
    /// A passive reply, as the response body.
    Passive(Reply),
    /// A customer-service message, which the events function sends.
    Message(CustomerServiceMessage),
}

/// What a rule replies to.
#[derive(Clone, Debug)]
enum Trigger {
    /// A follow.
    Follow,
    /// A text that is this, [folded](fold), except for what ends it and white space around it.
    /// What WeChat has understood of a recording counts as a text, here and below.
    Keyword(String),
    /// A text that contains this, folded.
    Contains(String),
    /// A text that matches a regular expression.
    Pattern(Regex),
    /// A tap on a menu item with such a key.
    Menu(Wanted),
    /// A scan of a QR code with such a scene, by a follower or with a follow.
    Scene(Wanted),
    /// A user enters the mini program's customer service.
    EnterSession,
    /// Any message that no earlier rule matches.
    Message,
}

/// The keys or scenes that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    This(String),
    Prefix(String),
    Any,
}

/// A rule as it is stored. The reply is read once the app's kind is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRule {
    on: StoredTrigger,
    reply: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredTrigger {
    Follow,
    Keyword(String),
    Contains(String),
    Pattern(String),
    Menu(String),
    MenuPrefix(String),
    AnyMenu,
    Scene(String),
    ScenePrefix(String),
    AnyScene,
    EnterSession,
    Message,
}

impl ReplyRules {
    /// Reads the rules of an app of this kind, and the problem of each invalid one, with its
    /// position in the list. Invalid rules are ignored, so that the others work.
    pub(super) fn read(rules: &[Json], kind: AppKind) -> (Self, Vec<String>) {
        let mut read: Vec<Rule> = Vec::new();
        let mut problems = Vec::new();
        for (place, stored) in rules.iter().enumerate() {
            let rule = Rule::read(stored, kind).and_then(|rule| match rule.shadowed_by(&read) {
                Some(before) => Err(format!("{before} before it matches everything that it could")),
                None => Ok(rule),
            });
            match rule {
                Ok(rule) => read.push(rule),
                Err(problem) => {
                    problems
                        .push(format!("rule {} of its replies is invalid: {problem}", place + 1));
                }
            }
        }
        (Self(read), problems)
    }

    /// The reply of the first matching rule, if one matches.
    pub fn reply_to(&self, kind: &PushKind) -> Option<&AutoReply> {
        self.0.iter().find(|rule| rule.on.matches(kind)).map(|rule| &rule.reply)
    }
}

impl Rule {
    fn read(stored: &Json, kind: AppKind) -> Result<Self, String> {
        stored.check_names().map_err(|error| error.to_string())?;
        for (place, text) in stored.texts() {
            if let Some(problem) = character_problem(text) {
                return Err(format!("{}: {problem}", place.escape_debug()));
            }
        }
        let stored: StoredRule = stored.read().map_err(|error| error.to_string())?;
        let on = Trigger::read(stored.on)?;
        on.possible(kind)?;
        let reply = AutoReply::read(stored.reply, kind)?;
        // WeChat transfers messages to customer service only, not events.
        if matches!(reply, AutoReply::Passive(Reply::CustomerService { .. })) && !on.is_message() {
            return Err("only messages can be handed to customer_service, not events".to_owned());
        }
        Ok(Self { on, reply })
    }

    /// The earlier rule that matches everything that this one could.
    fn shadowed_by(&self, before: &[Self]) -> Option<String> {
        let shadow = before.iter().find(|rule| rule.on.matches_all_of(&self.on))?;
        Some(shadow.on.to_string())
    }
}

impl AutoReply {
    fn read(stored: Value, kind: AppKind) -> Result<Self, String> {
        let handed_over = stored.get("customer_service").is_some();
        let (answer, problem) = if kind == AppKind::OfficialAccount || handed_over {
            let reply: Reply = serde_json::from_value(stored).map_err(|error| error.to_string())?;
            let problem = reply.problem();
            (Self::Passive(reply), problem)
        } else {
            let message: CustomerServiceMessage =
                serde_json::from_value(stored).map_err(|error| error.to_string())?;
            let problem = match &message {
                CustomerServiceMessage::News { .. } | CustomerServiceMessage::Menu { .. } => {
                    Some("a mini program sends no news and no menu; it has link")
                }
                CustomerServiceMessage::MiniProgramPage { app_id: Some(_), .. } => {
                    Some("a mini program sends its own pages only, and doesn't name an app_id")
                }
                message => message.problem(),
            };
            (Self::Message(message), problem)
        };
        problem.map_or(Ok(answer), |problem| Err(problem.to_owned()))
    }
}

impl Trigger {
    fn read(stored: StoredTrigger) -> Result<Self, String> {
        let some = |text: String| {
            if text.trim().is_empty() { Err("what it looks for is empty") } else { Ok(text) }
        };
        Ok(match stored {
            StoredTrigger::Follow => Self::Follow,
            StoredTrigger::Keyword(text) => {
                Self::Keyword(without_end(&fold(&some(text)?)).to_owned())
            }
            StoredTrigger::Contains(text) => Self::Contains(fold(&some(text)?)),
            StoredTrigger::Pattern(text) => {
                let pattern = RegexBuilder::new(&some(text)?).size_limit(MAX_PATTERN_BYTES).build();
                Self::Pattern(pattern.map_err(|error| format!("its pattern: {error}"))?)
            }
            StoredTrigger::Menu(key) => Self::Menu(Wanted::This(some(key)?.trim().to_owned())),
            StoredTrigger::MenuPrefix(prefix) => Self::Menu(Wanted::Prefix(some(prefix)?)),
            StoredTrigger::AnyMenu => Self::Menu(Wanted::Any),
            StoredTrigger::Scene(scene) => {
                Self::Scene(Wanted::This(some(scene)?.trim().to_owned()))
            }
            StoredTrigger::ScenePrefix(prefix) => Self::Scene(Wanted::Prefix(some(prefix)?)),
            StoredTrigger::AnyScene => Self::Scene(Wanted::Any),
            StoredTrigger::EnterSession => Self::EnterSession,
            StoredTrigger::Message => Self::Message,
        })
    }

    /// Whether this happens in an app of this kind.
    fn possible(&self, kind: AppKind) -> Result<(), String> {
        match (self, kind) {
            (Self::Follow | Self::Menu(_) | Self::Scene(_), AppKind::MiniProgram) => {
                Err("a mini program has no followers, QR code scenes or menus".to_owned())
            }
            (Self::EnterSession, AppKind::OfficialAccount) => {
                Err("enter_session happens in a mini program only".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn is_message(&self) -> bool {
        matches!(self, Self::Keyword(_) | Self::Contains(_) | Self::Pattern(_) | Self::Message)
    }

    /// Whether a rule with `later` could never match after this one.
    fn matches_all_of(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Message, later) => later.is_message(),
            (Self::Keyword(a), Self::Keyword(b)) => a == b,
            (Self::Menu(a), Self::Menu(b)) | (Self::Scene(a), Self::Scene(b)) => a.covers(b),
            (Self::Contains(part), Self::Keyword(text) | Self::Contains(text)) => {
                text.contains(part.as_str())
            }
            (Self::Pattern(a), Self::Pattern(b)) => a.as_str() == b.as_str(),
            (Self::Follow, Self::Follow) | (Self::EnterSession, Self::EnterSession) => true,
            _ => false,
        }
    }

    fn matches(&self, kind: &PushKind) -> bool {
        match (self, kind) {
            (Self::Message, PushKind::Message(_))
            | (Self::Follow, PushKind::Event(Event::Subscribe { .. }))
            | (Self::EnterSession, PushKind::Event(Event::UserEnterTempSession { .. })) => true,
            (_, PushKind::Message(message)) => message.words().is_some_and(|words| match self {
                Self::Keyword(text) => without_end(&fold(words)) == text,
                Self::Contains(part) => fold(words).contains(part.as_str()),
                Self::Pattern(pattern) => pattern.is_match(words),
                _ => false,
            }),
            (
                Self::Menu(wanted),
                PushKind::Event(Event::Click { key } | Event::ScanCodeWaitMessage { key, .. }),
            ) => wanted.matches(key),
            (Self::Scene(wanted), PushKind::Event(Event::Scan { scene, .. })) => {
                wanted.matches(scene)
            }
            (Self::Scene(wanted), PushKind::Event(Event::Subscribe { scene, .. })) => {
                scene.as_ref().is_some_and(|scene| wanted.matches(scene))
            }
            _ => false,
        }
    }
}

impl Wanted {
    fn matches(&self, found: &str) -> bool {
        match self {
            Self::This(wanted) => found.trim() == wanted,
            Self::Prefix(prefix) => found.trim_start().starts_with(prefix.as_str()),
            Self::Any => true,
        }
    }

    /// Whether it matches all that `other` does.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Prefix(prefix), Self::This(text) | Self::Prefix(text)) => {
                text.starts_with(prefix.as_str())
            }
            (Self::This(one), Self::This(other)) => one == other,
            (Self::This(_) | Self::Prefix(_), _) => false,
        }
    }
}

/// A text as people mean it: without its case, and with the letters, digits and signs that
/// Chinese keyboards write wide (U+FF01 to U+FF5E) in their usual width.
fn fold(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    text.chars().map(narrow).flat_map(char::to_lowercase).collect()
}

/// A folded text without white space around it and the signs that end a sentence, unless it is
/// made of these.
fn without_end(folded: &str) -> &str {
    let text = folded.trim();
    let end = |c: char| {
        c.is_whitespace()
            || matches!(c, '.' | '!' | '?' | ',' | ';' | ':' | '~' | '。' | '、' | '…')
    };
    match text.trim_end_matches(end) {
        "" => text,
        words => words,
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow => f.write_str("the rule on follow"),
            Self::Keyword(text) => write!(f, "the rule on the keyword {text:?}"),
            Self::Contains(text) => write!(f, "the rule on what contains {text:?}"),
            Self::Pattern(pattern) => write!(f, "the rule on the pattern {:?}", pattern.as_str()),
            Self::Menu(key) => write!(f, "the rule on {key} menu key"),
            Self::Scene(scene) => write!(f, "the rule on {scene} scene"),
            Self::EnterSession => f.write_str("the rule on enter_session"),
            Self::Message => f.write_str("the rule on any message"),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::This(text) => write!(f, "{text:?} as"),
            Self::Prefix(prefix) => write!(f, "a prefix {prefix:?} of the"),
            Self::Any => f.write_str("any"),
        }
    }
}

#[cfg(test)]
mod tests;
