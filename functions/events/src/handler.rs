//! The entry point: dispatches an invocation by its shape.

use crate::app::App;
use crate::{forward, replay, stream, sweep};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::json::Json;

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
    event: Json,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    match Invocation::parse(&event).ok_or_else(invalid)? {
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
    Replay(Json),
    Sweep,
}

impl Invocation {
    /// None for anything else, also for one command with a second one beside it.
    fn parse(event: &Json) -> Option<Self> {
        let members = match event {
            Json::Array(_) => return event.read().ok().map(Self::Pipe),
            Json::Object(members) => members.as_slice(),
            _ => return None,
        };
        let [(name, value)] = members else { return None };
        match (name.as_str(), value) {
            ("Records", records) => records.read().ok().map(Self::Stream),
            ("replay", request) => Some(Self::Replay(request.clone())),
            ("sweep", Json::Object(nothing)) if nothing.is_empty() => Some(Self::Sweep),
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
        let read = |event: Value| Json::parse(&event.to_string()).unwrap();
        let parse = |event: Value| Invocation::parse(&read(event));
        assert_eq!(parse(json!({ "sweep": {} })), Some(Invocation::Sweep));
        assert_eq!(parse(json!([1])), Some(Invocation::Pipe(vec![json!(1)])));
        let replay = parse(json!({ "replay": { "from": 1 } }));
        assert_eq!(replay, Some(Invocation::Replay(read(json!({ "from": 1 })))));
        assert_eq!(parse(json!({ "Records": [] })), Some(Invocation::Stream(vec![])));
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
            assert_eq!(parse(odd.clone()), None, "{odd}");
        }
    }
}
