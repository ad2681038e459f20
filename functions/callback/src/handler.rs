//! Handles one request from WeChat: a URL verification or a push.

use crate::app::{App, CallbackConfig, ConfigError, UrlError};
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Timestamp;
use shared::config;
use shared::parameters::AutoReply;
use shared::retry::Retry;
use shared::store::{EventPut, NewEvent, PutOutcome, Unreadable};
use shared::wechat::callback::{DecryptedPush, Query, VerificationError};
use shared::wechat::push::Push;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Acknowledges a push without a reply. WeChat expects it unencrypted in every mode.
const ACK: &str = "success";
/// WeChat's pushes are far smaller.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// WeChat closes the connection after five seconds, and delivers a push three times at
/// most. An error response in time makes it deliver again.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(4500);
/// AWS calls are repeated until [`RESPONSE_TIMEOUT`]: a response that reports an error
/// early would use up WeChat's three deliveries within a second.
const AWS_RETRY: Retry = Retry {
    max_attempts: u32::MAX,
    base: Duration::from_millis(50),
    max_pause: Duration::from_millis(400),
};

/// Why a request is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rejection {
    UnknownApp,
    /// The URL has no key, and must have one.
    NoKey,
    /// The URL's key is none of this stage's for this app.
    WrongKey,
    /// The query, the signature, the ciphertext or the message is invalid. The response
    /// doesn't say which, so that no caller can probe for it.
    VerificationFailed(VerificationError),
    TooLarge,
    /// The app's parameters are invalid. WeChat delivers again.
    InvalidConfig,
    /// AWS did not answer in time. WeChat delivers again.
    NotStored,
}

impl Rejection {
    /// The word for it, in metrics and in the log.
    fn reason(self) -> &'static str {
        match self {
            Self::UnknownApp => "unknown_app",
            Self::NoKey => "no_key",
            Self::WrongKey => "wrong_key",
            Self::VerificationFailed(VerificationError::Stale) => "stale",
            Self::VerificationFailed(VerificationError::BadSignature) => "bad_signature",
            Self::VerificationFailed(VerificationError::Unreadable) => "unreadable",
            Self::VerificationFailed(VerificationError::Malformed) => "malformed",
            Self::TooLarge => "too_large",
            Self::InvalidConfig => "config_invalid",
            Self::NotStored => "not_stored",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::UnknownApp | Self::NoKey | Self::WrongKey => StatusCode::NOT_FOUND,
            Self::VerificationFailed(_) => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidConfig | Self::NotStored => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The response body.
    fn public_message(self) -> &'static str {
        match self {
            // The same, so that no caller can find out which apps there are.
            Self::UnknownApp | Self::NoKey | Self::WrongKey => "there is no such app",
            Self::VerificationFailed(_) => "not signed by WeChat",
            Self::TooLarge => "larger than any push of WeChat's",
            Self::InvalidConfig => "this app's settings are invalid",
            Self::NotStored => "could not be stored; send it again",
        }
    }

    /// For the log: what the operator can do.
    fn advice(self) -> String {
        match self {
            Self::UnknownApp => "there is no parameter /callback/{app} of this name".to_owned(),
            Self::NoKey => "the URL has no key, and CallbackWithoutKey is refused; if WeChat's \
                 console has this URL, paste the one that `hongyan app show` prints"
                .to_owned(),
            Self::WrongKey => {
                "the key in the URL is none of this stage's for this app; if it stands \
                 in WeChat's console, paste the one that `hongyan app show` prints"
                    .to_owned()
            }
            Self::VerificationFailed(error) => error.to_string(),
            Self::TooLarge => "no push of WeChat's is that large".to_owned(),
            Self::InvalidConfig => {
                "an earlier line says what is wrong with its parameters".to_owned()
            }
            Self::NotStored => {
                "AWS did not answer in time, as earlier lines say; WeChat delivers again".to_owned()
            }
        }
    }
}

impl From<VerificationError> for Rejection {
    fn from(error: VerificationError) -> Self {
        Self::VerificationFailed(error)
    }
}

/// A request that WeChat has signed.
enum VerifiedRequest {
    /// WeChat's check of the URL, with the text to respond with.
    UrlVerification(String),
    Push(DecryptedPush),
}

