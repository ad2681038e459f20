//! One call from WeChat: the greeting when the URL is registered, or a push.

use crate::app::{App, Door, NoDoor};
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Timestamp;
use shared::parameters::AutoReply;
use shared::store::{EventPut, NewEvent, PutOutcome, Unreadable};
use shared::wechat::callback::{DecryptedPush, Query, VerificationError};
use shared::wechat::push::Push;
use std::sync::Arc;
use std::time::Duration;

/// What WeChat takes as "received, nothing to say". Never encrypted.
const RECEIVED: &str = "success";
/// No push of WeChat's is near this size, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// WeChat hangs up after five seconds; who answers before that says at least
/// that the push shall come again.
const PATIENCE: Duration = Duration::from_millis(4500);
/// The first pause before writing again what DynamoDB didn't take; each further
/// one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// A call that is not answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    UnknownApp,
    /// Query, signature, envelope or message: nobody is told which.
    VerificationFailed,
    TooLarge,
    /// WeChat shall try again: the app's settings can't be used.
    Unusable,
    /// WeChat shall try again: time is up.
    NotStored,
}

impl Refused {
    fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownApp => (StatusCode::NOT_FOUND, "there is no such app"),
            Self::VerificationFailed => (StatusCode::FORBIDDEN, "not signed by WeChat"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "larger than any push of WeChat's"),
            Self::Unusable => {
                (StatusCode::INTERNAL_SERVER_ERROR, "this app's settings can't be used")
            }
            Self::NotStored => {
                (StatusCode::INTERNAL_SERVER_ERROR, "could not be stored; send it again")
            }
        }
    }

    /// What the app's operator can do about it.
    fn advice(self) -> String {
        match self {
            Self::UnknownApp => "there is no /callback/{app} of this name".to_owned(),
            Self::VerificationFailed => VerificationError.to_string(),
            Self::TooLarge => "no push of WeChat's is that large".to_owned(),
            Self::Unusable => "an earlier line says what is wrong with its settings".to_owned(),
            Self::NotStored => {
                "AWS did not do its part in time, as earlier lines say; WeChat sends it again"
                    .to_owned()
            }
        }
    }
}

impl From<VerificationError> for Refused {
    fn from(VerificationError: VerificationError) -> Self {
        Self::VerificationFailed
    }
}

/// Answers one call.
pub(crate) async fn answer(app: &App, request: &Request, now: Timestamp) -> Response<Body> {
    let alias = request.path_parameters().first("app").unwrap_or_default().to_owned();
    let received = tokio::time::timeout(PATIENCE, receive(app, &alias, request, now)).await;
    let (status, body) = match received.unwrap_or(Err(Refused::NotStored)) {
        Ok(body) => (StatusCode::OK, body),
        Err(refused) => {
            tracing::warn!(app = alias, ?refused, "refused a call: {}", refused.advice());
            let (status, body) = refused.answer();
            (status, body.to_owned())
        }
    };
    let kind = match body.as_bytes().first() {
        Some(b'<') => "text/xml; charset=utf-8",
        Some(b'{') => "application/json; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from(body))
        .expect("a status and two fixed headers")
}

async fn receive(
    app: &App,
    alias: &str,
    request: &Request,
    now: Timestamp,
) -> Result<String, Refused> {
    let door = door(app, alias, now).await?;
    if request.body().len() > LARGEST_BODY {
        return Err(Refused::TooLarge);
    }
    let parameters = request.query_string_parameters();
    let query = Query::read(parameters.iter()).map_err(|_| Refused::VerificationFailed)?;
    let call = Call { query: &query, request, now };
    let heard = match call.heard_at(&door) {
        Ok(heard) => heard,
        // The settings may have been changed since they were read.
        Err(VerificationError) => {
            let changed =
                app.changed_door(alias, &door, now).await.ok_or(Refused::VerificationFailed)?;
            call.heard_at(&changed)?
        }
    };
    match heard {
        Heard::UrlVerification(echo) => Ok(echo),
        Heard::Push(opened) => take(app, &door, opened, now).await,
    }
}

/// The way in. Until the Parameter Store has told of it once, it is asked again
/// and again: an answer that there is no such app would be a lie.
async fn door(app: &App, alias: &str, now: Timestamp) -> Result<Arc<Door>, Refused> {
    let mut pause = FIRST_PAUSE;
    loop {
        match app.door(alias, now).await {
            Ok(door) => return Ok(door),
            Err(NoDoor::Unknown) => return Err(Refused::UnknownApp),
            Err(NoDoor::Unusable) => return Err(Refused::Unusable),
            Err(NoDoor::Unread) => rest(&mut pause).await,
        }
    }
}

/// A call that may be WeChat's.
struct Call<'c> {
    query: &'c Query,
    request: &'c Request,
    now: Timestamp,
}

