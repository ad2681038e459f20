//! Which secrets there are: those that a function reads or writes as one, that a person
//! logs in with or is given, and that WeChat has.

use super::Kind;
use local_aws::Observed;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is shorter would be found anywhere.
const SHORTEST: usize = 8;

/// Secrets, and of which kind each is.
pub(super) type Secrets = BTreeMap<String, Kind>;

fn add(to: &mut Secrets, kind: Kind, secret: &str) {
    if secret.len() >= SHORTEST {
        to.entry(secret.to_owned()).or_insert(kind);
    }
}

/// Adds what a function has come to know, or has made.
pub(super) fn by_what_passed(to: &mut Secrets, passed: &Observed<'_>) {
    match *passed {
        Observed::Call { function: Some(_), service: "ssm", request, answer, .. } => {
            for json in [request, answer] {
                parameters(to, &serde_json::from_slice(json).unwrap_or_default());
            }
        }
        Observed::Invocation { function, event, answer } if function.ends_with("-login") => {
            for json in [event, answer] {
                add_login_secrets(to, &serde_json::from_slice(json).unwrap_or_default());
            }
        }
        Observed::Invocation { function, event, .. } if function.ends_with("-callback") => {
            let event: Value = serde_json::from_slice(event).unwrap_or_default();
            let key = event["pathParameters"]["key"].as_str().unwrap_or_default();
            add(to, Kind::UrlKey, key);
        }
        _ => {}
    }
}

/// Adds the secret parameters that a request or an answer has in it, by their names.
fn parameters(to: &mut Secrets, json: &Value) {
    if json["Type"] == "SecureString"
        && let (Some(name), Some(value)) = (json["Name"].as_str(), json["Value"].as_str())
    {
        parameter(to, name, value);
    }
    match json {
        Value::Object(members) => members.values().for_each(|it| parameters(to, it)),
        Value::Array(all) => all.iter().for_each(|it| parameters(to, it)),
        _ => {}
    }
}

fn parameter(to: &mut Secrets, name: &str, value: &str) {
    let mut parts = name.rsplit('/');
    let (last, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let members: &[(&str, Kind)] = match (folder, last) {
        ("secrets", _) => return add(to, Kind::AppSecret, value),
        (_, "url-secret") => return add(to, Kind::UrlSecret, value),
        ("callback", _) => &[
            ("token", Kind::CallbackToken),
            ("previous_token", Kind::CallbackToken),
            ("encoding_aes_key", Kind::EncodingAesKey),
            ("previous_encoding_aes_key", Kind::EncodingAesKey),
        ],
        ("tokens", _) => &[("token", Kind::AccessToken)],
        ("keys", _) => &[("key", Kind::SigningKey)],
        ("refresh-keys", _) => &[("key", Kind::RefreshKey)],
        _ => panic!("{name} is secret, and its kind is not listed"),
    };
    let json: Value = serde_json::from_str(value).unwrap_or_default();
    for (member, kind) in members {
        add(to, *kind, json[member].as_str().unwrap_or_default());
    }
}

/// Adds the credentials of a login, and what it returns. A body is a text in its
/// event.
fn add_login_secrets(to: &mut Secrets, json: &Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("password", Value::String(text)) => add(to, Kind::Password, text),
                    ("code", Value::String(text)) => add(to, Kind::Code, text),
                    ("retry_key", Value::String(text)) => add(to, Kind::RetryKey, text),
                    ("refresh_token", Value::String(text)) => add(to, Kind::RefreshToken, text),
                    // The claims are public, the signature is secret.
                    ("access_token", Value::String(text)) => {
                        let signature = text.rsplit('.').next().unwrap_or_default();
                        add(to, Kind::Session, signature);
                    }
                    (_, other) => add_login_secrets(to, other),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|it| add_login_secrets(to, it)),
        Value::String(text) if text.starts_with('{') => {
            add_login_secrets(to, &serde_json::from_str(text).unwrap_or_default());
        }
        _ => {}
    }
}

