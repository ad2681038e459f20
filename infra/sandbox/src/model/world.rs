//! The world: apps, people and their relations.

use crate::model::app::App;
use crate::model::person::{Person, Relation};
use crate::model::public_template::{self, PublicTemplate};
use crate::{clock, random};
use serde::{Deserialize, Serialize};
use shared::wechat::crypto::EncodingAesKey;
use shared::wechat::id::UnionId;

/// Everything that survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// The Official Accounts and Mini Programs.
    pub apps: Vec<App>,
    /// The people who may use them.
    pub people: Vec<Person>,
    /// The seconds by which the sandbox's clock is ahead of the system clock.
    #[serde(default)]
    pub advanced_seconds: i64,
    /// How messages are pushed to the callbacks.
    #[serde(default)]
    pub pushing: Pushing,
    /// The public templates that apps choose from; in a file without them, the example's.
    #[serde(default = "public_template::example")]
    pub public_templates: Vec<PublicTemplate>,
    #[serde(default)]
    last_message_id: i64,
    #[serde(default)]
    last_send_id: i64,
}

/// How messages are pushed to the callbacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pushing {
    /// Maximum number of deliveries of a message, the first included.
    pub deliveries: u32,
    /// The callback's time limit in milliseconds.
    pub timeout_ms: u64,
    /// The delay of a receipt after its send, in milliseconds.
    pub receipt_delay_ms: u64,
    /// Whether a JSON event with one item has a list of one instead of the item
    /// itself; WeChat's documentation shows both.
    pub single_item_as_list: bool,
    /// The number of deliveries of each acknowledged message. More than one simulates lost
    /// acknowledgements.
    pub copies: u32,
    /// Whether pushes wait until they are released.
    pub paused: bool,
}

impl Default for Pushing {
    /// WeChat's behaviour: three deliveries of five seconds each. WeChat's receipts take longer
    /// than this delay; a short one keeps tests fast.
    fn default() -> Self {
        Self {
            deliveries: 3,
            timeout_ms: 5000,
            receipt_delay_ms: 150,
            single_item_as_list: false,
            copies: 1,
            paused: false,
        }
    }
}

/// Whether this is a Token that WeChat's console accepts: 3 to 32 letters or digits.
pub(crate) fn is_callback_token(token: &str) -> bool {
    (3..=32).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_alphanumeric())
}

impl World {
    /// The sandbox's time in Unix seconds.
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

    /// Gives each person an openid in each app, and a unionid in each open-platform account,
    /// where they have none yet.
    pub(crate) fn link_people_to_apps(&mut self) {
        for person in &mut self.people {
            for app in &self.apps {
                person.relations.entry(app.alias.clone()).or_insert_with(Relation::new);
                if let Some(platform) = &app.open_platform {
                    person.union_ids.entry(platform.clone()).or_insert_with(|| {
                        UnionId::parse(random::open_id())
                            .expect("made of characters that an identifier may have")
                    });
                }
            }
        }
    }

    /// Fails with the reason if this world is invalid.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (at, app) in self.apps.iter().enumerate() {
            let duplicate = |other: &App| other.alias == app.alias || other.app_id == app.app_id;
            if self.apps[..at].iter().any(duplicate) {
                return Err(format!(
                    "two apps have the alias {} or the app_id {}",
                    app.alias, app.app_id
                ));
            }
            EncodingAesKey::parse(app.encoding_aes_key.expose())
                .map_err(|error| format!("app {}: encoding_aes_key: {error}", app.alias))?;
            if !is_callback_token(app.callback_token.expose()) {
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
                return Err(format!("two people have the name {}", person.name));
            }
        }
        Ok(())
    }

    /// The index in `people` of the user with this openid in this app.
    pub(crate) fn person_by_open_id(&self, alias: &str, open_id: &str) -> Option<usize> {
        self.people.iter().position(|person| {
            person.relations.get(alias).is_some_and(|it| it.open_id.as_str() == open_id)
        })
    }

    /// A new id for a message from a person: 17 digits, unique across restarts without a data
    /// file.
    pub(crate) fn message_id(&mut self) -> i64 {
        self.last_message_id = next_id(self.last_message_id, 10_000);
        self.last_message_id
    }

    /// A new id for a message to a person: 19 digits.
    pub(crate) fn send_id(&mut self) -> i64 {
        self.last_send_id = next_id(self.last_send_id, 1_000_000);
        self.last_send_id
    }
}

fn next_id(last: i64, per_millisecond: i64) -> i64 {
    let millis = i64::try_from(clock::wall().as_millis()).unwrap_or(0);
    (last + 1).max(millis.saturating_mul(per_millisecond))
}