/// What WeChat said.
enum Heard {
    /// It wants to hear this back.
    UrlVerification(String),
    Push(DecryptedPush),
}

impl Call<'_> {
    fn heard_at(&self, door: &Door) -> Result<Heard, VerificationError> {
        if self.request.method() == Method::GET {
            return Ok(Heard::UrlVerification(
                door.callback.verify_url(self.query, self.now)?.to_owned(),
            ));
        }
        door.callback.decrypt(self.query, self.request.body(), self.now).map(Heard::Push)
    }
}

/// Writes a push down, and gives the answer to it.
async fn take(
    app: &App,
    door: &Door,
    opened: DecryptedPush,
    now: Timestamp,
) -> Result<String, Refused> {
    let DecryptedPush { message, reply_cipher } = opened;
    let alias = door.app.alias.as_str();
    let push = match Push::read(&door.app.app_id, &message) {
        Ok(push) => push,
        // Nothing says that it was WeChat who wrote this body.
        Err(_) if reply_cipher.is_none() => return Err(Refused::VerificationFailed),
        Err(error) => {
            let event = Unreadable::new(&door.app.app_id, &message);
            let found = record(app, alias, &event.as_new(), now).await.found;
            tracing::error!(app = alias, ?found, "what WeChat signed can't be read: {error}");
            return Ok(RECEIVED.to_owned());
        }
    };
    let Answers { reply, customer_service } = Answers::by_rules(door, &push, now);
    let event = NewEvent {
        app_id: &door.app.app_id,
        open_id: &push.from,
        create_time: push.create_time,
        identity: &push.dedup_key,
        kind: push.kind.name(),
        body: &message,
        reply: reply.as_deref(),
        customer_service: customer_service.as_deref(),
    };
    let EventPut { found, reply, recorded_at } = record(app, alias, &event, now).await;
    match found {
        PutOutcome::Inserted | PutOutcome::Duplicate => {
            tracing::info!(app = alias, kind = event.kind, ?found, "received");
        }
        PutOutcome::KeyCollision => {
            tracing::warn!(
                app = alias,
                kind = event.kind,
                "received another event of the same identity; both are kept"
            );
        }
    }
    Ok(match (reply, reply_cipher) {
        (None, _) => RECEIVED.to_owned(),
        (Some(reply), None) => reply,
        (Some(reply), Some(cipher)) => cipher.encrypt(&reply, push.format, recorded_at),
    })
}

/// What the app's rules answer, as it goes to WeChat: at most one of the two.
#[derive(Default)]
struct Answers {
    /// In the same breath.
    reply: Option<String>,
    /// A moment later, by the events function.
    customer_service: Option<String>,
}

impl Answers {
    fn by_rules(door: &Door, push: &Push, now: Timestamp) -> Self {
        match door.app.replies.reply_to(&push.kind) {
            // Without the account that it is for, a reply would come from nobody.
            Some(AutoReply::Passive(reply)) if !push.to.is_empty() => {
                Self { reply: Some(reply.write(push, now)), ..Self::default() }
            }
            Some(AutoReply::Message(message)) => {
                let message = serde_json::to_string(message).expect("strings, and lists of them");
                Self { customer_service: Some(message), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// Writes an event down, again and again until DynamoDB takes it or WeChat's
/// patience is at its end. WeChat sends three times and then never again, at once
/// after an answer that is no success: so whoever answers at once that it didn't
/// work has soon lost the event.
async fn record(app: &App, alias: &str, event: &NewEvent<'_>, now: Timestamp) -> EventPut {
    let mut pause = FIRST_PAUSE;
    loop {
        match app.events.put(event, now).await {
            Ok(record) => return record,
            Err(error) => tracing::warn!(app = alias, "{error}; trying again"),
        }
        rest(&mut pause).await;
    }
}

/// Waits a moment, and longer the next time.
async fn rest(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
