//! The world: the apps, the people, and what stands between them.

use crate::random;
use crate::{clock, login, quota, template, token};
use serde::{Deserialize, Serialize, Serializer};
use shared::secret::Secret;
use shared::wechat::crypto::EncodingAesKey;
use shared::wechat::id::{AppId, OpenId, UnionId};
use std::collections::BTreeMap;

/// Everything that the sandbox remembers over a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// The Official Accounts and Mini Programs.
    pub apps: Vec<App>,
    /// The people who may use them.
    pub people: Vec<Person>,
    /// By how many seconds the sandbox's clock is ahead of the wall's.
    #[serde(default)]
    pub advanced_seconds: i64,
    /// How messages are pushed to the callback.
    #[serde(default)]
    pub pushing: Pushing,
    #[serde(default)]
    last_message_id: i64,
    #[serde(default)]
    last_send_id: i64,
}

/// How messages are pushed to the callback.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pushing {
    /// How often a message is delivered at most, the first time included.
    pub deliveries: u32,
    /// How long the callback may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long after a send its receipt is pushed, in milliseconds.
    pub receipt_delay_ms: u64,
    /// Whether a JSON event with one item has a list of one instead of the item
    /// itself; WeChat's documentation shows both.
    pub single_item_as_list: bool,
}

impl Default for Pushing {
    /// WeChat's own habits: three deliveries of five seconds each.
    fn default() -> Self {
        Self { deliveries: 3, timeout_ms: 5000, receipt_delay_ms: 20, single_item_as_list: false }
    }
}

/// What an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A service account (服务号): the kind of Official Account that may send
    /// template messages.
    OfficialAccount,
    /// A Mini Program (小程序).
    MiniProgram,
}

/// How pushes are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 明文模式: as it is.
    Plaintext,
    /// 兼容模式: as it is, and encrypted beside it.
    Compatible,
    /// 安全模式: encrypted only.
    Safe,
}

/// How pushes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An `<xml>` document.
    Xml,
    /// A JSON object.
    Json,
}

/// An Official Account or a Mini Program, as its operator has set it up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    /// The short name that the control API and the callback's path use.
    pub alias: String,
    /// What it is.
    pub kind: Kind,
    /// `wx…`.
    pub app_id: AppId,
    /// `gh_…`: what pushes carry as `ToUserName`.
    pub original_id: String,
    /// The AppSecret.
    #[serde(serialize_with = "expose")]
    pub secret: Secret,
    /// The Token that signs pushes; 3 to 32 letters or digits.
    #[serde(serialize_with = "expose")]
    pub callback_token: Secret,
    /// The EncodingAESKey; 43 letters or digits.
    #[serde(serialize_with = "expose")]
    pub encoding_aes_key: Secret,
    /// How pushes are protected.
    pub mode: Mode,
    /// How pushes are written.
    pub format: Format,
    /// The open-platform account that it is bound to; apps with the same one
    /// see the same unionids.
    #[serde(default)]
    pub open_platform: Option<String>,
    /// The templates that it may send.
    #[serde(default)]
    pub templates: Vec<Template>,
    #[serde(default)]
    pub(crate) tokens: token::Tokens,
    #[serde(default)]
    pub(crate) codes: Vec<login::Code>,
    #[serde(default)]
    pub(crate) quotas: quota::Quotas,
    #[serde(default)]
    pub(crate) remembered: Vec<template::Remembered>,
}

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    /// A template message of an Official Account; followers need no consent.
    Template,
    /// A subscription message; every consent is good for one.
    OneTime,
    /// A subscription message; one consent is good until it is withdrawn.
    LongTerm,
}

/// A template in an app's own library.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// 43 characters.
    pub template_id: String,
    /// What it is called.
    pub title: String,
    /// What it is for.
    pub kind: TemplateKind,
    /// Lines like `Product:{{thing1.DATA}}`.
    pub content: String,
    /// The values that an `enum…` or `const…` key may have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Vec<String>>,
}

/// A person with a phone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// How the control API calls them.
    pub name: String,
    /// Their unionid by open-platform account.
    #[serde(default)]
    pub union_ids: BTreeMap<String, UnionId>,
    /// What they are to each app, by its alias.
    #[serde(default)]
    pub relations: BTreeMap<String, Relation>,
    /// What is on their screen, newest last.
    #[serde(default)]
    pub messages: Vec<Message>,
}

/// What one person is to one app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relation {
    /// What the app calls them.
    pub open_id: OpenId,
    /// Since when and how they follow, if they do.
    #[serde(default)]
    pub follows: Option<Follow>,
    /// Whether they have turned the app's messages off.
    #[serde(default)]
    pub blocks: bool,
    /// How many messages they still consent to, by template.
    #[serde(default)]
    pub consents: BTreeMap<String, u32>,
    #[serde(default)]
    pub(crate) windows: Vec<crate::custom::Window>,
    #[serde(default, serialize_with = "expose_some")]
    pub(crate) session_key: Option<Secret>,
    #[serde(default)]
    pub(crate) logins: quota::Counter,
    #[serde(default)]
    last_act: i64,
}

impl Relation {
    /// The time of what the person does now. Nobody does two things in one
    /// second, and events carry no other identity than their second: an act in
    /// a second that is taken belongs to the next one.
    pub(crate) fn act(&mut self, now: i64) -> i64 {
        // After the world was set anew the last act may lie far ahead.
        let next = self.last_act + 1;
        self.last_act = if next - now > 60 { now } else { now.max(next) };
        self.last_act
    }
}

/// How somebody came to follow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Follow {
    /// Unix seconds.
    pub since: i64,
    /// The scene of the QR code that they scanned.
    #[serde(default)]
    pub scene: Option<String>,
}

