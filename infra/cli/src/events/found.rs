//! What a replay would take up: a list, without a word of whose it is or what it
//! says.

use crate::moment::written;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use std::fmt;

/// What a replay would take up.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    /// It was stopped before all were listed: go on with this as `--next-token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// One event, as the events function lists it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Event {
    key: String,
    app: String,
    kind: String,
    received_at: Timestamp,
    attempts: u64,
    problem: Option<String>,
    applied_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    quarantined_at: Option<Timestamp>,
}

impl Event {
    /// How it stands.
    fn standing(&self) -> String {
        let problem = self.problem.as_deref().unwrap_or("nobody wrote down why");
        match (self.quarantined_at, self.applied_at, self.due_at) {
            (Some(at), ..) => {
                format!("quarantined {} after {} attempts: {problem}", written(at), self.attempts)
            }
            (None, Some(at), _) => format!("took effect {}", written(at)),
            (None, None, Some(at)) if self.attempts > 0 => {
                format!("tried {} times, again by itself {}: {problem}", self.attempts, written(at))
            }
            _ => "hasn't taken effect yet".to_owned(),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            write!(
                f,
                "There is no such event; they are kept for 30 days, unless RetentionDays says otherwise."
            )?;
        }
        for event in &self.events {
            let Event { key, app, kind, received_at, .. } = event;
            writeln!(f, "{}  {app:<12} {kind}", written(*received_at))?;
            writeln!(f, "    {}", event.standing())?;
            writeln!(f, "    --key {key}")?;
        }
        if let Some(token) = &self.next_token {
            return write!(f, "Stopped; the rest is listed with --next-token {token}");
        }
        match self.events.len() {
            0 => Ok(()),
            1 => write!(f, "1 event; without --dry-run it takes effect once more."),
            many => write!(f, "{many} events; without --dry-run they take effect once more."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn standing(more: &Value) -> String {
        let mut event = json!({
            "key": "k", "app": "shop", "kind": "text", "received_at": 1, "attempts": 3,
            "problem": "WeChat was busy", "applied_at": null, "due_at": null, "quarantined_at": null,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Event>(event).unwrap().standing()
    }

    #[test]
    fn how_an_event_stands() {
        let aside = standing(&json!({ "quarantined_at": 1_795_158_240 }));
        assert_eq!(aside, "quarantined 2026-11-20T07:04:00Z after 3 attempts: WeChat was busy");
        let due = standing(&json!({ "due_at": 1_795_158_240 }));
        assert!(due.starts_with("tried 3 times, again by itself 2026-11-20"), "{due}");
        let done = standing(&json!({ "applied_at": 1_795_158_240 }));
        assert_eq!(done, "took effect 2026-11-20T07:04:00Z");
        assert_eq!(standing(&json!({})), "hasn't taken effect yet");
    }
}
