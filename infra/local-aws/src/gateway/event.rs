//! An HTTP request as a function sees it: payload format 2.0.

use std::{borrow::Cow, collections::BTreeMap, net::SocketAddr};

use axum::http::{HeaderMap, header, request::Parts};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};

use crate::{clock, route::Route};

/// What a function is told about where it runs.
pub(crate) struct ApiStage {
    pub(crate) account: String,
    pub(crate) api_id: String,
    pub(crate) port: u16,
}

/// The whole event.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the event, and there is one caller"
)]
pub(crate) fn build(
    stage: &ApiStage,
    route: &Route,
    parameters: &BTreeMap<String, String>,
    head: &Parts,
    path: &str,
    body: &[u8],
    from: SocketAddr,
    request_id: &str,
) -> Json {
    let now = clock::now();
    let query = head.uri.query().unwrap_or_default();
    let source = from.ip().to_string();
    let user_agent = head.headers.get(header::USER_AGENT).map(text).unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.to_string(),
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&head.headers, stage, &source),
        "requestContext": {
            "accountId": stage.account,
            "apiId": stage.api_id,
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", head.version),
                "sourceIp": source,
                "userAgent": user_agent,
            },
            "requestId": request_id,
            "routeKey": route.to_string(),
            "stage": "$default",
            "time": clock::common_log(now),
            "timeEpoch": clock::millis(now),
        },
        "isBase64Encoded": false,
    });
    // Fields without content are absent, not empty.
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let pairs = pairs(query);
    if !pairs.is_empty() {
        event["queryStringParameters"] = json!(pairs);
    }
    if !parameters.is_empty() {
        event["pathParameters"] = json!(parameters);
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(body) if is_text(&head.headers) => event["body"] = body.into(),
            _ => {
                event["body"] = BASE64_STANDARD.encode(body).into();
                event["isBase64Encoded"] = true.into();
            }
        }
    }
    event
}

/// The path, percent-decoded once, as API Gateway hands it on in `rawPath`
/// despite the name. What follows a decoded question mark is lost there, too
/// (captures of live events in hotsock/voker, pull request 8).
pub(crate) fn path(encoded: &str) -> String {
    let decoded = decode(encoded, false);
    decoded.split('?').next().unwrap_or_default().to_owned()
}

/// API Gateway's documentation says that binary bodies are base64-coded but
/// not which ones are. Observed on AWS (ministackorg/ministack, pull request
/// 766): `text/*` and JSON, XML and JavaScript of `application/` are text; all
/// else is binary, forms and a missing type included.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(text).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(
            kind.as_str(),
            "application/json" | "application/xml" | "application/javascript"
        )
}

/// Headers, joined by commas if they repeat. The host is `localhost` whatever
/// the client wrote: `lambda_http` parses it as part of a URL and panics on some
/// that API Gateway would never let through (`x.127.0.0.1`).
fn headers(headers: &HeaderMap, stage: &ApiStage, source: &str) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        if matches!(name.as_str(), "cookie" | "connection" | "transfer-encoding" | "host") {
            continue;
        }
        let value = text(value);
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let forwarded = match joined.get("x-forwarded-for") {
        Some(others) => format!("{others}, {source}"),
        None => source.to_owned(),
    };
    joined.insert("x-forwarded-for".to_owned(), forwarded);
    joined.insert("x-forwarded-port".to_owned(), stage.port.to_string());
    joined.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    joined.insert(
        "x-amzn-trace-id".to_owned(),
        format!(
            "Root=1-{:08x}-{}",
            clock::now().as_secs(),
            &uuid::Uuid::new_v4().simple().to_string()[..24]
        ),
    );
    joined.insert("host".to_owned(), "localhost".to_owned());
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(header::COOKIE).iter().map(|value| text(value).into_owned());
    let all: Vec<String> = all.collect();
    all.iter()
        .flat_map(|cookies| cookies.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Query parameters, decoded, joined by commas if they repeat.
fn pairs(query: &str) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value, true);
        joined
            .entry(decode(name, true))
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    joined
}

/// Undoes percent-encoding, and in forms the plus that stands for a space.
fn decode(encoded: &str, form: bool) -> String {
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let hex = bytes.get(index + 1..index + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(value)) => {
                decoded.push(value);
                index += 2;
            }
            (b'+', _) if form => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn text(value: &header::HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_once() {
        assert_eq!(decode("a%20b%2Bc%25", false), "a b+c%");
        assert_eq!(decode("a+b%zz%4", true), "a b%zz%4");
        assert_eq!(path("/caf%C3%A9/%3Fx"), "/café/");
    }

    #[test]
    fn repeated_parameters_are_joined() {
        let pairs = pairs("a=1&b=x%20y&a=2&c");
        assert_eq!(pairs["a"], "1,2");
        assert_eq!(pairs["b"], "x y");
        assert_eq!(pairs["c"], "");
    }

    #[test]
    fn bodies_of_unknown_kind_are_binary() {
        let kind = |kind: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(kind) = kind {
                headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
            }
            is_text(&headers)
        };
        assert!(kind(Some("text/xml")) && kind(Some("Application/JSON; charset=utf-8")));
        assert!(
            !kind(Some("application/x-www-form-urlencoded"))
                && !kind(Some("image/png"))
                && !kind(None)
        );
    }
}
