//! Tells the callback what happened: signs, encrypts, delivers, tries again,
//! and reads what comes back.
//!
//! Source: WeChat's documentation, "消息推送" (message push).

use crate::app::{App, Format, Kind, Mode};
use crate::event::{self, Envelope, Event, Field};
use crate::feed::Layer;
use crate::message::Message;
use crate::reply::{self, Reply};
use crate::running::{Running, Shared};
use crate::watched::millis;
use crate::world::Pushing;
use crate::{clock, random};
use reqwest::header;
use serde::Serialize;
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::signature;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What WeChat says in the chat when an account's callback fails.
const ACCOUNT_FAILS: &str = "该公众号提供的服务出现故障，请稍后再试";
const PROGRAM_FAILS: &str = "该小程序客服暂时无法提供服务，请稍后再试";

/// Something to tell a callback.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    /// Whose callback, by alias.
    pub(crate) app: String,
    /// Of whom, by openid.
    pub(crate) open_id: String,
    /// Unix seconds, by the sandbox's clock.
    pub(crate) create_time: i64,
    /// What happened.
    pub(crate) event: Event,
}

/// What became of one delivery.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Delivery {
    /// The answer's status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// The answer's body.
    pub(crate) body: String,
    /// How long it took.
    pub(crate) duration_ms: u64,
    /// Whether WeChat would be content with it.
    pub(crate) reply_valid: bool,
    /// What the reply says, opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<String>,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Push {
    /// Something to tell the callback of the app with this alias.
    pub(crate) fn new(app: &str, open_id: &str, create_time: i64, event: Event) -> Self {
        Self { app: app.to_owned(), open_id: open_id.to_owned(), create_time, event }
    }
}

/// A callback and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Addressee {
    pub(crate) app: App,
    pub(crate) mode: Mode,
    pub(crate) format: Format,
    pub(crate) pushing: Pushing,
}

impl Running {
    /// The callback of this app, as the next message is to reach it, if there is
    /// such an app.
    pub(crate) fn addressee(&self, alias: &str) -> Option<Addressee> {
        let (mut app, pushing) = self
            .read(|state| Some((state.world.app(alias)?.clone(), state.world.pushing.clone())))?;
        if app.is_behind() {
            let behind = self
                .change(|state| state.world.apps.iter_mut().find(|it| it.alias == alias)?.behind());
            app = behind.unwrap_or(app);
        }
        Some(Addressee { mode: app.mode, format: app.format, app, pushing })
    }

    /// Pushes one thing, or keeps it for later if pushes are held. Gives all
    /// deliveries.
    pub(crate) async fn push(&self, push: &Push) -> Vec<Delivery> {
        if self.hold(push) { Vec::new() } else { self.push_now(push).await }
    }

    /// Pushes one thing, again if need be, and shows on the person's screen what
    /// came of it. Gives all deliveries.
    pub(crate) async fn push_now(&self, push: &Push) -> Vec<Delivery> {
        let _under_way = self.under_way();
        let Some(addressee) = self.addressee(&push.app) else { return Vec::new() };
        let envelope = Envelope {
            to: addressee.app.original_id.clone(),
            from: push.open_id.clone(),
            create_time: push.create_time,
        };
        let mut deliveries = Vec::new();
        let mut shown = Err(());
        while deliveries.len() < usize::try_from(addressee.pushing.deliveries.max(1)).unwrap_or(1) {
            let (delivery, reply) = self.deliver(&addressee, &envelope, &push.event).await;
            let answered = delivery.status == Some(200);
            deliveries.push(delivery);
            shown = reply.map_err(|_| ());
            // A bad answer is an answer: it is shown as a failure, not repeated.
            if answered {
                break;
            }
        }
        self.show(push, &addressee, shown);
        // WeChat, which did not hear that it was answered, shows nothing of these.
        if deliveries.last().is_some_and(|it| it.status == Some(200)) {
            for _ in 1..addressee.pushing.copies {
                deliveries.push(self.deliver(&addressee, &envelope, &push.event).await.0);
            }
        }
        deliveries
    }

