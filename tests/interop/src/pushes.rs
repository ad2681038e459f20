//! WeChat's pushes: what the sandbox pushes, a foreign server opens and understands as we
//! do, and what it seals as a reply, the sandbox opens.

mod samples;

use crate::known::{KnownReading, are_at, reply_refusal};
use crate::peer::{Peer, PeerError};
use crate::sandbox::{ANN, App, SHOP, SHOP_MINI, Sandbox, SandboxError};
use crate::understood;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::callback::{Callback, EncryptionMode, Query};
use shared::wechat::crypto::EncodingAesKey;
use shared::wechat::id::AppId;
use shared::wechat::push::Push;
use std::fmt;
use std::path::Path;

/// What makes XML, JSON and UTF-8 difficult.
const DIFFICULT: &str = "鸿雁 ]]> 🦢\u{200d}👧 <b>&amp;\"\\";
/// What the peer replies. (WxJava writes the end of a CDATA section as it is.)
const REPLY: &str = "鸿雁 🦢\u{200d}👧 <b>&amp;\"\\";
/// WeChat's three modes.
const MODES: [(&str, EncryptionMode); 3] = [
    ("plaintext", EncryptionMode::Plaintext),
    ("compatible", EncryptionMode::Compatible),
    ("safe", EncryptionMode::Safe),
];
/// How much was checked with one peer, all of it without a fault.
#[derive(Debug, Default)]
pub struct Checked {
    pushes: usize,
    fields: usize,
    replies: usize,
    refused_replies: usize,
    misread: usize,
    refused: usize,
}

/// Something failed with one push.
#[derive(Debug, thiserror::Error)]
#[error("{push}: {problem}")]
pub struct Failed {
    push: String,
    problem: Problem,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the peer raised an error: {0}")]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("the peer received {0} pushes, and not one")]
    Received(usize),
    #[error("we don't read it: {0}")]
    Unread(String),
    #[error("the reply came to this: {0}")]
    Reply(Value),
    #[error("known is {known:?}, but found were these differences:\n  {}", .lines.join("\n  "))]
    Misread { known: KnownReading, lines: Vec<String> },
}

/// A request that the peer received.
#[derive(Deserialize)]
struct Received {
    query: String,
    body: String,
    understood: Value,
}

#[derive(Deserialize)]
struct Inbox {
    received: Vec<Received>,
}

#[derive(Deserialize)]
struct Serving {
    base: String,
}

/// Lets the sandbox push every kind of message and event to `peer`, in all modes and both
/// formats, and compares what it and we understand of each.
///
/// # Errors
///
/// At the first push that one side refuses, or reads otherwise than the other in something
/// that isn't known, or to which the reply isn't shown.
pub async fn check(peer: &mut Peer, sandbox: &Path) -> Result<Checked, Failed> {
    let failed = |problem: Problem| Failed { push: "before the first push".to_owned(), problem };
    let apps: serde_json::Map<_, _> =
        [SHOP, SHOP_MINI].into_iter().map(|app| (app.alias.to_owned(), json!(app))).collect();
    let serve = json!({ "apps": apps, "reply": REPLY });
    let serving: Serving = peer.request("serve", serve).map_err(|error| failed(error.into()))?;
    let sandbox = Sandbox::start(sandbox, Some(&serving.base)).await;
    let sandbox = sandbox.map_err(|error| failed(error.into()))?;
    let mut checked = Checked::default();
    for (mode, format, app) in settings() {
        for sample in samples::samples() {
            let push = Delivery { app, mode, format, sample: &sample };
            let done = push.check(peer, &sandbox, &mut checked).await;
            done.map_err(|problem| Failed { push: push.to_string(), problem })?;
        }
    }
    Ok(checked)
}

/// Each of WeChat's settings for the callback of each app.
fn settings() -> Vec<((&'static str, EncryptionMode), &'static str, App)> {
    let apps = |format| [(format, SHOP), (format, SHOP_MINI)];
    let all = ["xml", "json"].into_iter().flat_map(apps);
    all.flat_map(|(format, app)| MODES.map(|mode| (mode, format, app))).collect()
}

/// One push to one app, and the reply to it.
struct Delivery<'e> {
    app: App,
    mode: (&'static str, EncryptionMode),
    format: &'static str,
    sample: &'e Value,
}

impl Delivery<'_> {
    async fn check(
        &self,
        peer: &mut Peer,
        sandbox: &Sandbox,
        checked: &mut Checked,
    ) -> Result<(), Problem> {
        let mut message = self.sample.clone();
        message["from"] = json!(ANN);
        let delivery = sandbox
            .push(json!({
                "app": self.app.alias, "message": message, "mode": self.mode.0,
                "format": self.format,
            }))
            .await?;
        let inbox: Inbox = peer.request("received", json!({}))?;
        let [received] = <[Received; 1]>::try_from(inbox.received)
            .map_err(|received| Problem::Received(received.len()))?;
        let push = self.open(&received)?;
        let known = KnownReading::for_push(peer.short_name(), self.format, self.sample);
        if let (KnownReading::Refused, 500) =
            (known, delivery["status"].as_u64().unwrap_or_default())
        {
            checked.refused += 1;
            return Ok(());
        }
        match (understood::compare(&received.understood, &push), known) {
            (Ok(fields), KnownReading::Alike) => checked.fields += fields,
            (Err(lines), KnownReading::Misread(places)) if are_at(&lines, places) => {
                checked.misread += places.len();
            }
            (found, _) => {
                return Err(Problem::Misread { known, lines: found.err().unwrap_or_default() });
            }
        }
        checked.pushes += 1;
        match reply_refusal(peer.short_name(), self.format) {
            Some(refusal) if delivery["error"] == refusal => checked.refused_replies += 1,
            None if delivery["reply"] == REPLY => checked.replies += 1,
            None if delivery["reply_valid"] == true => {}
            _ => return Err(Problem::Reply(delivery)),
        }
        Ok(())
    }

    /// What we make of the request that the peer got.
    fn open(&self, received: &Received) -> Result<Push, Problem> {
        let unread = |error: &dyn fmt::Display| Problem::Unread(error.to_string());
        let key = EncodingAesKey::parse(self.app.aes_key).map_err(|error| unread(&error))?;
        let callback = Callback {
            app_id: AppId::parse(self.app.app_id).expect("one of the example's"),
            mode: self.mode.1,
            tokens: vec![Secret::new(self.app.token)],
            aes_keys: vec![key],
            window: 0,
        };
        let pairs = received.query.split('&').filter_map(|pair| pair.split_once('='));
        let query = Query::read(pairs).map_err(|error| unread(&error))?;
        let opened = callback.decrypt(&query, received.body.as_bytes(), Timestamp(0));
        let opened = opened.map_err(|error| unread(&error))?;
        Push::read(&callback.app_id, &opened.message).map_err(|error| unread(&error))
    }
}

impl fmt::Display for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, mode: (mode, _), format, sample } = self;
        write!(f, "{mode} push in {format} to {}: {sample}", app.alias)
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pushes, fields, replies, refused_replies, misread, refused } = self;
        write!(
            f,
            "opened {pushes} pushes of the sandbox, and read {fields} fields of them as we do; \
             {replies} replies shown; known are {refused} pushes that it refuses, {misread} \
             fields that it misreads, and {refused_replies} replies that the sandbox refuses"
        )
    }
}
