//! An HTTP client for this machine's own endpoints.

use reqwest::Method;
use serde_json::Value as Json;

/// Speaks plain HTTP to one address, without a proxy and without redirects.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    base: String,
}

/// A request that failed, or was refused.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There was no response.
    #[error("{method} {path} got no answer: {source}")]
    Unanswered {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// Why, without the address.
        source: reqwest::Error,
    },
    /// The answer was an error.
    #[error("{method} {path} was answered with {status}: {body}")]
    Refused {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// What was said.
        body: String,
    },
}

impl HttpClient {
    /// A client for `base`, which has no slash at its end.
    pub fn new(base: String) -> Result<Self, reqwest::Error> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        // Nothing is ever encrypted here; reqwest requires to know how it would be.
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the versions that rustls calls safe")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, base })
    }

    /// The underlying client.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Gets JSON.
    pub async fn get(&self, path: &str) -> Result<Json, HttpError> {
        self.send(Method::GET, path, None).await
    }

    /// Posts JSON and gets JSON.
    pub async fn post(&self, path: &str, body: &Json) -> Result<Json, HttpError> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Calls an AWS service in its JSON protocol: `DynamoDB_20120810.Scan`.
    pub async fn call_service(&self, target: &str, body: &Json) -> Result<Json, HttpError> {
        let request = self
            .client
            .post(self.url("/"))
            .header("x-amz-target", target)
            // Required, but never verified.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=none",
            )
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        self.answer(Method::POST, target, request).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Json, HttpError> {
        let mut request = self.client.request(method.clone(), self.url(path));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.answer(method, path, request).await
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Json, HttpError> {
        let unanswered = |source: reqwest::Error| HttpError::Unanswered {
            method: method.clone(),
            path: path.to_owned(),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unanswered)?;
        if !status.is_success() {
            let body = String::from_utf8_lossy(&bytes).into_owned();
            return Err(HttpError::Refused {
                method,
                path: path.to_owned(),
                status: status.as_u16(),
                body,
            });
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
