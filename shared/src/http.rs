//! The one HTTP and TLS stack of a function, for WeChat and, through an adapter, for the AWS
//! SDK.
//!
//! The root certificates are compiled in: reading the system's took nine tenths of a cold
//! start.

use aws_smithy_runtime_api::client::http::{
    HttpClient as SmithyHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;
use std::time::Duration;

/// An HTTP client that follows no redirect, uses no proxy, and trusts the
/// Mozilla roots. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// Builds the client. Nothing is connected yet.
    pub fn new() -> Self {
        let client = builder().no_proxy().connect_timeout(Duration::from_secs(2));
        Self(client.build().expect("the options of `builder` are consistent"))
    }

    /// For an operator's machine: uses the proxy in `HTTPS_PROXY`, if any, and has a longer
    /// timeout for slow networks.
    pub fn with_proxy() -> Self {
        let client = builder().connect_timeout(Duration::from_secs(10));
        Self(client.build().expect("the options of `builder` are consistent"))
    }

    /// The client itself, for calling WeChat.
    pub fn client(&self) -> reqwest::Client {
        self.0.clone()
    }
}

/// The common settings of both clients.
fn builder() -> reqwest::ClientBuilder {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        // Lambda freezes the process between invocations, and a connection may end
        // meanwhile. Whether a request on it arrived would be unknown, so old connections
        // aren't used.
        .pool_idle_timeout(Duration::from_secs(15))
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpConnector for HttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                .map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.execute(request).await.map_err(|error| {
                let error = error.without_url();
                if error.is_timeout() {
                    ConnectorError::timeout(error.into())
                } else {
                    ConnectorError::io(error.into())
                }
            })?;
            let response: http::Response<reqwest::Body> = response.into();
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl SmithyHttpClient for HttpClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