/// Handles one request and builds its response.
pub(crate) async fn handle_request(app: &App, request: &Request, now: Timestamp) -> Response<Body> {
    let alias = request.path_parameters().first("app").unwrap_or_default().to_owned();
    // A stranger chooses the alias, and each value of a metric's dimension costs money: only
    // those of configured apps become one.
    let is_known = AtomicBool::new(false);
    let handling = handle(app, &alias, request, &is_known, now);
    let timeout = config::aws_timeout(RESPONSE_TIMEOUT);
    let handled = tokio::time::timeout(timeout, handling).await;
    let (status, body) = match handled.unwrap_or(Err(Rejection::NotStored)) {
        Ok(body) => (StatusCode::OK, body),
        Err(rejection) => {
            let reason = rejection.reason();
            let known = if is_known.into_inner() { &alias } else { "none" };
            app.rejections.add([known, reason], now);
            if let Some(omitted) = app.rejection_log.sample(reason, now) {
                let (address, advice) = (source_address(request), rejection.advice());
                let app = alias.as_str();
                tracing::warn!(app, reason, address, omitted, "rejected the request: {advice}");
            }
            (rejection.status(), rejection.public_message().to_owned())
        }
    };
    let content_type = match body.as_bytes().first() {
        Some(b'<') => "text/xml; charset=utf-8",
        Some(b'{') => "application/json; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from(body))
        .expect("a status and two fixed headers")
}

/// The caller's address, as API Gateway saw it.
fn source_address(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    }
}

async fn handle(
    app: &App,
    alias: &str,
    request: &Request,
    is_known: &AtomicBool,
    now: Timestamp,
) -> Result<String, Rejection> {
    let parameters = request.path_parameters();
    let url_version = check_url(app, alias, parameters.first("key"), now).await?;
    let config = load_config(app, alias, now).await;
    let is_configured = matches!(config, Ok(_) | Err(Rejection::InvalidConfig));
    is_known.store(is_configured, Ordering::Relaxed);
    let config = config?;
    if request.body().len() > MAX_BODY_BYTES {
        return Err(Rejection::TooLarge);
    }
    let parameters = request.query_string_parameters();
    let query = Query::read(parameters.iter()).map_err(|_| VerificationError::Malformed)?;
    // What follows uses the configuration that verified the request: its app id and its rules.
    let (config, verified) = match verify(&config, &query, url_version, request, now) {
        Ok(verified) => (config, verified),
        Err(error) => {
            let newer = app.reload_config(alias, &config, now).await.ok_or(error)?;
            let verified = verify(&newer, &query, url_version, request, now)?;
            (newer, verified)
        }
    };
    match verified {
        VerifiedRequest::UrlVerification(echo) => Ok(echo),
        VerifiedRequest::Push(push) => {
            handle_push(app, &config, push, url_version.is_some(), now).await
        }
    }
}

/// Checks the key in the URL, before anything else.
async fn check_url(
    app: &App,
    alias: &str,
    key: Option<&str>,
    now: Timestamp,
) -> Result<Option<u32>, Rejection> {
    let check = || app.check_url(alias, key, now);
    let version = AWS_RETRY.run(check, |error| *error == UrlError::Unavailable).await;
    version.map_err(|error| match error {
        UrlError::NoKey => Rejection::NoKey,
        UrlError::WrongKey => Rejection::WrongKey,
        UrlError::Unavailable => Rejection::NotStored,
    })
}

/// Loads the app's configuration. While the Parameter Store hasn't answered yet, it is
/// not known whether the app exists, so reading is repeated.
async fn load_config(
    app: &App,
    alias: &str,
    now: Timestamp,
) -> Result<Arc<CallbackConfig>, Rejection> {
    let load = || app.config_for(alias, now);
    let config = AWS_RETRY.run(load, |error| *error == ConfigError::Unavailable).await;
    config.map_err(|error| match error {
        ConfigError::UnknownApp => Rejection::UnknownApp,
        ConfigError::Invalid => Rejection::InvalidConfig,
        ConfigError::Unavailable => Rejection::NotStored,
    })
}

