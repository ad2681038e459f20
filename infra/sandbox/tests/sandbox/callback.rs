//! A callback that records pushes, gives prepared answers, and decrypts without the sandbox's code.

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
pub(crate) struct ReceivedPush {
    pub(crate) app: String,
    /// What followed the app in the path.
    pub(crate) url_key: Option<String>,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    /// Lossy: oddities make some that are no text.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct CallbackAnswer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) after: Duration,
}

#[derive(Default)]
struct CallbackState {
    received: Vec<ReceivedPush>,
    answers: VecDeque<CallbackAnswer>,
}

/// Answers `success`, unless another answer is prepared.
#[derive(Clone, Default)]
pub(crate) struct Callback(Arc<Mutex<CallbackState>>);

impl Callback {
    pub(crate) async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = post(receive).get(verify_url);
        let router = Router::new()
            .route("/callback/{app}", routes.clone())
            .route("/callback/{app}/{key}", routes)
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/callback")
    }

    pub(crate) fn answer_next(&self, status: u16, body: &str) {
        let answer = CallbackAnswer { status, body: body.to_owned(), after: Duration::ZERO };
        self.0.lock().unwrap().answers.push_back(answer);
    }

    pub(crate) fn answer_after(&self, after: Duration) {
        let answer = CallbackAnswer { status: 200, body: "success".to_owned(), after };
        self.0.lock().unwrap().answers.push_back(answer);
    }

    pub(crate) fn received(&self) -> Vec<ReceivedPush> {
        self.0.lock().unwrap().received.clone()
    }

    /// The pushes since the last call.
    pub(crate) fn take_all(&self) -> Vec<ReceivedPush> {
        std::mem::take(&mut self.0.lock().unwrap().received)
    }

    /// The only push since the last call.
    #[track_caller]
    pub(crate) fn take_single(&self) -> ReceivedPush {
        let received = self.take_all();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }
}

/// Answers WeChat's URL verification.
async fn verify_url(Query(query): Query<HashMap<String, String>>) -> String {
    query["echostr"].clone()
}

async fn receive(
    State(callback): State<Callback>,
    Path(mut path): Path<HashMap<String, String>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let answer = {
        let mut notes = callback.0.lock().unwrap();
        notes.received.push(ReceivedPush {
            app: path.remove("app").unwrap(),
            url_key: path.remove("key"),
            query,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            bytes: body.to_vec(),
        });
        notes.answers.pop_front()
    };
    let answer = answer.unwrap_or(CallbackAnswer {
        status: 200,
        body: "success".to_owned(),
        after: Duration::ZERO,
    });
    tokio::time::sleep(answer.after).await;
    (StatusCode::from_u16(answer.status).unwrap(), answer.body)
}

impl ReceivedPush {
    /// The text of a field in XML or JSON, at any depth.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }

    /// Whether the plaintext signature is valid.
    pub(crate) fn is_signed(&self, app: &App) -> bool {
        let (timestamp, nonce) = (&self.query["timestamp"], &self.query["nonce"]);
        self.query["signature"] == sign(&[app.callback_token.expose(), timestamp, nonce])
    }

    /// The decrypted message. Verifies its signature and its app.
    pub(crate) fn decrypted(&self, app: &App) -> String {
        assert_eq!(self.query["encrypt_type"], "aes");
        let encrypt = self.field("Encrypt").unwrap();
        let (timestamp, nonce) = (&self.query["timestamp"], &self.query["nonce"]);
        let signature = sign(&[app.callback_token.expose(), timestamp, nonce, &encrypt]);
        assert_eq!(self.query["msg_signature"], signature);
        decrypt(app, &encrypt)
    }
}

/// An independent implementation of WeChat's documentation.
fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An independent implementation of WeChat's documentation.
fn decrypt(app: &App, encrypt: &str) -> String {
    // The key's last character has two spare bits, which must be zero here.
    let mut key = app.encoding_aes_key.expose().to_owned();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = alphabet.find(key.pop().unwrap()).unwrap() / 4 * 4;
    key.push_str(&alphabet[last..=last]);
    let base64 = base64::engine::general_purpose::STANDARD;
    let key: [u8; 32] = base64.decode(format!("{key}=")).unwrap().try_into().unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let mut encrypted = base64.decode(encrypt).unwrap();
    let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into());
    let plain = cipher.decrypt_padded::<NoPadding>(&mut encrypted).unwrap();
    let pad = usize::from(*plain.last().unwrap());
    let plain = &plain[..plain.len() - pad];
    let length = u32::from_be_bytes(plain[16..20].try_into().unwrap()) as usize;
    assert_eq!(&plain[20 + length..], app.app_id.as_str().as_bytes());
    String::from_utf8(plain[20..20 + length].to_vec()).unwrap()
}

/// The text of a field in XML or JSON, at any depth.
pub(crate) fn field(body: &str, name: &str) -> Option<String> {
    if body.starts_with('{') {
        return find(&serde_json::from_str(body).unwrap(), name);
    }
    assert!(body.starts_with("<xml>") && body.ends_with("</xml>"), "{body}");
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    let value =
        value.strip_prefix("<![CDATA[").and_then(|it| it.strip_suffix("]]>")).unwrap_or(value);
    Some(value.to_owned())
}

fn find(value: &serde_json::Value, name: &str) -> Option<String> {
    let map = value.as_object()?;
    match map.get(name) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None => map.values().find_map(|value| find(value, name)),
    }
}
