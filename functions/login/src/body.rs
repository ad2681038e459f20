//! The bodies of requests.

use serde::de::DeserializeOwned;

/// A login is some hundred bytes, twenty form ids are less than three thousand.
pub(crate) const LARGEST: usize = 8 * 1024;

/// What is said of anything else.
const NOT_JSON: &str = "the body is not JSON";

/// Reads a request; what is wrong with it is told with the field's name.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner();
        match problem.classify() {
            // Without serde's "at line …", which nobody counts in a request.
            serde_json::error::Category::Data => {
                let text = problem.to_string();
                let text = text.split(" at line ").next().unwrap_or_default().to_owned();
                if path == "." { text } else { format!("{path}: {text}") }
            }
            _ => NOT_JSON.to_owned(),
        }
    })?;
    json.end().map_err(|_| NOT_JSON.to_owned())?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form_ids::HandOver;
    use crate::login::LoginRequest;
    use serde_json::{Value, json};

    fn problem(body: &str) -> String {
        read::<LoginRequest>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_bad_request_names_its_field() {
        assert_eq!(problem("{}"), "missing field `code`");
        assert_eq!(
            problem(r#"{"code":"c","x":1}"#),
            "x: unknown field `x`, expected one of `code`, `username`, `password`"
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

    #[test]
    fn form_ids_that_do_not_fit_are_named_and_not_quoted() {
        let problem = |body: Value| read::<HandOver>(body.to_string().as_bytes()).unwrap_err();
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
        assert!(read::<HandOver>(twenty.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn a_password_is_not_quoted() {
        assert_eq!(
            problem(r#"{"code":"c","password":"hunter2"}"#),
            "password: a password has 8 to 128 characters"
        );
        assert!(!problem(r#"{"code":"c","password":12345678901}"#).contains("12345678901"));
    }
}
