//! What the function is asked: which notification, to whom.

use crate::content::{Content, Field};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::parameters::{ChannelKind, Template};
use shared::timestamp;
use shared::wechat::id::{OpenId, UnionId};
use std::collections::BTreeMap;

/// The most recipients of one request.
pub(crate) const MOST_RECIPIENTS: usize = 1000;
/// All fields together have no more bytes: WeChat shows some hundred characters,
/// and what waits is stored.
const LARGEST_DATA: usize = 32 * 1024;
/// Nothing is scheduled further ahead, in seconds: a year.
const FURTHEST: u64 = 366 * 24 * 3600;

/// One request: a notification to one person, or to each of several.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Your name for it. The same id is sent once; asked again, it is answered with
    /// what became of it.
    pub(crate) id: RequestId,
    /// Who shall get it.
    pub(crate) to: Recipients,
    /// The code of the template, under `/templates`.
    pub(crate) template: TemplateCode,
    /// The template's fields: all of them and no others, 32 KB in all.
    #[serde(default)]
    pub(crate) data: BTreeMap<String, Field>,
    /// Only these channels, in this order, instead of the template's.
    #[serde(default)]
    pub(crate) channels: Option<Vec<ChannelKind>>,
    /// It is not sent before then: at most a year ahead.
    #[serde(default, deserialize_with = "timestamp::deserialize_optional")]
    #[cfg_attr(test, schemars(with = "crate::schema::Moment"))]
    pub(crate) send_at: Option<Timestamp>,
    /// It is not sent after then.
    #[serde(default, deserialize_with = "timestamp::deserialize_optional")]
    #[cfg_attr(test, schemars(with = "crate::schema::Moment"))]
    pub(crate) expires_at: Option<Timestamp>,
    /// Only say what would be sent: nothing is stored, used up or sent.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// 1 to 128 letters, digits, or any of `. _ : / -`.
#[derive(Clone, Debug)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = "^[A-Za-z0-9._:/-]{1,128}$"))
)]
pub(crate) struct RequestId(String);

/// 1 to 64 letters, digits, or any of `_ -`: the last part of a parameter's
/// name.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))
)]
#[serde(transparent)]
pub(crate) struct TemplateCode(String);

/// One recipient, or several.
#[derive(Debug)]
pub(crate) struct Recipients(pub(crate) Vec<Recipient>);

/// Who shall get it, in one of three ways.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Recipient {
    /// The owner of an account.
    Account {
        /// The account's name.
        #[cfg_attr(test, schemars(extend("pattern" = "^[^#]{1,64}$")))]
        account: String,
    },
    /// A person.
    Union { union_id: UnionId },
    /// A user of one app.
    User {
        /// The app's alias, as under `/apps`.
        #[cfg_attr(test, schemars(extend("pattern" = "^[^#]{1,64}$")))]
        app: String,
        open_id: OpenId,
    },
}

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TemplateCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let allowed =
            |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'/' | b'-');
        if !(1..=128).contains(&id.len()) || !id.bytes().all(allowed) {
            return Err(serde::de::Error::custom(
                "an id has 1 to 128 letters, digits, or any of . _ : / -",
            ));
        }
        Ok(Self(id))
    }
}

impl<'de> Deserialize<'de> for TemplateCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        if !(1..=64).contains(&code.len()) || !code.bytes().all(allowed) {
            return Err(serde::de::Error::custom(
                "a template's code has 1 to 64 letters, digits, or any of _ -",
            ));
        }
        Ok(Self(code))
    }
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str =
            r#"expected {"account"}, {"union_id"} or {"app", "open_id"}, or a list of these"#;
        let value = Value::deserialize(deserializer)?;
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        if values.is_empty() {
            return Err(serde::de::Error::custom("a notification needs at least one recipient"));
        }
        if values.len() > MOST_RECIPIENTS {
            let message = format!(
                "{} recipients are more than {MOST_RECIPIENTS}; split the request",
                values.len()
            );
            return Err(serde::de::Error::custom(message));
        }
        // Which one is wrong is told by its place: its content is personal.
        let recipients = values.into_iter().enumerate().map(|(place, value)| {
            let recipient =
                serde_json::from_value::<Recipient>(value).ok().filter(Recipient::is_sound);
            recipient
                .ok_or_else(|| serde::de::Error::custom(format!("recipient {place}: {EXPECTED}")))
        });
        recipients.collect::<Result<_, _>>().map(Self)
    }
}

