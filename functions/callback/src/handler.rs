//! One call from WeChat: the greeting when the URL is registered, or a push.

use crate::app::{App, Door};
use crate::query::Query;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Timestamp;
use shared::parameters::Mode;
use shared::store::{NewEvent, Recorded};
use shared::wechat::push::Push;
use shared::wechat::{crypto, envelope, signature};
use std::time::Duration;

/// What WeChat takes as "received, nothing to say". Never encrypted.
const RECEIVED: &str = "success";
/// No push of WeChat's is near this size, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// WeChat hangs up after five seconds; who answers before that says at least
/// that the push shall come again.
const PATIENCE: Duration = Duration::from_millis(4500);

/// A call that is not answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    UnknownApp,
    /// Signature or envelope: nobody is told which.
    NotWeChat,
    TooLarge,
    Unreadable,
    /// WeChat shall try again.
    NotStored,
}

impl Refused {
    fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownApp => (StatusCode::NOT_FOUND, "there is no such app"),
            Self::NotWeChat => (StatusCode::FORBIDDEN, "not signed by WeChat"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "larger than any push of WeChat's"),
            Self::Unreadable => (StatusCode::BAD_REQUEST, "not a push of WeChat's"),
            Self::NotStored => {
                (StatusCode::INTERNAL_SERVER_ERROR, "could not be stored; send it again")
            }
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
            tracing::warn!(app = alias, ?refused, "refused a call");
            let (status, body) = refused.answer();
            (status, body.to_owned())
        }
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
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
    let door = app.door(alias, now).await.ok_or(Refused::UnknownApp)?;
    if request.body().len() > LARGEST_BODY {
        return Err(Refused::TooLarge);
    }
    let query = Query::of(request).ok_or(Refused::NotWeChat)?;
    if request.method() == Method::GET {
        verify(&door, query.signature.as_deref(), &query, None)?;
        return query.echostr.ok_or(Refused::NotWeChat);
    }
    let body = std::str::from_utf8(request.body()).map_err(|_| Refused::Unreadable)?;
    let message = open(&door, &query, body)?;
    let push = Push::read(&door.app.app_id, &message).map_err(|error| {
        tracing::warn!("{error}");
        Refused::Unreadable
    })?;
    let event = NewEvent {
        app_id: &door.app.app_id,
        open_id: &push.from,
        create_time: push.create_time,
        identity: &push.identity,
        kind: push.kind.name(),
        body: &message,
    };
    let recorded = app.events.record(&event, now).await.map_err(|error| {
        tracing::error!("{error}");
        Refused::NotStored
    })?;
    match recorded {
        Recorded::New | Recorded::Again => {
            tracing::info!(app = alias, kind = event.kind, ?recorded, "received");
        }
        Recorded::Beside => {
            tracing::warn!(
                app = alias,
                kind = event.kind,
                "received another event of the same identity; both are kept"
            );
        }
    }
    Ok(RECEIVED.to_owned())
}

/// Verifies a push and takes its message out. Which mode it must be in is
/// decided by our settings alone.
fn open(door: &Door, query: &Query, body: &str) -> Result<String, Refused> {
    if door.settings.mode == Mode::Plaintext {
        verify(door, query.signature.as_deref(), query, None)?;
        return Ok(body.to_owned());
    }
    let encrypted = envelope::encrypted(body).map_err(|_| Refused::Unreadable)?;
    verify(door, query.msg_signature.as_deref(), query, Some(encrypted))?;
    let opened = door
        .settings
        .keys()
        .aes_keys
        .into_iter()
        .find_map(|key| crypto::open(key, &door.app.app_id, encrypted).ok())
        .ok_or(Refused::NotWeChat)?;
    String::from_utf8(opened).map_err(|_| Refused::NotWeChat)
}

/// Checks a signature against the present token and the previous one.
fn verify(
    door: &Door,
    claimed: Option<&str>,
    query: &Query,
    encrypted: Option<&str>,
) -> Result<(), Refused> {
    let claimed = claimed.ok_or(Refused::NotWeChat)?;
    let genuine = door.settings.keys().tokens.into_iter().any(|token| {
        let mut parts = vec![token.expose(), &query.timestamp, &query.nonce];
        parts.extend(encrypted);
        signature::verify(claimed, &parts)
    });
    if genuine { Ok(()) } else { Err(Refused::NotWeChat) }
}
