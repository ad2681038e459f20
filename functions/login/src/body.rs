//! Parses request bodies.

use crate::error::LoginError;
use serde::de::DeserializeOwned;
use shared::json::{Json, JsonError};

/// A login has some hundred bytes, twenty form ids have less than three thousand.
const MAX_BODY_BYTES: usize = 8 * 1024;

const NOT_JSON: &str = "the body is not JSON";

/// Parses a body. The error names the field that is wrong, and quotes no secret.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, LoginError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(LoginError::BodyTooLarge(MAX_BODY_BYTES));
    }
    Json::parse_bytes(body).and_then(|json| json.read()).map_err(|error| match error {
        JsonError::Malformed => LoginError::InvalidRequest(NOT_JSON.to_owned()),
        invalid @ JsonError::Invalid { .. } => LoginError::InvalidRequest(invalid.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form_ids::FormIdsRequest;
    use crate::login::LoginRequest;
    use serde_json::{Value, json};

    fn problem(body: &str) -> String {
        parse::<LoginRequest>(body.as_bytes()).unwrap_err().public_message()
    }

    #[test]
    fn invalid_request_names_its_field() {
        assert_eq!(problem("{}"), "missing field `code`");
        assert_eq!(
            problem(r#"{"code":"c","x":1}"#),
            "x: unknown field `x`, expected one of `code`, `username`, `password`, `retry_key`"
        );
        assert_eq!(
            problem(r#"{"code":""}"#),
            "code: a code from wx.login has 1 to 256 printable characters"
        );
        assert_eq!(
            problem(r#"{"code":"c","username":"a b"}"#),
            "username: a username has 1 to 64 letters, digits, or any of - _ . @ +"
        );
        assert_eq!(problem("hello"), "the body is not JSON");
        assert_eq!(problem(r#"{"code":"c"} and more"#), "the body is not JSON");
    }

    /// Fault 90.
    #[test]
    fn body_that_is_no_object_or_has_a_name_twice_is_refused() {
        assert_eq!(problem(r#"["code",null,null]"#), "must be an object");
        assert_eq!(problem(r#"{"code":"a","code":"b"}"#), r#"the name "code" stands twice"#);
        assert_eq!(problem(r#"{"code":["a"]}"#), "code: must be a text");
        assert_eq!(problem(r#"{"code":1e400}"#), "code: must be a text");
        assert_eq!(problem(&"[".repeat(5_000)), "the body is not JSON");
        assert!(parse::<LoginRequest>(b"\xff{}").is_err());
        let half = parse::<LoginRequest>(br#"{"code":"c\ud83d"}"#).unwrap_err().public_message();
        assert!(half.starts_with("code: a code from wx.login"), "{half}");
    }

    #[test]
    fn invalid_form_ids_are_named_and_not_quoted() {
        let problem = |body: Value| {
            let parsed = parse::<FormIdsRequest>(body.to_string().as_bytes());
            parsed.unwrap_err().public_message()
        };
        let with = |form_ids: Value| problem(json!({ "app": "shop-mini", "form_ids": form_ids }));
        assert_eq!(problem(json!({ "app": "shop-mini" })), "missing field `form_ids`");
        assert_eq!(problem(json!({ "form_ids": ["a"] })), "missing field `app`");
        assert_eq!(
            problem(json!({ "app": "shop-mini", "form_ids": ["a"], "open_id": "oBob" })),
            "open_id: unknown field `open_id`, expected `app` or `form_ids`"
        );
        let number = "form_ids: 1 to 20 form ids go into one request";
        assert_eq!(with(json!([])), number);
        assert_eq!(with(json!(vec!["a"; 21])), number);
        assert_eq!(
            with(json!(["good", "not good"])),
            "form_ids[1]: a form id has 1 to 128 printable ASCII characters without spaces and #"
        );
        assert!(with(json!(["the formId is a mock one"])).contains("submit the form on a phone"));
        let twenty = json!({ "app": "shop-mini", "form_ids": vec!["a"; 20] });
        assert!(parse::<FormIdsRequest>(twenty.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn invalid_password_is_not_quoted() {
        assert_eq!(
            problem(r#"{"code":"c","password":"hunter2"}"#),
            "password: a password has 8 to 128 characters"
        );
        assert!(!problem(r#"{"code":"c","password":12345678901}"#).contains("12345678901"));
    }
}
