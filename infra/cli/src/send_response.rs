//! The send function's response (`functions/send/schema/response.json`).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use shared::store::NotificationStatus;

#[derive(Debug, Deserialize)]
pub(crate) struct SendResponse {
    pub(crate) notifications: Vec<NotificationResult>,
}

/// The result of one notification.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct NotificationResult {
    pub(crate) id: String,
    pub(crate) outcome: NotificationStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<ChannelKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<SkippedChannel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fallbacks: Vec<Fallback>,
}

/// A channel that couldn't be used.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SkippedChannel {
    pub(crate) channel: ChannelKind,
    pub(crate) app: String,
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// A channel after the chosen one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Fallback {
    pub(crate) channel: ChannelKind,
    pub(crate) app: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SCHEMA: &str = include_str!("../../../functions/send/schema/response.json");

    #[test]
    fn fields_are_those_of_the_schema() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let names = |of: &str| -> Vec<String> {
            schema["$defs"][of]["properties"].as_object().unwrap().keys().cloned().collect()
        };
        let skipped = json!({ "channel": "template", "app": "shop", "reason": "r", "code": 1,
                              "rid": "r", "advice": "a" });
        let fallback = json!({ "channel": "template", "app": "shop", "reason": "r" });
        let whole = json!({
            "id": "a", "outcome": "sent", "channel": "template", "app": "shop", "message_id": "3",
            "reason": "r", "code": 1, "rid": "r", "retry_at": 1, "skipped": [skipped],
            "message": {}, "fallbacks": [fallback],
        });
        for (value, of) in
            [(&whole, "NotificationResult"), (&skipped, "SkippedChannel"), (&fallback, "Fallback")]
        {
            let here: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            assert_eq!(here, names(of), "{of}");
        }
        let result: NotificationResult = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(serde_json::to_value(&result).unwrap(), whole);
    }
}
