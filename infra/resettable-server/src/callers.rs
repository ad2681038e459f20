//! Keeps web pages out.
//!
//! A page in a developer's browser may send requests to this machine. A browser names the
//! page's origin in each request that can change something, or whose answer the page could
//! read; but not if the page's own name was made to point here (DNS rebinding): then the
//! request's `Host` is that name.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Whether a page of the origin in these headers may call.
type AllowedOrigins = Arc<dyn Fn(&HeaderMap) -> bool + Send + Sync>;

/// The callers that a server admits: who addresses it as `localhost` or by an IP address, and
/// isn't a page of another origin.
#[derive(Clone, Default)]
pub struct Callers {
    names: Arc<[String]>,
    origins: Option<AllowedOrigins>,
}

impl Callers {
    /// Also who addresses the server by one of these names, as programs in a container or
    /// behind a tunnel do.
    pub fn by_names(names: &[String]) -> Self {
        Self { names: names.into(), origins: None }
    }

    /// Also pages of the origins of which `allowed` says so.
    #[must_use]
    pub fn with_origins(
        mut self,
        allowed: impl Fn(&HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.origins = Some(Arc::new(allowed));
        self
    }

    /// Fails with the reason if a caller with these headers isn't admitted.
    fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let host = text(headers, header::HOST);
        if !self.is_here(host) {
            return Err(
                "address this server as localhost or by its IP address; --host-name admits another name",
            );
        }
        // A header that isn't text is no origin of this machine.
        let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, it)| it == host);
        let admitted = !headers.contains_key(header::ORIGIN)
            || is_own(text(headers, header::ORIGIN))
            || self.origins.as_ref().is_some_and(|allowed| allowed(headers));
        if admitted { Ok(()) } else { Err("pages of other origins may not call this server") }
    }

    /// Whether a `Host` header names this machine.
    fn is_here(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()) => {
                name
            }
            _ => host,
        };
        let address = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
        name == "localhost"
            || name.ends_with(".localhost")
            || address.parse::<IpAddr>().is_ok()
            || self.names.iter().any(|known| known == name)
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").field("names", &self.names).finish_non_exhaustive()
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Refuses other callers, in words that AWS's clients and people understand.
pub(crate) async fn admit(
    State(callers): State<Callers>,
    request: Request,
    next: Next,
) -> Response {
    match callers.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => {
            let body = json!({ "__type": "AccessDeniedException", "message": why, "error": why });
            let json = [(header::CONTENT_TYPE, "application/json")];
            (StatusCode::FORBIDDEN, json, body.to_string()).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    /// Fault 101.
    #[test]
    fn only_names_of_this_machine_and_addresses_are_here() {
        let callers = Callers::by_names(&["host.docker.internal".to_owned()]);
        for host in [
            "localhost",
            "localhost:4566",
            "127.0.0.1:1",
            "[::1]:80",
            "sqs.localhost:4566",
            "10.0.0.7",
            "host.docker.internal:4566",
        ] {
            assert!(callers.is_here(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:4566",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.host.docker.internal",
            "evil.example:80:localhost",
        ] {
            assert!(!callers.is_here(host), "{host}");
        }
        assert!(!Callers::default().is_here("host.docker.internal"));
    }

    /// Fault 101.
    #[test]
    fn pages_of_other_origins_are_refused() {
        let checked = |callers: &Callers, origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8090"));
            headers.insert(header::ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
            callers.check(&headers).is_ok()
        };
        let shop = |headers: &HeaderMap| headers[header::ORIGIN] == "https://shop.example.com";
        let admitted = Callers::default().with_origins(shop);
        assert!(checked(&Callers::default(), "http://127.0.0.1:8090"));
        assert!(checked(&admitted, "https://shop.example.com"));
        for origin in [
            "https://evil.example",
            "http://127.0.0.1:8091",
            "http://localhost:8090",
            "http://127.0.0.1:8090.evil.example",
            "127.0.0.1:8090",
            "null",
            "",
            "é",
        ] {
            assert!(!checked(&admitted, origin), "{origin}");
        }
    }
}
