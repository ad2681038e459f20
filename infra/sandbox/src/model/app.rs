//! An Official Account or a Mini Program, as its operator has set it up.

use crate::model::app_settings::{AccountType, AppKind, Format, Mode};
use crate::model::client_msg_id::SentMessage;
use crate::model::forms::Form;
use crate::model::industries::Industries;
use crate::model::key_rotation::{CallbackKeys, KeyRotation};
use crate::model::media::Media;
use crate::model::one_time_code::{self, OneTimeCode};
use crate::model::quota::{QuotaResets, Quotas};
use crate::model::secret_serde::{expose, expose_some};
use crate::model::synthetic_followers::SyntheticFollowers;
use crate::model::template::Template;
use crate::model::tokens::Tokens;
use crate::model::whitelist::Whitelist;
use crate::random;
use serde::{Deserialize, Serialize};
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// An Official Account or a Mini Program, as its operator has set it up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    /// The short name in the control API and in the path of the callback.
    pub alias: String,
    /// Official Account or Mini Program.
    pub kind: AppKind,
    /// The type of an Official Account; ignored for a Mini Program.
    #[serde(default)]
    pub account: AccountType,
    /// `wx…`.
    pub app_id: AppId,
    /// `gh_…`: the `ToUserName` of pushes.
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
    /// What follows the alias in the URL of the callback, if anything does.
    #[serde(default, serialize_with = "expose_some", skip_serializing_if = "Option::is_none")]
    pub url_key: Option<Secret>,
    /// The encryption mode of pushes.
    pub mode: Mode,
    /// The format of pushes.
    pub format: Format,
    /// The open-platform account that it is bound to. Apps bound to the same one see the same
    /// unionids.
    #[serde(default)]
    pub open_platform: Option<String>,
    /// An Official Account's menu.
    #[serde(default)]
    pub menu: Vec<MenuItem>,
    /// Its own templates.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// Daily quotas by path, where they differ from WeChat's usual ones.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u64>,
    /// Maximum number of followers on a page of `user/get`, if not 10,000.
    #[serde(default)]
    pub(crate) list_page: Option<usize>,
    #[serde(default)]
    pub(crate) whitelist: Whitelist,
    #[serde(default)]
    pub(crate) media: Vec<Media>,
    #[serde(default)]
    pub(crate) industries: Industries,
    #[serde(default)]
    pub(crate) state: AppState,
}

/// What has happened in an app since its operator set it up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AppState {
    pub(crate) tokens: Tokens,
    pub(crate) login_codes: Vec<OneTimeCode>,
    pub(crate) phone_codes: Vec<OneTimeCode>,
    pub(crate) quotas: Quotas,
    pub(crate) synthetic_followers: SyntheticFollowers,
    pub(crate) sent_messages: Vec<SentMessage>,
    pub(crate) forms: Vec<Form>,
    pub(crate) quota_resets: QuotaResets,
    pub(crate) key_rotation: KeyRotation,
}

impl App {
    /// Another app with the same settings and no history.
    pub(crate) fn copy_settings(&self, alias: String, app_id: AppId) -> Self {
        let last: String = app_id.as_str().chars().rev().take(12).collect();
        Self {
            alias,
            original_id: format!("gh_{}", last.chars().rev().collect::<String>()),
            app_id,
            url_key: None,
            state: AppState::default(),
            ..self.clone()
        }
    }

    /// Issues a login code, as `wx.login` does.
    pub(crate) fn issue_login_code(&mut self, person: &str, now: i64) -> String {
        let text = format!("0{}", random::text(31));
        one_time_code::issue(&mut self.state.login_codes, text, person, now)
    }

    /// Issues a code for the phone number, as the button in a Mini Program does.
    pub(crate) fn issue_phone_code(&mut self, person: &str, now: i64) -> String {
        one_time_code::issue(&mut self.state.phone_codes, random::text(64), person, now)
    }

    /// Changes what signs and encrypts pushes.
    pub(crate) fn change_callback_keys(&mut self, keys: CallbackKeys) {
        self.state.key_rotation = KeyRotation::new(self.replace_callback_keys(keys));
    }

    /// The app as it was under the previous keys, if the next message is pushed under them.
    /// Counts that message.
    pub(crate) fn take_previous(&mut self) -> Option<Self> {
        let previous = self.state.key_rotation.take_previous()?;
        let mut app = self.clone();
        app.replace_callback_keys(previous);
        Some(app)
    }

    fn replace_callback_keys(&mut self, keys: CallbackKeys) -> CallbackKeys {
        CallbackKeys {
            token: std::mem::replace(&mut self.callback_token, keys.token),
            encoding_aes_key: std::mem::replace(&mut self.encoding_aes_key, keys.encoding_aes_key),
            url_key: std::mem::replace(&mut self.url_key, keys.url_key),
        }
    }

    /// The URL of the callback.
    pub(crate) fn callback_url(&self, callback_base: &str) -> String {
        let key = self.url_key.as_ref().map(|key| format!("/{}", key.expose()));
        format!("{callback_base}/{}{}", self.alias, key.unwrap_or_default())
    }
}

/// An entry of an Official Account's menu. A tap on it is pushed to the callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuItem {
    /// The label.
    pub name: String,
    /// The `EventKey` of the push.
    pub key: String,
}