fn verify(
    config: &CallbackConfig,
    query: &Query,
    url_version: Option<u32>,
    request: &Request,
    now: Timestamp,
) -> Result<VerifiedRequest, VerificationError> {
    let verified = if request.method() == Method::GET {
        let echo = config.callback.verify_url(query, now)?;
        VerifiedRequest::UrlVerification(echo.to_owned())
    } else {
        VerifiedRequest::Push(config.callback.decrypt(query, request.body(), now)?)
    };
    // The key was genuine, until the operator replaced it. WeChat's own requests with it are
    // alarmed on like those with another token.
    if url_version.is_some_and(|version| version < config.oldest_url_version) {
        return Err(VerificationError::BadSignature);
    }
    Ok(verified)
}

/// Stores a push as an event, and returns the response body.
async fn handle_push(
    app: &App,
    config: &CallbackConfig,
    push: DecryptedPush,
    has_key: bool,
    now: Timestamp,
) -> Result<String, Rejection> {
    let DecryptedPush { message, reply_cipher } = push;
    let alias = config.app.alias.as_str();
    let push = match Push::read(&config.app.app_id, &message) {
        Ok(push) => push,
        // In plaintext mode the signature doesn't cover the body: anybody may have
        // written it.
        Err(_) if reply_cipher.is_none() => return Err(VerificationError::Unreadable.into()),
        Err(error) => {
            let sender = Push::sender_of_unreadable(&message);
            let event = Unreadable::new(&config.app.app_id, sender, &message);
            let outcome = store_event(app, alias, &event.as_new(), now).await.outcome;
            app.received.add([alias], now);
            tracing::error!(app = alias, ?outcome, "stored a push that can't be read: {error}");
            return Ok(ACK.to_owned());
        }
    };
    let Replies { passive, customer_service } = Replies::by_rules(config, &push, now);
    let event = NewEvent {
        app_id: &config.app.app_id,
        open_id: &push.from,
        create_time: push.create_time,
        dedup_key: &push.dedup_key,
        kind: push.kind.name(),
        body: &message,
        reply: passive.as_deref(),
        customer_service: customer_service.as_deref(),
    };
    let EventPut { outcome, reply, recorded_at } = store_event(app, alias, &event, now).await;
    app.received.add([alias], now);
    if outcome == PutOutcome::KeyCollision {
        tracing::warn!(
            app = alias,
            kind = event.kind,
            "stored an event beside another one of the same deduplication key"
        );
    } else {
        // Before an operator refuses URLs without a key, no push must come to one.
        tracing::info!(app = alias, kind = event.kind, ?outcome, has_key, "stored an event");
    }
    Ok(match (reply, reply_cipher) {
        (None, _) => ACK.to_owned(),
        (Some(reply), None) => reply,
        (Some(reply), Some(cipher)) => cipher.encrypt(&reply, push.format, recorded_at),
    })
}

/// What the app's reply rules send: at most one of the two.
#[derive(Default)]
struct Replies {
    /// A passive reply, which is the response body.
    passive: Option<String>,
    /// A customer-service message, which the events function sends. In JSON.
    customer_service: Option<String>,
}

impl Replies {
    fn by_rules(config: &CallbackConfig, push: &Push, now: Timestamp) -> Self {
        match config.app.replies.reply_to(&push.kind) {
            // A passive reply needs the account's id as its sender.
            Some(AutoReply::Passive(reply)) if !push.to.is_empty() => {
                Self { passive: Some(reply.write(push, now)), ..Self::default() }
            }
            Some(AutoReply::Message(message)) => {
                let message = serde_json::to_string(message).expect("strings, and lists of them");
                Self { customer_service: Some(message), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// Stores an event. Repeated until DynamoDB succeeds or [`RESPONSE_TIMEOUT`] ends the
/// request.
async fn store_event(app: &App, alias: &str, event: &NewEvent<'_>, now: Timestamp) -> EventPut {
    let mut attempt = 1;
    loop {
        match app.events.put(event, now).await {
            Ok(put) => return put,
            Err(error) => tracing::warn!(app = alias, "{error}; storing the event again"),
        }
        AWS_RETRY.backoff(attempt).await;
        attempt += 1;
    }
}
