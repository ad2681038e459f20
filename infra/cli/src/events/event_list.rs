//! The events that a replay would apply, without sender or content.

use crate::timestamp::format_time;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use std::fmt;

#[derive(Debug, Default, Serialize)]
pub(super) struct EventList {
    pub(super) events: Vec<ListedEvent>,
    /// For `--next-token`, if the listing was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// An event, as the events function lists it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ListedEvent {
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

impl ListedEvent {
    fn status(&self) -> String {
        let (attempts, problem) =
            (self.attempts, self.problem.as_deref().unwrap_or("reason unknown"));
        match (self.quarantined_at, self.applied_at, self.due_at) {
            (Some(at), ..) => {
                format!("quarantined {} after {attempts} attempts: {problem}", format_time(at))
            }
            (None, Some(at), _) => format!("applied {}", format_time(at)),
            (None, None, Some(at)) if attempts > 0 => {
                format!("{attempts} attempts, the next {}: {problem}", format_time(at))
            }
            _ => "not applied yet".to_owned(),
        }
    }
}

impl fmt::Display for EventList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            write!(
                f,
                "There is no such event. Events are kept for 30 days, or for the parameter \
                 RetentionDays."
            )?;
        }
        for event in &self.events {
            let ListedEvent { key, app, kind, received_at, .. } = event;
            writeln!(f, "{}  {app:<12} {kind}", format_time(*received_at))?;
            writeln!(f, "    {}", event.status())?;
            writeln!(f, "    --key {key}")?;
        }
        if let Some(token) = &self.next_token {
            return write!(f, "Stopped; --next-token {token} lists the rest.");
        }
        match self.events.len() {
            0 => Ok(()),
            1 => write!(f, "1 event; without --dry-run it is applied again."),
            many => write!(f, "{many} events; without --dry-run they are applied again."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn status(more: &Value) -> String {
        let mut event = json!({
            "key": "k", "app": "shop", "kind": "text", "received_at": 1, "attempts": 3,
            "problem": "WeChat was busy", "applied_at": null, "due_at": null, "quarantined_at": null,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<ListedEvent>(event).unwrap().status()
    }

    #[test]
    fn status_is_readable() {
        let at = 1_795_158_240;
        for (more, expected) in [
            (
                json!({ "quarantined_at": at }),
                "quarantined 2026-11-20T07:04:00Z after 3 attempts: WeChat was busy",
            ),
            (json!({ "due_at": at }), "3 attempts, the next 2026-11-20T07:04:00Z: WeChat was busy"),
            (json!({ "applied_at": at }), "applied 2026-11-20T07:04:00Z"),
            (json!({}), "not applied yet"),
        ] {
            assert_eq!(status(&more), expected);
        }
    }
}
