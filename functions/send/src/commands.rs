//! Requests that are no notification: `{"cancel": {…}}`, with nothing beside it.

mod account_templates;
pub(crate) mod cancel;
pub(crate) mod check_templates;
pub(crate) mod list_templates;
pub(crate) mod remaining;

use crate::app::App;
use crate::error;
use crate::sweep::sweep;
use cancel::{Cancel, cancel};
use check_templates::{CheckTemplates, check_templates};
use lambda_runtime::Diagnostic;
use list_templates::{ListTemplates, list_templates};
use remaining::{Remaining, remaining};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::json::Json;

/// A command and its parameters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// From the schedule, once a minute.
    Sweep(Option<Empty>),
    Cancel(Cancel),
    Remaining(Remaining),
    ListTemplates(ListTemplates),
    CheckTemplates(CheckTemplates),
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

impl Command {
    const NAMES: [&str; 5] = ["sweep", "cancel", "remaining", "list_templates", "check_templates"];

    /// Reads a command; none if the event names none, so that it asks for a
    /// notification.
    ///
    /// What is wrong with the command, with the name of the parameter.
    pub(crate) fn read(event: &Json) -> Result<Option<Self>, Diagnostic> {
        let Some(name) = Self::NAMES.into_iter().find(|name| event.get(name).is_some()) else {
            return Ok(None);
        };
        if matches!(event, Json::Object(members) if members.len() > 1) {
            return Err(error::invalid(format!("{name}: nothing else goes beside it")));
        }
        event.read().map(Some).map_err(|error| error::invalid(error.to_string()))
    }

    /// Executes the command and returns its response.
    pub(crate) async fn execute(
        self,
        app: &App,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<Value, Diagnostic> {
        Ok(match self {
            Self::Sweep(None | Some(Empty {})) => {
                json!(sweep(app, deadline).await.map_err(error::internal)?)
            }
            Self::Cancel(params) => json!(cancel(app, &params, now).await?),
            Self::Remaining(params) => json!(remaining(app, &params, now).await?),
            Self::ListTemplates(params) => json!(list_templates(app, &params, now).await?),
            Self::CheckTemplates(params) => {
                json!(check_templates(app, &params, now).await.map_err(error::internal)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_stands_alone_and_names_the_invalid_parameter() {
        let read = |event: &Value| Command::read(&Json::parse(&event.to_string()).unwrap());
        assert!(read(&json!({ "id": "order-17" })).unwrap().is_none());
        let event = json!({ "check_templates": { "templates": ["a"] } });
        let Some(Command::CheckTemplates(params)) = read(&event).unwrap() else {
            panic!("{event}");
        };
        assert_eq!(params.templates.unwrap()[0].as_str(), "a");
        for event in [json!({ "sweep": {} }), json!({ "sweep": null })] {
            let command = read(&event).unwrap();
            assert!(matches!(command, Some(Command::Sweep(_))), "{event}");
        }
        for (event, words) in [
            (json!({ "sweep": {}, "id": "order-17" }), "sweep: nothing else goes beside it"),
            (json!({ "sweep": { "now": true } }), "sweep.now: unknown field `now`"),
            (json!({ "sweep": [] }), "sweep: must be an object"),
            (json!({ "list_templates": { "app": "" } }), "list_templates.app: "),
            (json!({ "list_templates": { "app": "x".repeat(65) } }), "list_templates.app: "),
            (json!({ "check_templates": { "template": "a" } }), "unknown field `template`"),
            (
                json!({ "check_templates": { "templates": ["a b"] } }),
                "check_templates.templates[0]",
            ),
            (json!({ "check_templates": ["a"] }), "check_templates: must be an object"),
            (json!({ "check_templates": { "templates": vec!["a"; 1001] } }), "more than 1000"),
            (json!({ "cancel": { "id": "" } }), "cancel.id: "),
            (json!({ "cancel": { "id": "order 17" } }), "cancel.id: "),
            (json!({ "cancel": { "id": "order#1000000" } }), "cancel.id: "),
            (json!({ "remaining": { "to": ["ann"] } }), "remaining.to: expected one recipient"),
            (json!({ "check_templates": "oAnn" }), "check_templates: must be an object"),
        ] {
            let problem = read(&event).unwrap_err().error_message;
            assert!(problem.contains(words), "{event}: {problem}");
        }
    }
}
