//! Cross-origin requests (CORS).
//!
//! As API Gateway does it for an API with a `CorsConfiguration` ("Configure CORS
//! for HTTP APIs in API Gateway" in its developer guide): preflights are answered
//! by the gateway, whatever routes and authorizers there are, and headers
//! that a function sets for it are replaced by the gateway's own.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

/// What an API's `CorsConfiguration` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// `https://shop.example.com`, `https://*`, or `*`.
    pub origins: Vec<String>,
    /// Methods, or `*`.
    pub methods: Vec<String>,
    /// Headers that a request may have, or `*`.
    pub headers: Vec<String>,
    /// Headers of an answer that a page may read.
    pub exposed: Vec<String>,
    /// How long a browser may cache a preflight's response, in seconds.
    pub max_age: Option<i64>,
    /// Whether requests may carry cookies.
    pub credentials: bool,
}

/// The headers that are the gateway's, where CORS is configured.
const OURS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
];

impl Cors {
    /// The answer to a preflight; none if the request is none.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if method != Method::OPTIONS || !asks || !headers.contains_key(header::ORIGIN) {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        if let Some(origin) = self.allowed(headers) {
            let answer = response.headers_mut();
            self.add_headers(answer, &origin);
            list(answer, header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
            list(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
            if let Some(seconds) = self.max_age {
                answer.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
            }
        }
        Some(response)
    }

    /// Puts the gateway's headers onto an answer, in the place of the function's.
    pub(super) fn answer(&self, request: &HeaderMap, response: &mut Response) {
        let headers = response.headers_mut();
        for name in OURS {
            headers.remove(name);
        }
        if let Some(origin) = self.allowed(request) {
            self.add_headers(headers, &origin);
            list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        }
    }

    /// What a request's origin is told: itself, or `*`; none if it isn't allowed.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let scheme = |allowed: &str| {
            allowed.strip_suffix('*').is_some_and(|scheme| {
                scheme.ends_with("://") && text.starts_with(scheme) && text.len() > scheme.len()
            })
        };
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let known = self.origins.iter().any(|allowed| allowed == text || scheme(allowed));
        known.then(|| origin.clone())
    }

    fn add_headers(&self, headers: &mut HeaderMap, origin: &HeaderValue) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        if origin != "*" {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if !values.is_empty()
        && let Ok(value) = HeaderValue::try_from(values.join(","))
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Cors {
            origins: owned(origins),
            methods: owned(&["GET", "POST"]),
            headers: owned(&["authorization", "content-type"]),
            max_age: Some(600),
            ..Cors::default()
        }
    }

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (name.clone(), *value));
        pairs.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    fn allowed_origin(cors: &Cors, origin: &'static str) -> Option<String> {
        let preflight = [(header::ORIGIN, origin), (header::ACCESS_CONTROL_REQUEST_METHOD, "POST")];
        let response = cors.preflight(&Method::OPTIONS, &headers(&preflight)).unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let allowed = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN)?;
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,POST");
        assert_eq!(response.headers()[header::ACCESS_CONTROL_MAX_AGE], "600");
        Some(allowed.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_preflight_tells_who_may_ask() {
        let shop = "https://shop.example.com";
        assert_eq!(allowed_origin(&cors(&[shop]), shop).as_deref(), Some(shop));
        assert_eq!(allowed_origin(&cors(&["*"]), shop).as_deref(), Some("*"));
        assert_eq!(allowed_origin(&cors(&["https://*"]), shop).as_deref(), Some(shop));
        for other in [
            "http://shop.example.com",
            "https://shop.example.com.evil.example",
            "https://evil.example/https://shop.example.com",
            "https://SHOP.example.com",
            "null",
            "https://",
        ] {
            assert_eq!(allowed_origin(&cors(&[shop]), other), None, "{other}");
        }
        assert_eq!(allowed_origin(&cors(&["https://*"]), "http://shop.example.com"), None);
    }

    #[test]
    fn only_a_preflight_is_answered_for_a_function() {
        let asks = [
            (header::ORIGIN, "https://a.example"),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "POST"),
        ];
        let cors = cors(&["*"]);
        assert!(cors.preflight(&Method::POST, &headers(&asks)).is_none());
        assert!(cors.preflight(&Method::OPTIONS, &headers(&asks[..1])).is_none());
        assert!(cors.preflight(&Method::OPTIONS, &headers(&asks[1..])).is_none());
    }

    #[test]
    fn cors_headers_of_a_function_are_replaced() {
        let said = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "https://evil.example"),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
            (header::CONTENT_TYPE, "application/json"),
        ];
        let answer = |origin: &'static str| {
            let mut response = StatusCode::OK.into_response();
            *response.headers_mut() = headers(&said);
            let request = headers(&[(header::ORIGIN, origin)]);
            cors(&["https://shop.example.com"]).answer(&request, &mut response);
            response.headers().clone()
        };
        let known = answer("https://shop.example.com");
        assert_eq!(known[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example.com");
        assert!(!known.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let other = answer("https://evil.example");
        assert!(!other.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(other[header::CONTENT_TYPE], "application/json");
    }
}
