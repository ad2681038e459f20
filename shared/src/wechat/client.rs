//! Calls to WeChat's servers.

use crate::secret::Secret;
use crate::wechat::refusal::Refusal;
use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// WeChat usually answers in a tenth of a second; who waits longer than this
/// waits for a connection that is gone.
const TIMEOUT: Duration = Duration::from_secs(4);
/// No answer we ask for comes near this size, in bytes: the longest is the list
/// of an account's 50 templates, with the values that their keys may have.
const LARGEST_ANSWER: usize = 512 * 1024;

/// A client of WeChat's API at one address. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client of the WeChat at `base`: scheme and host, and a port if it
    /// isn't the usual one. `http` should follow no redirects, as a call's
    /// address carries its credentials.
    ///
    /// # Errors
    ///
    /// When `base` is no http or https address.
    pub fn new(http: reqwest::Client, base: &str) -> Result<Self, InvalidBase> {
        let base = Url::parse(base).map_err(|_| InvalidBase)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(InvalidBase);
        }
        Ok(Self { http, base })
    }

    /// GETs `path` with this query, values of any kind.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        self.call(path, self.request(Method::GET, path, query)).await
    }

    /// POSTs `body` as JSON to `path`, with the access token in the query where
    /// WeChat wants it.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        access_token: Option<&Secret>,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        // WeChat answers 412 to a body of unannounced length, and takes UTF-8
        // better than \u escapes: a sized body of plain bytes.
        let body = serde_json::to_vec(body).expect("a request is made of strings and numbers");
        let query: Vec<_> =
            access_token.map(|token| ("access_token", token.expose())).into_iter().collect();
        let request = self
            .request(Method::POST, path, &query)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        self.call(path, request).await
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.request(method, url).timeout(TIMEOUT)
    }

    /// The one place where WeChat's answer becomes a value or an error.
    async fn call<T: DeserializeOwned>(
        &self,
        api: &'static str,
        request: RequestBuilder,
    ) -> Result<T, Error> {
        let response = request.send().await.map_err(|error| {
            // `without_url`, as the address holds a secret or a token.
            let problem = chain(&error.without_url());
            if problem.connect {
                Error::NotSent { api, problem: problem.text }
            } else {
                Error::unknown(api, problem.text)
            }
        })?;
        let status = response.status();
        if !status.is_success() {
            return Err(Error::unknown(api, format!("HTTP status {status}")));
        }
        let body = read(api, response).await?;
        let unreadable =
            |_| Error::unknown(api, "the answer is not the JSON that was expected".to_owned());
        if let Some(refusal) = Refusal::in_answer(&body).map_err(unreadable)? {
            return Err(Error::Refused { api, refusal });
        }
        serde_json::from_slice(&body).map_err(unreadable)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.base)
    }
}

/// Reads the answer, up to [`LARGEST_ANSWER`].
async fn read(api: &'static str, mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST_ANSWER => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(Error::unknown(
                    api,
                    format!("the answer is longer than {LARGEST_ANSWER} bytes"),
                ));
            }
            Ok(None) => return Ok(body),
            Err(error) => return Err(Error::unknown(api, chain(&error.without_url()).text)),
        }
    }
}

struct Problem {
    /// The connection could not be made, so nothing was sent.
    connect: bool,
    text: String,
}

fn chain(error: &reqwest::Error) -> Problem {
    let connect = error.is_connect();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Problem { connect, text }
}

/// A call to WeChat did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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

impl Error {
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

/// The address of WeChat is not usable.
#[derive(Debug, thiserror::Error)]
#[error("WeChat's address must be like https://api.weixin.qq.com: http or https, a host, no path")]
pub struct InvalidBase;