/// Adds what WeChat has.
pub(super) fn by_wechat(to: &mut Secrets, world: &wechat_sandbox::World) {
    let world = serde_json::to_value(world).unwrap();
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let values = |of: &Value| of.as_object().cloned().unwrap_or_default().into_iter();
    let mut text = |kind, of: &Value| add(to, kind, of.as_str().unwrap_or_default());
    for app in list(&world["apps"]) {
        text(Kind::AppSecret, &app["secret"]);
        text(Kind::CallbackToken, &app["callback_token"]);
        text(Kind::EncodingAesKey, &app["encoding_aes_key"]);
        text(Kind::UrlKey, &app["url_key"]);
        for kind in ["stable", "legacy"] {
            list(&app["tokens"][kind]).iter().for_each(|it| text(Kind::AccessToken, &it["text"]));
        }
        for kind in ["codes", "phone_codes"] {
            list(&app[kind]).iter().for_each(|it| text(Kind::Code, &it["text"]));
        }
    }
    for person in list(&world["people"]) {
        text(Kind::PhoneNumber, &person["phone"]["number"]);
        values(&person["union_ids"]).for_each(|(_, it)| text(Kind::UnionId, &it));
        for (_, relation) in values(&person["relations"]) {
            text(Kind::OpenId, &relation["open_id"]);
            text(Kind::SessionKey, &relation["session_key"]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_issued_secret_is_classified() {
        let mut secrets = Secrets::new();
        let stored = |folder: &str, value: String| json!({ "Name": format!("/a/b/{folder}"), "Type": "SecureString", "Value": value });
        let callback = json!({
            "mode": "safe", "token": "token-now", "previous_token": "token-before",
            "encoding_aes_key": "key-of-now", "previous_encoding_aes_key": "key-of-before",
        });
        let read = json!({ "Parameters": [
            stored("secrets/shop", "an AppSecret".to_owned()),
            stored("callback/shop", callback.to_string()),
            { "Name": "/a/b/apps/shop", "Type": "String", "Value": "anything at all" },
        ]});
        let written = stored("tokens/wx1", json!({ "token": "access token" }).to_string());
        let key = stored("session/keys/1", json!({ "key": "signing key" }).to_string());
        let refresh = json!({ "key": "refresh key" }).to_string();
        let refresh = json!({ "Parameter": stored("session/refresh-keys/1", refresh) });
        for (request, answer) in [(json!({}), read), (written, json!({})), (key, refresh)] {
            let (request, answer) = (request.to_string(), answer.to_string());
            let passed = Observed::Call {
                function: Some("hongyan-local-send"),
                service: "ssm",
                operation: "any",
                request: request.as_bytes(),
                status: 200,
                answer: answer.as_bytes(),
            };
            by_what_passed(&mut secrets, &passed);
        }
        let url_secret = stored("url-secret", "makes URL keys".to_owned()).to_string();
        let call = Observed::Call {
            function: Some("hongyan-local-callback"),
            service: "ssm",
            operation: "GetParameter",
            request: b"{}",
            status: 200,
            answer: url_secret.as_bytes(),
        };
        by_what_passed(&mut secrets, &call);
        let event = json!({ "pathParameters": { "app": "shop", "key": "1-0123456789" } });
        let (function, event) = ("hongyan-local-callback", event.to_string());
        let invocation = Observed::Invocation { function, event: event.as_bytes(), answer: b"{}" };
        by_what_passed(&mut secrets, &invocation);
        let login = json!({ "code": "code-of-hers", "password": "her password",
            "retry_key": "her retry key" });
        let event = json!({ "body": login.to_string() }).to_string();
        let session =
            json!({ "access_token": "head.claims.signature", "refresh_token": "refresh-1" });
        let answer = json!({ "statusCode": 200, "body": session.to_string() }).to_string();
        for function in ["hongyan-local-login", "hongyan-local-send"] {
            let (event, answer) = (event.as_bytes(), answer.as_bytes());
            by_what_passed(&mut secrets, &Observed::Invocation { function, event, answer });
        }
        let of = |kind| {
            let known = secrets.iter().filter(|(_, it)| **it == kind);
            known.map(|(secret, _)| secret.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of(Kind::AppSecret), ["an AppSecret"]);
        assert_eq!(of(Kind::CallbackToken), ["token-before", "token-now"]);
        assert_eq!(of(Kind::EncodingAesKey), ["key-of-before", "key-of-now"]);
        assert_eq!(of(Kind::AccessToken), ["access token"]);
        assert_eq!(of(Kind::SigningKey), ["signing key"]);
        assert_eq!(of(Kind::RefreshKey), ["refresh key"]);
        assert_eq!(of(Kind::UrlSecret), ["makes URL keys"]);
        assert_eq!(of(Kind::UrlKey), ["1-0123456789"]);
        assert_eq!(of(Kind::Password), ["her password"]);
        assert_eq!(of(Kind::Code), ["code-of-hers"]);
        assert_eq!(of(Kind::RetryKey), ["her retry key"]);
        assert_eq!(of(Kind::Session), ["signature"]);
        assert_eq!(of(Kind::RefreshToken), ["refresh-1"]);
        assert_eq!(secrets.len(), 15);
    }

    #[test]
    fn every_sandbox_secret_is_classified() {
        let mut secrets = Secrets::new();
        by_wechat(&mut secrets, &wechat_sandbox::example());
        for kind in [
            Kind::AppSecret,
            Kind::CallbackToken,
            Kind::EncodingAesKey,
            Kind::OpenId,
            Kind::UnionId,
            Kind::PhoneNumber,
        ] {
            assert!(secrets.values().any(|it| *it == kind), "{kind:?}");
        }
    }
}
