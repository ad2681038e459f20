//! Calls to WeChat's servers.

use crate::secret::Secret;
use crate::wechat::hosts::Hosts;
use crate::wechat::refusal::Refusal;
use crate::wechat::wire::answer::{self, ApiResponse};
use crate::wechat::wire::fields::{Fields, MissingField};
use reqwest::{Method, Response, Url, header};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::wechat::hosts::InvalidBase;

/// WeChat usually responds within a tenth of a second; after this time the connection is
/// lost. Covers connecting, sending, and reading the whole response.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// The next host is tried only within this time, so that a call takes this and
/// [`CALL_TIMEOUT`] at most. A host that doesn't respond takes 2 seconds of it (the HTTP
/// client's timeout for connecting).
const FAILOVER_TIMEOUT: Duration = Duration::from_millis(2500);
/// WeChat's responses are far smaller, ...
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// ... except for the lists of an account's 50 templates with the values of their keys,
/// and of 10,000 followers, each of which takes up to 67 bytes.
const MAX_LIST_BYTES: usize = 704 * 1024;

/// A client of WeChat's API. Cheap to clone; the clones share which host is reachable.
#[derive(Clone)]
pub struct WeChatClient {
    http: reqwest::Client,
    hosts: Arc<Hosts>,
}

/// A call to any of the hosts.
struct Call<'a> {
    method: Method,
    path: &'static str,
    query: &'a [(&'a str, &'a str)],
    /// JSON.
    body: Option<Vec<u8>>,
    /// Maximum size of the response, in bytes.
    max_bytes: usize,
}

impl WeChatClient {
    /// A client of the WeChat at `bases`: one address or several separated by commas, each
    /// with a scheme, a host and an optional port.
    ///
    /// If no connection can be made, the call certainly was not sent, and is sent to the
    /// next address; later calls begin there for some minutes. `http` must not follow
    /// redirects, because a call's URL contains its credentials. A call takes 6.5 seconds at
    /// most: 2.5 for unreachable hosts, and 4 from connecting to the last byte.
    pub fn new(http: reqwest::Client, bases: &str) -> Result<Self, InvalidBase> {
        Ok(Self { http, hosts: Arc::new(Hosts::read(bases)?) })
    }

    /// GETs `path` with this query.
    pub(crate) async fn get<T: ApiResponse>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        let call =
            Call { method: Method::GET, path, query, body: None, max_bytes: MAX_RESPONSE_BYTES };
        self.call(call).await
    }

    /// As [`WeChatClient::get`], for a response that may be a long list.
    pub(crate) async fn list<T: ApiResponse>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        let call = Call { method: Method::GET, path, query, body: None, max_bytes: MAX_LIST_BYTES };
        self.call(call).await
    }

    /// POSTs `body` as JSON to `path`, with the access token in the query.
    pub(crate) async fn post<T: ApiResponse>(
        &self,
        path: &'static str,
        access_token: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.post_for(MAX_RESPONSE_BYTES, path, access_token, body).await
    }

    /// As [`WeChatClient::post`], for a response that may be a long list.
    pub(crate) async fn post_for_list<T: ApiResponse>(
        &self,
        path: &'static str,
        access_token: &Secret,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.post_for(MAX_LIST_BYTES, path, Some(access_token), body).await
    }

    async fn post_for<T: ApiResponse>(
        &self,
        max_bytes: usize,
        path: &'static str,
        access_token: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        // WeChat responds with 412 to a body without a length, and handles UTF-8 better
        // than \u escapes.
        let body = serde_json::to_vec(body).expect("a request is made of strings and numbers");
        let query: Vec<_> =
            access_token.map(|token| ("access_token", token.expose())).into_iter().collect();
        let (method, body) = (Method::POST, Some(body));
        self.call(Call { method, path, query: &query, body, max_bytes }).await
    }

    /// The one place where WeChat's response becomes a value or an error.
    async fn call<T: ApiResponse>(&self, call: Call<'_>) -> Result<T, CallError> {
        let api = call.path;
        let response = self.send_request(&call).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(CallError::unknown(api, format!("HTTP status {status}")));
        }
        let body = read(api, response, call.max_bytes).await?;
        let tree = answer::tree(&body)
            .map_err(|problem| CallError::unknown(api, format!("the response: {problem}")))?;
        let fields = Fields(&tree);
        let lacks = |MissingField(name)| {
            CallError::unknown(api, format!("the response has no usable {name}"))
        };
        match Refusal::in_response(api, fields).map_err(lacks)? {
            Some(refusal) => Err(CallError::Refused { refusal }),
            None => T::read(fields).map_err(lacks),
        }
    }

    /// Sends the request to the first reachable host.
    async fn send_request(&self, call: &Call<'_>) -> Result<Response, CallError> {
        let started = Instant::now();
        let mut problems = Vec::new();
        for (at, base) in self.hosts.candidates(started) {
            if started.elapsed() > FAILOVER_TIMEOUT {
                break;
            }
            let sent = self.http.execute(call.request(base)).await;
            let problem = match sent {
                Err(error) if error.is_connect() => chain(error),
                sent => {
                    self.hosts.mark_reachable(at);
                    return sent.map_err(|error| CallError::unknown(call.path, chain(error)));
                }
            };
            self.hosts.mark_unreachable(at, Instant::now());
            let host = base.host_str().unwrap_or_default();
            tracing::warn!("no connection to WeChat at {host}: {problem}");
            problems.push(format!("{host}: {problem}"));
        }
        Err(CallError::NotSent { api: call.path, problem: problems.join("; ") })
    }
}

impl Call<'_> {
    fn request(&self, base: &Url) -> reqwest::Request {
        let mut url = base.clone();
        url.set_path(self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        let mut request = reqwest::Request::new(self.method.clone(), url);
        *request.timeout_mut() = Some(CALL_TIMEOUT);
        if let Some(body) = &self.body {
            let json = header::HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.clone().into());
        }
        request
    }
}

impl fmt::Debug for WeChatClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeChatClient({:?})", self.hosts)
    }
}

/// Reads the response, up to `max_bytes`.
async fn read(
    api: &'static str,
    mut response: Response,
    max_bytes: usize,
) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= max_bytes => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(CallError::unknown(
                    api,
                    format!("the response is longer than {max_bytes} bytes"),
                ));
            }
            Ok(None) => return Ok(body),
            Err(error) => return Err(CallError::unknown(api, chain(error))),
        }
    }
}

/// The error with its causes, without the URL, which contains a secret or a token.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A call to WeChat failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection could be made. The call was not sent and may be repeated.
    #[error("{api}: WeChat could not be reached: {problem}")]
    NotSent {
        /// The path.
        api: &'static str,
        /// The error, without the URL.
        problem: String,
    },
    /// WeChat may or may not have carried out the call.
    #[error("{api}: whether WeChat did it is unknown: {problem}")]
    Unknown {
        /// The path.
        api: &'static str,
        /// The error, without the URL.
        problem: String,
    },
    /// WeChat refused the call.
    #[error("{}: {refusal}", refusal.api)]
    Refused {
        /// WeChat's error code and text.
        refusal: Refusal,
    },
}

impl CallError {
    fn unknown(api: &'static str, problem: String) -> Self {
        Self::Unknown { api, problem }
    }

    /// WeChat's refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal } => Some(refusal),
            Self::NotSent { .. } | Self::Unknown { .. } => None,
        }
    }
}

#[cfg(feature = "aws")] // its HTTP client is the one of the functions
#[cfg(test)]
mod tests;
