//! One call from WeChat: the greeting when the URL is registered, or a push.

use crate::app::{App, Door, NoDoor};
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Timestamp;
use shared::parameters::Answer;
use shared::store::{NewEvent, Record, Recorded};
use shared::wechat::callback::{Opened, Query, Refused as NotWeChat};
use shared::wechat::push::Push;
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
    NotWeChat,
    TooLarge,
    /// WeChat shall try again: the app's settings can't be used.
    Unusable,
    /// WeChat shall try again.
    NotStored,
}

impl Refused {
    fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownApp => (StatusCode::NOT_FOUND, "there is no such app"),
            Self::NotWeChat => (StatusCode::FORBIDDEN, "not signed by WeChat"),
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
            Self::NotWeChat => NotWeChat.to_string(),
            Self::TooLarge => "no push of WeChat's is that large".to_owned(),
            Self::Unusable => "an earlier line says what is wrong with its settings".to_owned(),
            Self::NotStored => "DynamoDB did not take the event; WeChat sends it again".to_owned(),
        }
    }
}

impl From<NotWeChat> for Refused {
    fn from(NotWeChat: NotWeChat) -> Self {
        Self::NotWeChat
    }
}

impl From<NoDoor> for Refused {
    fn from(no_door: NoDoor) -> Self {
        match no_door {
            NoDoor::Unknown => Self::UnknownApp,
            NoDoor::Unusable => Self::Unusable,
        }
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
    let door = app.door(alias, now).await?;
    if request.body().len() > LARGEST_BODY {
        return Err(Refused::TooLarge);
    }
    let parameters = request.query_string_parameters();
    let query = Query::read(parameters.iter()).map_err(|_| Refused::NotWeChat)?;
    if request.method() == Method::GET {
        return Ok(door.callback.greet(&query, now)?.to_owned());
    }
    let Opened { message, seal } = door.callback.open(&query, request.body(), now)?;
    let push = Push::read(&door.app.app_id, &message).map_err(|error| {
        // It was signed and it opened, so WeChat did send it.
        tracing::error!(app = alias, "what WeChat signed can't be read: {error}");
        Refused::NotWeChat
    })?;
    let reply = reply(&door, &push, now);
    let event = NewEvent {
        app_id: &door.app.app_id,
        open_id: &push.from,
        create_time: push.create_time,
        identity: &push.identity,
        kind: push.kind.name(),
        body: &message,
        reply: reply.as_deref(),
    };
    let Record { found, reply, recorded_at } = record(app, &event, now).await;
    match found {
        Recorded::New | Recorded::Again => {
            tracing::info!(app = alias, kind = event.kind, ?found, "received");
        }
        Recorded::Beside => {
            tracing::warn!(
                app = alias,
                kind = event.kind,
                "received another event of the same identity; both are kept"
            );
        }
    }
    Ok(match (reply, seal) {
        (None, _) => RECEIVED.to_owned(),
        (Some(reply), None) => reply,
        (Some(reply), Some(seal)) => seal.seal(&reply, push.format, recorded_at),
    })
}

/// What the app's rules answer in the same breath, as it goes to WeChat.
fn reply(door: &Door, push: &Push, now: Timestamp) -> Option<String> {
    // Without the account that it is for, a reply would come from nobody.
    if push.to.is_empty() {
        return None;
    }
    match door.app.replies.answer(&push.kind)? {
        Answer::Passive(reply) => Some(reply.write(push, now)),
        Answer::Message(_) => None,
    }
}

/// Writes an event down, again and again until DynamoDB takes it or WeChat's
/// patience is at its end. WeChat sends three times and then never again, at once
/// after an answer that is no success: so whoever answers at once that it didn't
/// work has soon lost the event.
async fn record(app: &App, event: &NewEvent<'_>, now: Timestamp) -> Record {
    let mut pause = FIRST_PAUSE;
    loop {
        match app.events.record(event, now).await {
            Ok(record) => return record,
            Err(error) => tracing::error!("{error}"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
