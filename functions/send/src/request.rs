//! A request to send a notification to one recipient or several.

use crate::notification::{Field, MAX_DATA_BYTES, NotificationSpec, TemplateCode, template_fields};
use crate::recipient::Recipient;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::json::Json;
use shared::parameters::{ChannelKind, MAX_FIELD_NAME_LENGTH, MAX_FIELDS, Template};
use shared::timestamp;
use std::collections::BTreeMap;

pub(crate) const MAX_RECIPIENTS: usize = 1000;
/// A year.
const MAX_SCHEDULE_AHEAD_SECS: u64 = 366 * 24 * 3600;

/// One request: a notification to one person, or to each of several.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Your idempotency key. An id is sent once; a repeated request returns the
    /// present outcome.
    pub(crate) id: RequestId,
    pub(crate) to: Recipients,
    /// The code of the template, under `/templates`.
    pub(crate) template: TemplateCode,
    /// The template's fields: all of them and no others, 32 KB in all.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend(
        "maxProperties" = MAX_FIELDS,
        "propertyNames" = { "maxLength": MAX_FIELD_NAME_LENGTH },
    )))]
    pub(crate) data: BTreeMap<String, Field>,
    /// Only these channels, each once, in this order, instead of the template's.
    #[serde(default, deserialize_with = "distinct_channels")]
    #[cfg_attr(test, schemars(extend("maxItems" = 5, "uniqueItems" = true)))]
    pub(crate) channels: Option<Vec<ChannelKind>>,
    /// The earliest time of sending, at most a year ahead.
    #[serde(default, deserialize_with = "timestamp::deserialize_optional")]
    #[cfg_attr(test, schemars(with = "crate::schema::date_time::DateTime"))]
    pub(crate) send_at: Option<Timestamp>,
    /// The latest time of sending.
    #[serde(default, deserialize_with = "timestamp::deserialize_optional")]
    #[cfg_attr(test, schemars(with = "crate::schema::date_time::DateTime"))]
    pub(crate) expires_at: Option<Timestamp>,
    /// Only return what would be sent: nothing is stored, used up or sent.
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

/// A request's id; with several recipients, `#` and the recipient's index follow.
#[derive(Clone, Debug)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("pattern" = "^[A-Za-z0-9._:/-]{1,128}(#[0-9]{1,3})?$"))
)]
pub(crate) struct NotificationId(String);

/// One recipient, or several.
#[derive(Debug)]
pub(crate) struct Recipients(pub(crate) Vec<Recipient>);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

const INVALID_ID: &str = "an id has 1 to 128 letters, digits, or any of . _ : / -";

fn is_request_id(id: &str) -> bool {
    let allowed =
        |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'/' | b'-');
    (1..=128).contains(&id.len()) && id.bytes().all(allowed)
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        if is_request_id(&id) { Ok(Self(id)) } else { Err(D::Error::custom(INVALID_ID)) }
    }
}

impl NotificationId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for NotificationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let (request, index) = id.split_once('#').unwrap_or((&id, "0"));
        let is_index = (1..=3).contains(&index.len()) && index.bytes().all(|c| c.is_ascii_digit());
        if is_request_id(request) && is_index {
            Ok(Self(id))
        } else {
            Err(D::Error::custom(format!(
                "{INVALID_ID}; with several recipients, # and the recipient's index follow"
            )))
        }
    }
}

/// Each channel is tried once: a second time would only repeat what the first one found.
fn distinct_channels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<ChannelKind>>, D::Error> {
    let channels = Option::<Vec<ChannelKind>>::deserialize(deserializer)?;
    let all = channels.as_deref().unwrap_or_default();
    match all.iter().enumerate().find(|(at, kind)| all[..*at].contains(kind)) {
        Some((_, kind)) => Err(D::Error::custom(format!("{kind} stands twice"))),
        None => Ok(channels),
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
            return Err(D::Error::custom("a notification needs at least one recipient"));
        }
        if values.len() > MAX_RECIPIENTS {
            let message = format!(
                "{} recipients are more than {MAX_RECIPIENTS}; split the request",
                values.len()
            );
            return Err(D::Error::custom(message));
        }
        // The error has the recipient's index only: its content is personal.
        let recipients = values.into_iter().enumerate().map(|(index, value)| {
            Recipient::from_json(value)
                .ok_or_else(|| D::Error::custom(format!("recipient {index}: {EXPECTED}")))
        });
        recipients.collect::<Result<_, _>>().map(Self)
    }
}

