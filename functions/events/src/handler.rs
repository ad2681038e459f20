//! The entry point: dispatches an invocation by its shape.

use crate::app::App;
use crate::{forward, replay, stream, sweep};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// Handles an invocation:
///
/// - an array comes from an EventBridge Pipe, for enrichment ([`forward`]);
/// - `{"Records": […]}` is a batch of the stream ([`stream`]);
/// - `{"replay": {…}}` is an operator's command ([`replay`]);
/// - `{"sweep": {}}` comes from the schedule in the template ([`sweep`]).
///
/// A batch never fails as a whole: the response names its failed records.
pub(crate) async fn handle(
    app: &App,
    event: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    match Invocation::parse(event).ok_or_else(invalid)? {
        Invocation::Pipe(records) => Ok(json!(forward::enrich(app, records, now).await)),
        Invocation::Stream(records) => Ok(json!(stream::apply_batch(app, records, deadline).await)),
        Invocation::Replay(request) => {
            replay::replay(app, request, now, deadline).await.map_err(Into::into)
        }
        Invocation::Sweep => {
            let swept = sweep::sweep(app, now, deadline).await;
            swept.map(|()| Value::Null).map_err(|error| Diagnostic {
                error_type: "InternalError".to_owned(),
                error_message: error.to_string(),
            })
        }
    }
}

#[derive(Debug, PartialEq)]
enum Invocation {
    Pipe(Vec<Value>),
    Stream(Vec<Value>),
    Replay(Value),
    Sweep,
}

impl Invocation {
    /// None for anything else, also for one command with a second one beside it.
    fn parse(event: Value) -> Option<Self> {
        let event = match event {
            Value::Array(records) => return Some(Self::Pipe(records)),
            Value::Object(event) => event,
            _ => return None,
        };
        let mut members = event.into_iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else { return None };
        match (name.as_str(), value) {
            ("Records", Value::Array(records)) => Some(Self::Stream(records)),
            ("replay", request) => Some(Self::Replay(request)),
            ("sweep", Value::Object(nothing)) if nothing.is_empty() => Some(Self::Sweep),
            _ => None,
        }
    }
}

fn invalid() -> Diagnostic {
    Diagnostic {
        error_type: "InvalidRequest".to_owned(),
        error_message: "nothing was done: this function takes {\"replay\": {…}}, {\"sweep\": {}}, \
            a batch of its table's stream or one of a pipe, and nothing beside it"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_invocation_is_refused() {
        assert_eq!(Invocation::parse(json!({ "sweep": {} })), Some(Invocation::Sweep));
        assert_eq!(Invocation::parse(json!([1])), Some(Invocation::Pipe(vec![json!(1)])));
        let replay = json!({ "replay": { "from": 1 } });
        assert_eq!(Invocation::parse(replay), Some(Invocation::Replay(json!({ "from": 1 }))));
        assert_eq!(Invocation::parse(json!({ "Records": [] })), Some(Invocation::Stream(vec![])));
        for odd in [
            json!({}),
            json!(null),
            json!("sweep"),
            json!({ "replya": { "from": 1 } }),
            json!({ "Records": "x" }),
            json!({ "sweep": { "now": true } }),
            json!({ "sweep": true }),
            json!({ "sweep": {}, "replay": {} }),
            json!({ "source": "aws.scheduler", "detail": "{}" }),
        ] {
            assert_eq!(Invocation::parse(odd.clone()), None, "{odd}");
        }
    }
}