impl Recipient {
    /// Whether its names can be names.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Account { account: name } | Self::User { app: name, .. } => {
                (1..=64).contains(&name.chars().count()) && !name.contains('#')
            }
            Self::Union { .. } => true,
        }
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient(…)")
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the field's name.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let problem = error.into_inner().to_string();
            // serde quotes a value of the wrong type; it may be personal.
            let problem = if problem.starts_with("invalid type") {
                "has the wrong type".to_owned()
            } else {
                problem
            };
            if path == "." { problem } else { format!("{path}: {problem}") }
        })
    }

    /// Checks the order of the moments and the amount of data. That `expires_at`
    /// is past is nothing wrong with a request that was made before.
    ///
    /// # Errors
    ///
    /// The name of the field, and what is wrong with it.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), String> {
        if self.data.values().map(Field::size).sum::<usize>() > LARGEST_DATA {
            return Err(format!("data: more than {LARGEST_DATA} bytes in all"));
        }
        if self.send_at.is_some_and(|at| at.seconds_since(now) > FURTHEST) {
            return Err("send_at: more than a year ahead".to_owned());
        }
        match (self.send_at, self.expires_at) {
            (Some(at), Some(end)) if end <= at => {
                Err("expires_at: it is not after send_at".to_owned())
            }
            // One that is past is no fault: a request that lay on the queue for long
            // has expired, and one that is repeated may have been sent in time.
            _ => Ok(()),
        }
    }

    /// Checks that the template has the fields, and no more are needed.
    ///
    /// # Errors
    ///
    /// The name of a field that is missing, or one too many.
    pub(crate) fn fit(&self, template: &Template) -> Result<(), String> {
        crate::content::fit(&self.template, &self.data, template)
    }

    /// What each recipient is to get, in the order of the request.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (String, Content)> {
        self.to.0.iter().enumerate().map(|(place, to)| {
            let content = Content {
                to: to.clone(),
                template: self.template.clone(),
                data: self.data.clone(),
                channels: self.channels.clone(),
                send_at: self.send_at,
                expires_at: self.expires_at,
            };
            (self.notification_id(place), content)
        })
    }

    /// The id of the notification to the recipient at `place`. A request to one
    /// person has one notification of the same name.
    fn notification_id(&self, place: usize) -> String {
        if self.to.0.len() == 1 { self.id.0.clone() } else { format!("{}#{place}", self.id.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "id": "order-17-shipped", "to": {"account": "ann"}, "template": "order_shipped",
            "data": {"product": "Blue kettle", "time": "2026-11-20 15:04"}
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut request = good();
        request[field] = value;
        request
    }

    fn problem(request: &Value) -> String {
        Request::read(request).unwrap_err()
    }

    #[test]
    fn one_or_several_recipients_in_three_ways() {
        let one = Request::read(&good()).unwrap();
        assert_eq!(one.contents().next().unwrap().0, "order-17-shipped");
        let several =
            json!([{"account": "ann"}, {"union_id": "uBob"}, {"app": "shop", "open_id": "oCarol"}]);
        let several = Request::read(&with("to", several)).unwrap();
        assert_eq!(several.to.0.len(), 3);
        assert_eq!(several.contents().nth(2).unwrap().0, "order-17-shipped#2");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut without_id = good();
        without_id.as_object_mut().unwrap().remove("id");
        assert_eq!(problem(&without_id), "missing field `id`");
        assert_eq!(
            problem(&with("id", json!("a#b"))),
            "id: an id has 1 to 128 letters, digits, or any of . _ : / -"
        );
        assert_eq!(problem(&with("id", json!(17))), "id: has the wrong type");
        assert!(
            problem(&with("colour", json!("red"))).starts_with("colour: unknown field `colour`")
        );
        assert_eq!(
            problem(&with("to", json!([]))),
            "to: a notification needs at least one recipient"
        );
        assert!(
            problem(&with("to", json!({"name": "ann"}))).starts_with("to: recipient 0: expected")
        );
        assert!(
            problem(&with("to", json!({"account": "a", "union_id": "u"})))
                .starts_with("to: recipient 0")
        );
        assert!(
            problem(&with("to", json!(vec![json!({"account": "a"}); 1001])))
                .contains("1001 recipients")
        );
        assert!(
            problem(&with("channels", json!(["pigeon"])))
                .starts_with("channels[0]: unknown variant `pigeon`")
        );
        assert_eq!(
            problem(&with("data", json!({"time": ["x"]}))),
            "data.time: must be a text or a number"
        );
    }

    #[test]
    fn fields_are_neither_missing_nor_too_many() {
        let template: Template = serde_json::from_value(json!({
            "fields": ["product", "time"],
            "channels": [{"channel": "customer_service", "app": "shop", "text": "{product} {time}"}]
        }))
        .unwrap();
        let fit = |data: Value| Request::read(&with("data", data)).unwrap().fit(&template);
        assert_eq!(fit(json!({"product": "kettle", "time": 17})), Ok(()));
        let missing = fit(json!({"product": "kettle"})).unwrap_err();
        assert!(missing.starts_with("data.time: missing"), "{missing}");
        let extra = fit(json!({"product": "kettle", "time": "t", "x": "y"})).unwrap_err();
        assert!(
            extra.starts_with("data.x: the template order_shipped has no such field"),
            "{extra}"
        );
    }

    #[test]
    fn moments_lie_ahead_and_in_order() {
        let now = Timestamp(1_795_158_240);
        let check = |send_at: Value, expires_at: Value| {
            let mut request = good();
            for (name, moment) in [("send_at", send_at), ("expires_at", expires_at)] {
                if !moment.is_null() {
                    request[name] = moment;
                }
            }
            Request::read(&request).unwrap().check(now)
        };
        let day = 24 * 3600;
        assert_eq!(check(json!("2026-11-20T15:04:00+08:00"), json!(now.0 + 1)), Ok(()));
        assert_eq!(check(json!(now.0 + 366 * day), Value::Null), Ok(()));
        assert!(check(json!(now.0 + 367 * day), Value::Null).unwrap_err().starts_with("send_at: "));
        assert_eq!(check(Value::Null, json!(now.0)), Ok(()));
        let order = check(json!(now.0 + 60), json!(now.0 + 60)).unwrap_err();
        assert!(order.starts_with("expires_at: it is not after"), "{order}");
        let odd = problem(&with("send_at", json!("tomorrow")));
        assert!(odd.starts_with("send_at: expected a time"), "{odd}");
    }

    #[test]
    fn data_has_an_end() {
        let long = with("data", json!({"product": "x".repeat(LARGEST_DATA), "time": "t"}));
        let problem = Request::read(&long).unwrap().check(Timestamp(0)).unwrap_err();
        assert!(problem.starts_with("data: more than"), "{problem}");
    }
}
