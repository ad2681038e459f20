//! A function's answer as an HTTP response: payload format 2.0.

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value as Json;

/// Reads an answer. An object with a `statusCode` is taken apart; any other
/// JSON is itself the body of a 200. The error says what is wrong, without
/// quoting the answer.
pub(crate) fn read(payload: &Bytes) -> Result<Response, &'static str> {
    let answer: Json = serde_json::from_slice(payload).map_err(|_| "it isn't JSON")?;
    let Some(status) = answer.get("statusCode") else {
        let body = match answer {
            Json::String(text) => text,
            other => other.to_string(),
        };
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    };
    let status = match status {
        Json::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    let status = status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or("its statusCode is none")?;

    let body = match answer.get("body") {
        None | Some(Json::Null) => Bytes::new(),
        Some(Json::String(text)) if answer["isBase64Encoded"] == true => {
            BASE64_STANDARD.decode(text).map_err(|_| "its body isn't base64")?.into()
        }
        Some(Json::String(text)) => text.clone().into(),
        Some(_) => return Err("its body isn't a text"),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    for (name, value) in answer.get("headers").and_then(Json::as_object).into_iter().flatten() {
        let name =
            HeaderName::try_from(name).map_err(|_| "it has a header with an impossible name")?;
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => {
                return Err("it has a header that isn't a text");
            }
        };
        // These belong to the connection, which is ours.
        if !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding") {
            headers.insert(
                name,
                HeaderValue::try_from(value)
                    .map_err(|_| "it has a header with an impossible value")?,
            );
        }
    }
    for cookie in answer.get("cookies").and_then(Json::as_array).into_iter().flatten() {
        let cookie = cookie.as_str().and_then(|cookie| HeaderValue::try_from(cookie).ok());
        headers.append(header::SET_COOKIE, cookie.ok_or("it has an impossible cookie")?);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(answer: &str) -> (u16, String, String) {
        let response = read(&Bytes::from(answer.to_owned())).unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = futures_body(response);
        (status, kind, body)
    }

    fn futures_body(response: Response) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(axum::body::to_bytes(response.into_body(), 1000)).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn any_json_without_a_status_is_the_body() {
        let json = "application/json".to_owned();
        assert_eq!(parts(r#"{"a": 1}"#), (200, json.clone(), r#"{"a":1}"#.to_owned()));
        assert_eq!(parts(r#""hello""#), (200, json, "hello".to_owned()));
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = r#"{"statusCode": 201, "headers": {"Content-Type": "text/html", "X-N": 1}, "cookies": ["a=1", "b=2"],
            "body": "aGk=", "isBase64Encoded": true}"#;
        let response = read(&Bytes::from(answer)).unwrap();
        assert_eq!(response.headers()["x-n"], "1");
        assert_eq!(response.headers().get_all(header::SET_COOKIE).iter().count(), 2);
        assert_eq!(parts(answer), (201, "text/html".to_owned(), "hi".to_owned()));
        assert_eq!(parts(r#"{"statusCode": "204"}"#).1, "text/plain; charset=utf-8");
    }

    #[test]
    fn nonsense_is_refused() {
        for answer in [
            "not JSON",
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": "ok"}"#,
            r#"{"statusCode": 200, "body": {}}"#,
            r#"{"statusCode": 200, "body": "*", "isBase64Encoded": true}"#,
            r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            r#"{"statusCode": 200, "headers": {"a": ["b"]}}"#,
            r#"{"statusCode": 200, "headers": {"a": "b\nc"}}"#,
        ] {
            assert!(read(&Bytes::from(answer)).is_err(), "{answer}");
        }
    }
}
