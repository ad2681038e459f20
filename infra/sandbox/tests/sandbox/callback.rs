//! A callback that writes down what it is told and answers as it is told, and
//! opens what it gets without any of the sandbox's code.

use aes::Aes256;
use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use base64::Engine as _;
use sha1::{Digest, Sha1};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wechat_sandbox::App;

#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) app: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Clone)]
pub(crate) struct Say {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) after: Duration,
}

#[derive(Default)]
struct Notes {
    told: Vec<Told>,
    to_say: VecDeque<Say>,
}

/// Answers `success`, unless something else is waiting to be said.
#[derive(Clone, Default)]
pub(crate) struct Callback(Arc<Mutex<Notes>>);

impl Callback {
    pub(crate) async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = post(hear).get(greeted);
        let router = Router::new().route("/callback/{app}", routes).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/callback")
    }

    pub(crate) fn say(&self, status: u16, body: &str) {
        let say = Say { status, body: body.to_owned(), after: Duration::ZERO };
        self.0.lock().unwrap().to_say.push_back(say);
    }

    pub(crate) fn say_after(&self, after: Duration) {
        let say = Say { status: 200, body: "success".to_owned(), after };
        self.0.lock().unwrap().to_say.push_back(say);
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.0.lock().unwrap().told.clone()
    }

    /// The only thing that it was told since the last time.
    #[track_caller]
    pub(crate) fn only(&self) -> Told {
        let told = std::mem::take(&mut self.0.lock().unwrap().told);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    }
}

/// Answers WeChat's greeting, as whoever knows the new token would.
async fn greeted(Query(query): Query<HashMap<String, String>>) -> String {
    query["echostr"].clone()
}

async fn hear(
    State(callback): State<Callback>,
    Path(app): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let say = {
        let mut notes = callback.0.lock().unwrap();
        notes.told.push(Told {
            app,
            query,
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        notes.to_say.pop_front()
    };
    let say = say.unwrap_or(Say { status: 200, body: "success".to_owned(), after: Duration::ZERO });
    tokio::time::sleep(say.after).await;
    (StatusCode::from_u16(say.status).unwrap(), say.body)
}

impl Told {
    /// A field's text, in XML or JSON, wherever it stands.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }

    /// Whether the plaintext signature is right.
    pub(crate) fn is_signed(&self, app: &App) -> bool {
        let (timestamp, nonce) = (&self.query["timestamp"], &self.query["nonce"]);
        self.query["signature"] == sign(&[app.callback_token.expose(), timestamp, nonce])
    }

    /// The message inside the envelope, if its signature and its app are right.
    pub(crate) fn opened(&self, app: &App) -> String {
        assert_eq!(self.query["encrypt_type"], "aes");
        let encrypt = self.field("Encrypt").unwrap();
        let (timestamp, nonce) = (&self.query["timestamp"], &self.query["nonce"]);
        let signature = sign(&[app.callback_token.expose(), timestamp, nonce, &encrypt]);
        assert_eq!(self.query["msg_signature"], signature);
        open(app, &encrypt)
    }
}

/// Written anew after WeChat's documentation, on purpose.
fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Written anew after WeChat's documentation, on purpose.
fn open(app: &App, encrypt: &str) -> String {
    // The key's last character carries two bits too many; A carries none.
    let mut key = app.encoding_aes_key.expose().to_owned();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = alphabet.find(key.pop().unwrap()).unwrap() / 4 * 4;
    key.push_str(&alphabet[last..=last]);
    let base64 = base64::engine::general_purpose::STANDARD;
    let key: [u8; 32] = base64.decode(format!("{key}=")).unwrap().try_into().unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let mut sealed = base64.decode(encrypt).unwrap();
    let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into());
    let plain = cipher.decrypt_padded::<NoPadding>(&mut sealed).unwrap();
    let pad = usize::from(*plain.last().unwrap());
    let plain = &plain[..plain.len() - pad];
    let length = u32::from_be_bytes(plain[16..20].try_into().unwrap()) as usize;
    assert_eq!(&plain[20 + length..], app.app_id.as_str().as_bytes());
    String::from_utf8(plain[20..20 + length].to_vec()).unwrap()
}

/// A field's text in XML or JSON, wherever it stands.
pub(crate) fn field(body: &str, name: &str) -> Option<String> {
    if body.starts_with('{') {
        return inside(&serde_json::from_str(body).unwrap(), name);
    }
    assert!(body.starts_with("<xml>") && body.ends_with("</xml>"), "{body}");
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    let value =
        value.strip_prefix("<![CDATA[").and_then(|it| it.strip_suffix("]]>")).unwrap_or(value);
    Some(value.to_owned())
}

fn inside(value: &serde_json::Value, name: &str) -> Option<String> {
    let map = value.as_object()?;
    match map.get(name) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None => map.values().find_map(|value| inside(value, name)),
    }
}
