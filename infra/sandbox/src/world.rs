//! The world: the apps, the people, and what stands between them.

use crate::app::App;
use crate::person::{Person, Relation};
use crate::public_template::{self, PublicTemplate};
use crate::{clock, random};
use serde::{Deserialize, Serialize, Serializer};
use shared::secret::Secret;
use shared::wechat::crypto::EncodingAesKey;
use shared::wechat::id::UnionId;

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
    /// The templates that accounts choose their own from; in a file without them,
    /// those of the example.
    #[serde(default = "public_template::invented")]
    pub public_templates: Vec<PublicTemplate>,
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
    /// How often each message is delivered that was answered the first time: more
    /// than once, if WeChat did not hear the answer.
    pub copies: u32,
    /// Whether what happens waits, until somebody lets it out.
    pub held: bool,
}

impl Default for Pushing {
    /// WeChat's own habits: three deliveries of five seconds each. Its receipts take
    /// longer than this, but not so much longer that whoever waits for one would wait.
    fn default() -> Self {
        Self {
            deliveries: 3,
            timeout_ms: 5000,
            receipt_delay_ms: 150,
            single_item_as_list: false,
            copies: 1,
            held: false,
        }
    }
}

impl World {
    /// A world of these apps and people, at the wall's time.
    pub fn new(apps: Vec<App>, people: Vec<Person>) -> Self {
        let mut world = Self {
            apps,
            people,
            advanced_seconds: 0,
            pushing: Pushing::default(),
            public_templates: public_template::invented(),
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

/// The sandbox's secrets are inventions; its own file has to hold them.
pub(crate) fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

pub(crate) fn expose_some<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}
