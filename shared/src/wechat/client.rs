//! Calls to WeChat's servers.

use crate::secret::Secret;
use crate::wechat::hosts::Hosts;
use crate::wechat::refusal::Refusal;
use reqwest::{Method, Response, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::wechat::hosts::InvalidBase;

/// WeChat usually answers in a tenth of a second; who waits longer than this
/// waits for a connection that is gone. It covers connecting, asking, and
/// reading the answer to its end.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The next host is tried only within this time, so that a call takes this and
/// [`TIMEOUT`] at most. One host that doesn't answer at all takes 2 seconds of it
/// (the HTTP client's own limit for connecting).
const CONNECTING: Duration = Duration::from_millis(2500);
/// No answer comes near this size, in bytes, ...
const LARGEST_ANSWER: usize = 64 * 1024;
/// ... but for the lists of an account's 50 templates, with the values that their
/// keys may have, and of 10,000 followers, each of whom takes up to 67.
const LARGEST_LIST: usize = 704 * 1024;

/// A client of WeChat's API. Cheap to clone; the clones know together which host
/// can be connected to.
#[derive(Clone)]
pub struct WeChatClient {
    http: reqwest::Client,
    hosts: Arc<Hosts>,
}

/// A call, before it is known which host takes it.
struct Call<'a> {
    method: Method,
    path: &'static str,
    query: &'a [(&'a str, &'a str)],
    /// JSON.
    body: Option<Vec<u8>>,
    /// The answer has so many bytes at most.
    largest: usize,
}

impl WeChatClient {
    /// A client of the WeChat at `bases`: one address or several separated by
    /// commas, each a scheme and host, and a port if it isn't the usual one.
    ///
    /// A call that certainly was not sent, because no connection could be made, is
    /// made at the next address, each once; those after it begin there, for some
    /// minutes. No other address is ever called, if `http` follows no redirects,
    /// as it should not: a call's address carries its credentials. A call takes
    /// 6.5 seconds at most: 4 from connecting to the last byte of the answer, and
    /// before that 2.5 for hosts that can't be connected to.
    ///
    /// # Errors
    ///
    /// When one of them is no http or https address.
    pub fn new(http: reqwest::Client, bases: &str) -> Result<Self, InvalidBase> {
        Ok(Self { http, hosts: Arc::new(Hosts::read(bases)?) })
    }

    /// GETs `path` with this query, values of any kind.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        let call = Call { method: Method::GET, path, query, body: None, largest: LARGEST_ANSWER };
        self.call(call).await
    }

    /// As [`WeChatClient::get`], for a list that may be long.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        let call = Call { method: Method::GET, path, query, body: None, largest: LARGEST_LIST };
        self.call(call).await
    }

    /// POSTs `body` as JSON to `path`, with the access token in the query where
    /// WeChat wants it.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        access_token: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.post_for(LARGEST_ANSWER, path, access_token, body).await
    }

    /// As [`WeChatClient::post`], for a list that may be long.
    pub(crate) async fn post_for_list<T: DeserializeOwned>(
        &self,
        path: &'static str,
        access_token: &Secret,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.post_for(LARGEST_LIST, path, Some(access_token), body).await
    }

    async fn post_for<T: DeserializeOwned>(
        &self,
        largest: usize,
        path: &'static str,
        access_token: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        // WeChat answers 412 to a body of unannounced length, and takes UTF-8
        // better than \u escapes: a sized body of plain bytes.
        let body = serde_json::to_vec(body).expect("a request is made of strings and numbers");
        let query: Vec<_> =
            access_token.map(|token| ("access_token", token.expose())).into_iter().collect();
        let (method, body) = (Method::POST, Some(body));
        self.call(Call { method, path, query: &query, body, largest }).await
    }

    /// The one place where WeChat's answer becomes a value or an error.
    async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, CallError> {
        let api = call.path;
        let response = self.send_request(&call).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(CallError::unknown(api, format!("HTTP status {status}")));
        }
        let body = read(api, response, call.largest).await?;
        let unreadable =
            |_| CallError::unknown(api, "the answer is not the JSON that was expected".to_owned());
        if let Some(refusal) = Refusal::in_answer(&body).map_err(unreadable)? {
            return Err(CallError::Refused { api, refusal });
        }
        serde_json::from_slice(&body).map_err(unreadable)
    }

    /// Asks the first host that can be connected to.
    async fn send_request(&self, call: &Call<'_>) -> Result<Response, CallError> {
        let begun = Instant::now();
        let mut problems = Vec::new();
        for (at, base) in self.hosts.candidates(begun) {
            if begun.elapsed() > CONNECTING {
                break;
            }
            let asked = self.http.execute(call.request(base)).await;
            let problem = match asked {
                Err(error) if error.is_connect() => chain(error),
                asked => {
                    self.hosts.mark_reachable(at);
                    return asked.map_err(|error| CallError::unknown(call.path, chain(error)));
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
        *request.timeout_mut() = Some(TIMEOUT);
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

/// Reads the answer, up to so many bytes.
async fn read(
    api: &'static str,
    mut response: Response,
    largest: usize,
) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= largest => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(CallError::unknown(
                    api,
                    format!("the answer is longer than {largest} bytes"),
                ));
            }
            Ok(None) => return Ok(body),
            Err(error) => return Err(CallError::unknown(api, chain(error))),
        }
    }
}

/// What went wrong, with its causes, and without the address: that holds a secret
/// or a token.
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

/// A call to WeChat did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection could be made: WeChat knows nothing of the call, and it
    /// may be repeated.
    #[error("{api}: WeChat could not be reached: {problem}")]
    NotSent {
        /// The path that was called.
        api: &'static str,
        /// What went wrong, without the address.
        problem: String,
    },
    /// The call may or may not have taken effect.
    #[error("{api}: whether WeChat did it is unknown: {problem}")]
    Unknown {
        /// The path that was called.
        api: &'static str,
        /// What went wrong, without the address.
        problem: String,
    },
    /// WeChat said no.
    #[error("{api}: {refusal}")]
    Refused {
        /// The path that was called.
        api: &'static str,
        /// WeChat's code and what it means.
        refusal: Refusal,
    },
}

impl CallError {
    fn unknown(api: &'static str, problem: String) -> Self {
        Self::Unknown { api, problem }
    }

    /// WeChat's refusal, if that is what this is.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::NotSent { .. } | Self::Unknown { .. } => None,
        }
    }
}

#[cfg(feature = "aws")] // its HTTP client is the one of the functions
#[cfg(test)]
mod tests;