    /// Delivers once.
    pub(crate) async fn deliver(
        &self,
        to: &Addressee,
        envelope: &Envelope,
        event: &Event,
    ) -> (Delivery, Result<Reply, String>) {
        let _under_way = self.under_way();
        let started = Instant::now();
        let number = self.tell_begin(to, envelope, event);
        let answer = self.post(to, envelope, event).await;
        let duration_ms = millis(started);
        let (status, body, reply) = match answer {
            Ok((status @ 200, body)) => {
                let reply = reply::read(&body, &to.app, to.mode, to.format, &envelope.from);
                (Some(status), body, reply)
            }
            Ok((status, body)) => {
                (Some(status), body, Err(format!("answered with status {status}")))
            }
            Err(error) => (None, String::new(), Err(error)),
        };
        if let Err(error) = &reply {
            tracing::warn!(
                app = to.app.alias,
                event = event.name,
                status,
                error,
                "the callback failed"
            );
        }
        let line = reply.as_ref().ok().and_then(|reply| match reply {
            Reply::Line(line) => Some(line.clone()),
            Reply::Nothing | Reply::HandedOn => None,
        });
        let error = reply.as_ref().err().cloned();
        let reply_valid = error.is_none();
        let delivery = Delivery { status, body, duration_ms, reply_valid, reply: line, error };
        self.tell_end(&number, &delivery);
        (delivery, reply)
    }

    /// Tells whoever watches that something is being delivered; gives its number.
    fn tell_begin(&self, to: &Addressee, envelope: &Envelope, event: &Event) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        let alias = &to.app.alias;
        let person = self.read(|state| {
            let at = state.world.whose(alias, &envelope.from)?;
            Some(state.world.people[at].name.clone())
        });
        let name = if event.name.is_empty() { &event.kind } else { &event.name };
        self.feed.tell(Layer::Callback, &number, |facts| {
            facts.insert("app".to_owned(), alias.as_str().into());
            facts.insert("person".to_owned(), person.into());
            facts.insert("event".to_owned(), name.as_str().into());
            facts.insert("mode".to_owned(), serde_json::json!(to.mode));
            facts.insert("format".to_owned(), serde_json::json!(to.format));
            facts.insert("create_time".to_owned(), envelope.create_time.into());
        });
        number
    }

    /// Tells whoever watches what became of it.
    fn tell_end(&self, number: &str, delivery: &Delivery) {
        self.feed.tell_more(Layer::Callback, number, |facts| {
            facts.insert("status".to_owned(), delivery.status.into());
            facts.insert("duration_ms".to_owned(), delivery.duration_ms.into());
            facts.insert("reply_valid".to_owned(), delivery.reply_valid.into());
            facts.insert("reply".to_owned(), delivery.reply.clone().into());
            facts.insert("error".to_owned(), delivery.error.clone().into());
        });
    }

    async fn post(
        &self,
        to: &Addressee,
        envelope: &Envelope,
        event: &Event,
    ) -> Result<(u16, String), String> {
        let (query, body) = write(to, envelope, event)?;
        let url = format!("{}/{}?{query}", self.callback_base, to.app.alias);
        let timeout = Duration::from_millis(to.pushing.timeout_ms);
        let exchange = async {
            // It says XML even when it is JSON; and so it does here.
            let request = self
                .http
                .post(url)
                .header(header::CONTENT_TYPE, "text/xml")
                .header(header::USER_AGENT, "Mozilla/4.0")
                .header(header::ACCEPT, "*/*")
                .header(header::PRAGMA, "no-cache")
                .body(body);
            let answer = request.send().await.map_err(|error| reason(&error))?;
            let status = answer.status().as_u16();
            let body = answer.bytes().await.map_err(|error| reason(&error))?;
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} ms", timeout.as_millis())),
        }
    }

    /// Shows on the person's screen what an answer leads to.
    fn show(&self, push: &Push, to: &Addressee, reply: Result<Reply, ()>) {
        let (kind, line) = match reply {
            Ok(Reply::Line(line)) if can_be_answered(&push.event) => ("passive_reply", line),
            Ok(_) => return,
            Err(()) if push.event.is_awaited() => match to.app.kind {
                Kind::OfficialAccount => ("system", ACCOUNT_FAILS.to_owned()),
                Kind::MiniProgram => ("system", PROGRAM_FAILS.to_owned()),
            },
            Err(()) => return,
        };
        self.change(|state| {
            let now = state.world.now();
            if let Some(person) = state.world.whose(&push.app, &push.open_id) {
                state.world.people[person].show(Message::line(&push.app, kind, line, now));
            }
        });
    }
}