/// Something on a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// From whom, by alias.
    pub app: String,
    /// `template`, `subscribe`, `customer_service`, `passive_reply`, `sent` (by
    /// the person) or `system` (WeChat's own line in the chat).
    pub kind: String,
    /// The template's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The fields as displayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Shown>,
    /// The text of a chat line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where a tap leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<Jump>,
    /// Unix seconds, by the sandbox's clock.
    pub time: i64,
    /// WeChat's `msgid`, where the message has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msgid: Option<i64>,
}

impl Message {
    /// A line in a chat.
    pub(crate) fn line(app: &str, kind: &str, text: impl Into<String>, time: i64) -> Self {
        Self {
            app: app.to_owned(),
            kind: kind.to_owned(),
            title: None,
            fields: Vec::new(),
            text: Some(text.into()),
            jump: None,
            time,
            msgid: None,
        }
    }
}

/// A field as displayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The template's key, `thing1`.
    pub key: String,
    /// What stands before it.
    pub label: String,
    /// What it says.
    pub value: String,
}

/// Where a tap leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jump {
    /// To a web page.
    Url(String),
    /// To a page of a Mini Program.
    MiniProgram {
        /// Whose page.
        app_id: String,
        /// Which page; its first one if there is none.
        page: Option<String>,
        /// `developer`, `trial` or `formal`.
        state: String,
    },
}

impl World {
    /// A world of these apps and people, at the wall's time.
    pub fn new(apps: Vec<App>, people: Vec<Person>) -> Self {
        let mut world = Self {
            apps,
            people,
            advanced_seconds: 0,
            pushing: Pushing::default(),
            last_message_id: 0,
            last_send_id: 0,
        };
        world.acquaint();
        world
    }

    /// What the sandbox's clock says, in Unix seconds.
    pub fn now(&self) -> i64 {
        clock::wall_seconds() + self.advanced_seconds
    }

    /// The app with this alias.
    pub fn app(&self, alias: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.alias == alias)
    }

    /// The person with this name.
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// Gives every person an openid in every app, and a unionid in every
    /// open-platform account, where they have none yet.
    pub(crate) fn acquaint(&mut self) {
        for person in &mut self.people {
            for app in &self.apps {
                person.relations.entry(app.alias.clone()).or_insert_with(Relation::stranger);
                if let Some(platform) = &app.open_platform {
                    person.union_ids.entry(platform.clone()).or_insert_with(|| {
                        UnionId::parse(random::open_id())
                            .expect("made of characters that an identifier may have")
                    });
                }
            }
        }
    }

    /// Says what makes this world impossible.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (at, app) in self.apps.iter().enumerate() {
            let twin = |other: &App| other.alias == app.alias || other.app_id == app.app_id;
            if self.apps[..at].iter().any(twin) {
                return Err(format!(
                    "two apps are called {} or have the app_id {}",
                    app.alias, app.app_id
                ));
            }
            EncodingAesKey::parse(app.encoding_aes_key.expose())
                .map_err(|error| format!("app {}: encoding_aes_key: {error}", app.alias))?;
            let token = app.callback_token.expose();
            if !(3..=32).contains(&token.len()) || !token.bytes().all(|c| c.is_ascii_alphanumeric())
            {
                return Err(format!(
                    "app {}: callback_token must be 3 to 32 letters or digits",
                    app.alias
                ));
            }
            if app.alias.is_empty()
                || !app.alias.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
            {
                return Err(format!("app alias {:?} must be letters, digits, - or _", app.alias));
            }
        }
        for (at, person) in self.people.iter().enumerate() {
            if self.people[..at].iter().any(|other| other.name == person.name) {
                return Err(format!("two people are called {}", person.name));
            }
        }
        Ok(())
    }

    /// Where in `people` the one is whom the app with this alias calls so.
    pub(crate) fn whose(&self, alias: &str, open_id: &str) -> Option<usize> {
        self.people.iter().position(|person| {
            person.relations.get(alias).is_some_and(|it| it.open_id.as_str() == open_id)
        })
    }

    /// A new id for a message that a person sends: 17 digits, never again the
    /// same, also in a world that has forgotten everything.
    pub(crate) fn message_id(&mut self) -> i64 {
        self.last_message_id = next_id(self.last_message_id, 10_000);
        self.last_message_id
    }

    /// A new id for a message that is sent to a person: 19 digits.
    pub(crate) fn send_id(&mut self) -> i64 {
        self.last_send_id = next_id(self.last_send_id, 1_000_000);
        self.last_send_id
    }
}

fn next_id(last: i64, per_millisecond: i64) -> i64 {
    let millis = i64::try_from(clock::wall().as_millis()).unwrap_or(0);
    (last + 1).max(millis.saturating_mul(per_millisecond))
}

impl Relation {
    /// Somebody with a random openid, who has not done anything yet.
    pub(crate) fn stranger() -> Self {
        let open_id = OpenId::parse(random::open_id())
            .expect("made of characters that an identifier may have");
        Self::known_as(open_id)
    }

    /// Somebody with this openid, who has not done anything yet.
    pub fn known_as(open_id: OpenId) -> Self {
        Self {
            open_id,
            follows: None,
            blocks: false,
            consents: BTreeMap::new(),
            windows: Vec::new(),
            session_key: None,
            logins: quota::Counter::default(),
            last_act: 0,
        }
    }
}

impl Person {
    /// Somebody new, whom no app knows yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            union_ids: BTreeMap::new(),
            relations: BTreeMap::new(),
            messages: Vec::new(),
        }
    }
}

/// The sandbox's secrets are inventions; its own file has to hold them.
pub(crate) fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn expose_some<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}