impl Request {
    /// Reads what a caller sent.
    ///
    /// # Errors
    ///
    /// The place of the invalid value and what is wrong with it.
    pub(crate) fn read(event: &Json) -> Result<Self, String> {
        event.read().map_err(|error| error.to_string())
    }

    /// Checks the amount of data and the order of the times. An `expires_at` that is
    /// past is valid: a request that lay on the queue for long has expired, and one
    /// that is repeated may have been sent in time.
    ///
    /// The name of the field, and what is wrong with it.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), String> {
        if self.data.len() > MAX_FIELDS {
            return Err(format!("data: more than {MAX_FIELDS} fields"));
        }
        if self.data.keys().any(|name| name.chars().count() > MAX_FIELD_NAME_LENGTH) {
            return Err(format!(
                "data: a field's name has more than {MAX_FIELD_NAME_LENGTH} characters"
            ));
        }
        if self.data.values().map(Field::size).sum::<usize>() > MAX_DATA_BYTES {
            return Err(format!("data: more than {MAX_DATA_BYTES} bytes in all"));
        }
        if self.send_at.is_some_and(|at| at.seconds_since(now) > MAX_SCHEDULE_AHEAD_SECS) {
            return Err("send_at: more than a year ahead".to_owned());
        }
        match (self.send_at, self.expires_at) {
            (Some(at), Some(end)) if end <= at => {
                Err("expires_at: it is not after send_at".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// See [`template_fields`].
    pub(crate) fn fields(&self, template: &Template) -> Result<BTreeMap<String, String>, String> {
        template_fields(&self.template, &self.data, template)
    }

    /// A notification for each recipient, with its id, in the order of the request.
    pub(crate) fn specs(&self) -> impl Iterator<Item = (String, NotificationSpec)> {
        self.to.0.iter().enumerate().map(|(index, to)| {
            let spec = NotificationSpec {
                to: to.clone(),
                template: self.template.clone(),
                data: self.data.clone(),
                channels: self.channels.clone(),
                send_at: self.send_at,
                expires_at: self.expires_at,
            };
            (self.notification_id(index), spec)
        })
    }

    /// The request's id; with several recipients, `#` and the recipient's index follow.
    fn notification_id(&self, index: usize) -> String {
        if self.to.0.len() == 1 { self.id.0.clone() } else { format!("{}#{index}", self.id.0) }
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

    fn read(request: &Value) -> Result<Request, String> {
        Request::read(&Json::parse(&request.to_string()).unwrap())
    }

    fn problem(request: &Value) -> String {
        read(request).unwrap_err()
    }

    /// What a field shows of this number or text.
    fn shown(value: &str) -> Result<String, String> {
        let request = good().to_string().replace(r#""Blue kettle""#, value);
        let request = Request::read(&Json::parse(&request).unwrap())?;
        let template: Template = serde_json::from_value(json!({
            "fields": ["product", "time"],
            "channels": [{"channel": "customer_service", "app": "shop", "text": "{product}"}]
        }))
        .unwrap();
        Ok(request.fields(&template)?["product"].clone())
    }

    /// Fault 90.
    #[test]
    fn numbers_are_shown_and_hashed_as_they_are_written() {
        for number in ["20261201123456789012", "12.50", "656887888.00", "1e2", "-0.10"] {
            assert_eq!(shown(number).as_deref(), Ok(number));
        }
        assert_eq!(shown(r#""\ud83d""#).as_deref(), Ok("\u{fffd}"));
        assert!(shown("1e400").unwrap_err().starts_with("data.product: is a larger number"));
        let hash = |number: &str| {
            let request = good().to_string().replace(r#""Blue kettle""#, number);
            let request = Request::read(&Json::parse(&request).unwrap()).unwrap();
            request.specs().next().unwrap().1.hash()
        };
        assert_ne!(hash("20261201123456789012"), hash("20261201123456789013"));
        assert_ne!(hash("12.5"), hash("12.50"));
        assert_eq!(hash("17"), hash(r#""17""#));
    }

    /// Fault 90.
    #[test]
    fn channel_or_name_that_stands_twice_and_a_list_for_an_object_are_refused() {
        let twice = problem(&with("channels", json!(["template", "bizsend", "template"])));
        assert_eq!(twice, "channels: template stands twice");
        let wrapped = problem(&with("data", json!({ "product": { "value": "a" }, "time": "t" })));
        assert!(wrapped.starts_with("data.product: must be a text or a number; give what stands"));
        for list in [json!([["ann"]]), json!(["ann"]), json!("ann")] {
            let problem = problem(&with("to", list));
            assert!(problem.starts_with("to: recipient 0: expected"), "{problem}");
        }
        for deep in [json!([[[]]]), json!({ "a": { "b": {} } })] {
            assert!(problem(&with("data", json!({ "product": deep }))).starts_with("data.product"));
        }
    }

    #[test]
    fn recipients_are_read_in_three_forms_one_or_several() {
        let one = read(&good()).unwrap();
        assert_eq!(one.specs().next().unwrap().0, "order-17-shipped");
        let several =
            json!([{"account": "ann"}, {"union_id": "uBob"}, {"app": "shop", "open_id": "oCarol"}]);
        let several = read(&with("to", several)).unwrap();
        assert_eq!(several.to.0.len(), 3);
        assert_eq!(several.specs().nth(2).unwrap().0, "order-17-shipped#2");
    }

    #[test]
    fn invalid_request_names_the_field() {
        let mut without_id = good();
        without_id.as_object_mut().unwrap().remove("id");
        assert_eq!(problem(&without_id), "missing field `id`");
        assert_eq!(
            problem(&with("id", json!("a#b"))),
            "id: an id has 1 to 128 letters, digits, or any of . _ : / -"
        );
        assert_eq!(problem(&with("id", json!(17))), "id: must be a text");
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
    fn missing_or_unknown_template_field_is_named() {
        let template: Template = serde_json::from_value(json!({
            "fields": ["product", "time"],
            "channels": [{"channel": "customer_service", "app": "shop", "text": "{product} {time}"}]
        }))
        .unwrap();
        let fields = |data: Value| read(&with("data", data)).unwrap().fields(&template);
        assert_eq!(fields(json!({"product": "kettle", "time": 17})).unwrap()["time"], "17");
        let missing = fields(json!({"product": "kettle"})).unwrap_err();
        assert!(missing.starts_with("data.time: missing"), "{missing}");
        let extra = fields(json!({"product": "kettle", "time": "t", "x": "y"})).unwrap_err();
        assert!(
            extra.starts_with("data.x: the template order_shipped has no such field"),
            "{extra}"
        );
    }

    fn spec(field: &str, value: Value) -> NotificationSpec {
        read(&with(field, value)).unwrap().specs().next().unwrap().1
    }

    #[test]
    fn hash_differs_with_the_content_and_not_with_the_id() {
        let good = spec("id", json!("order-17")).hash();
        assert_eq!(good, spec("id", json!("order-18")).hash());
        for (name, value) in [
            ("to", json!({"account": "bob"})),
            ("data", json!({"product": "x", "time": "y"})),
            ("channels", json!(["subscribe"])),
            ("send_at", json!(1_795_158_240)),
            ("expires_at", json!(1_795_158_240)),
        ] {
            assert_ne!(good, spec(name, value).hash(), "{name}");
        }
    }

    /// Fault 84.
    #[test]
    fn stored_spec_is_read_unchanged() {
        for (name, value) in [
            ("to", json!({"app": "shop", "open_id": "oAnn"})),
            ("channels", json!(["subscribe", "template"])),
            ("send_at", json!("2026-11-20T15:04:00+08:00")),
            ("data", json!({"product": 17, "time": "y"})),
        ] {
            let stored = spec(name, value).to_json();
            let read: NotificationSpec = serde_json::from_str(&stored).unwrap();
            assert_eq!(read.to_json(), stored);
        }
    }

    #[test]
    fn times_are_at_most_a_year_ahead_and_in_order() {
        let now = Timestamp(1_795_158_240);
        let check = |send_at: Value, expires_at: Value| {
            let mut request = good();
            for (name, time) in [("send_at", send_at), ("expires_at", expires_at)] {
                if !time.is_null() {
                    request[name] = time;
                }
            }
            read(&request).unwrap().check(now)
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
    fn data_is_limited_to_32_kib() {
        let long = with("data", json!({"product": "x".repeat(MAX_DATA_BYTES), "time": "t"}));
        let problem = read(&long).unwrap().check(Timestamp(0)).unwrap_err();
        assert!(problem.starts_with("data: more than"), "{problem}");
    }
}