/// Pushes in the background, in order, a moment later: as WeChat does with the
/// receipt of what it was just asked to send.
pub(crate) fn later(running: &Shared, pushes: Vec<Push>) {
    if pushes.is_empty() {
        return;
    }
    let under_way = running.under_way();
    let delay = running.read(|state| Duration::from_millis(state.world.pushing.receipt_delay_ms));
    let this = running.clone();
    running.spawn(async move {
        let _under_way = under_way;
        tokio::time::sleep(delay).await;
        for push in &pushes {
            this.push(push).await;
        }
    });
}

/// There is no chat in which an answer to somebody who left, or to a receipt,
/// could be shown.
fn can_be_answered(event: &Event) -> bool {
    event.kind != "event"
        || !(event.name.eq_ignore_ascii_case("unsubscribe")
            || event.name.to_ascii_uppercase().ends_with("JOBFINISH")
            || event.name.starts_with("subscribe_msg_"))
}

/// What went wrong on the way, without the URL.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "could not connect to the callback"
    } else {
        "the connection broke"
    };
    let cause =
        std::iter::successors(std::error::Error::source(error), |error| error.source()).last();
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

/// The query and the body of a push. The time that signs it is the wall's: it
/// says when this delivery was made, and a callback that refuses old ones has
/// only its own clock to go by, which the sandbox can't move.
fn write(to: &Addressee, envelope: &Envelope, event: &Event) -> Result<(String, String), String> {
    let app = &to.app;
    let token = app.callback_token.expose();
    let timestamp = clock::wall_seconds().to_string();
    let nonce = (u32::from_le_bytes(random::bytes()) % 1_000_000_000).to_string();
    let signature = signature::sign(&[token, &timestamp, &nonce]);
    let mut query = format!(
        "signature={signature}&timestamp={timestamp}&nonce={nonce}&openid={}",
        encoded(&envelope.from)
    );
    let plain = event.write(envelope, to.format, to.pushing.single_item_as_list);
    if to.mode == Mode::Plaintext {
        return Ok((query, plain));
    }

    let key =
        EncodingAesKey::parse(app.encoding_aes_key.expose()).map_err(|error| error.to_string())?;
    // WeChat's own random bytes are printable.
    let mut random = [0; 16];
    random.copy_from_slice(format!("{}{}", random::hex8(), random::hex8()).as_bytes());
    let encrypt = crypto::encrypt(&key, &app.app_id, random, plain.as_bytes());
    let msg_signature = signature::sign(&[token, &timestamp, &nonce, &encrypt]);
    query.push_str(&format!("&encrypt_type=aes&msg_signature={msg_signature}"));

    let mut fields = match (to.mode, to.format) {
        (Mode::Compatible, Format::Xml) => event.xml_fields(envelope),
        (Mode::Compatible, Format::Json) => {
            event.json_fields(envelope, to.pushing.single_item_as_list)
        }
        _ => vec![("ToUserName".to_owned(), Field::text(&envelope.to))],
    };
    fields.push(("Encrypt".to_owned(), Field::Text(encrypt)));
    let body = match to.format {
        Format::Xml => event::document(&fields),
        Format::Json => event::object(&fields),
    };
    Ok((query, body))
}

/// A value of a query. An openid needs no encoding, but what somebody wants
/// pushed may come from anybody.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
