//! A call of WeChat's API, as the function that answers it sees it.

use crate::api_error::{self, ApiError};
use crate::model::app::App;
use crate::model::call_log::CallLog;
use crate::model::media::MediaFile;
use crate::model::message::Jump;
use crate::model::person::{Person, Relation};
use crate::model::world::World;
use crate::oddities::catalog::Oddity;
use crate::oddities::draw::Draw;
use crate::push::outgoing::Push;
use serde_json::{Value, json};
use std::net::IpAddr;

/// A call of WeChat's API.
pub(super) struct Call<'a> {
    pub(super) world: &'a mut World,
    /// The sandbox's time.
    pub(super) now: i64,
    pub(super) query: &'a [(String, String)],
    /// The JSON body; null without one.
    pub(super) body: Value,
    /// The content type and the bytes of an uploaded form.
    pub(super) form: (&'a str, &'a [u8]),
    /// The caller's address.
    pub(super) from: IpAddr,
    /// The local address that was called.
    pub(super) to: IpAddr,
    /// The `Host` header.
    pub(super) host: &'a str,
    /// The log of calls, including this one.
    pub(super) calls: &'a CallLog,
    /// The authenticated app, by alias.
    pub(super) authenticated: Option<String>,
    /// A file to answer instead of JSON.
    pub(super) file: Option<MediaFile>,
    /// Whether another subscription message to the same user is in progress.
    pub(super) concurrent: bool,
    /// Pushes for after the answer.
    pub(super) pushes: Vec<Push>,
    /// The oddities of this call.
    pub(super) draw: Draw,
    /// Why the body is no valid request.
    pub(super) refused: Option<String>,
}

impl Call<'_> {
    /// A parameter of the query; an empty one counts as missing.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A text in the body; an empty one counts as missing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A text or a number in the body, as text. WeChat's documentation and its SDKs differ.
    pub(super) fn text_or_number(&self, name: &str) -> Option<String> {
        self.body.get(name).map(|it| it.to_string().trim_matches('"').to_owned())
    }

    /// The page of the app itself that a tap opens.
    pub(super) fn own_page(&self, app: &App, state: &str) -> Option<Jump> {
        let (page, app_id) = (Some(self.text("page")?.to_owned()), app.app_id.to_string());
        Some(Jump::MiniProgram { app_id, page, state: state.to_owned() })
    }

    /// The user `touser` of this app.
    pub(super) fn recipient(&self, app: usize) -> Result<Recipient, ApiError> {
        let open_id = self.text("touser").ok_or(api_error::INVALID_OPENID)?.to_owned();
        self.user(app, open_id)
    }

    /// A user of this app.
    pub(super) fn user(&self, app: usize, open_id: String) -> Result<Recipient, ApiError> {
        let alias = self.world.apps[app].alias.clone();
        let person = self.world.person_by_open_id(&alias, &open_id);
        Ok(Recipient { alias, person: person.ok_or(api_error::INVALID_OPENID)?, open_id })
    }

    pub(super) fn relation(&self, to: &Recipient) -> Result<&Relation, ApiError> {
        let person = &self.world.people[to.person];
        person.relations.get(&to.alias).ok_or(api_error::INVALID_OPENID)
    }

    pub(super) fn relation_mut(&mut self, to: &Recipient) -> Result<&mut Relation, ApiError> {
        let person = &mut self.world.people[to.person];
        person.relations.get_mut(&to.alias).ok_or(api_error::INVALID_OPENID)
    }

    pub(super) fn person_mut(&mut self, to: &Recipient) -> &mut Person {
        &mut self.world.people[to.person]
    }

    /// What the receipt of a message says that WeChat itself doesn't deliver; `None` if it
    /// does.
    pub(super) fn undelivered(&mut self) -> Option<&'static str> {
        const STATUS: [(Oddity, &str); 3] = [
            (Oddity::ReceiptFreqLimit, "failed:freq limit"),
            (Oddity::ReceiptSystemFailed, "failed: system failed"),
            (Oddity::ReceiptUnknownWord, "failed:sandbox reason"),
        ];
        STATUS.into_iter().find(|(oddity, _)| self.draw.applies(*oddity)).map(|(_, status)| status)
    }

    pub(super) fn app(&self, at: usize) -> &App {
        &self.world.apps[at]
    }
}

/// A user of an app to whom a message goes.
pub(super) struct Recipient {
    /// The app.
    pub(super) alias: String,
    /// The index in `World::people`.
    pub(super) person: usize,
    pub(super) open_id: String,
}

/// WeChat's answer to a call that succeeds without a result.
pub(super) fn success() -> Value {
    json!({ "errcode": 0, "errmsg": "ok" })
}

/// The same with the `msgid` of a message.
pub(super) fn success_with_msgid(msgid: i64) -> Value {
    json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid })
}
