//! What the function is asked: by another function that invokes it, by the queue,
//! by the schedule, or by an operator.

use crate::app::App;
use crate::cancel::cancel;
use crate::check;
use crate::content::Content;
use crate::deliver::{DeliverError, Notification, deliver};
use crate::dry_run::dry_run;
use crate::failure;
use crate::list;
use crate::queue::queue;
use crate::remaining::remaining;
use crate::report::{Report, Reports};
use crate::request::Request;
use crate::sweep::sweep;
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Diagnostic;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::clock::Timestamp;
use shared::store::NotificationStatus;

/// So many notifications are under way at once.
pub(crate) const AT_ONCE: usize = 20;

/// Answers an invocation.
///
/// # Errors
///
/// When a direct request can't be understood or dealt with. A batch never
/// fails as a whole: its failed messages are named in the answer.
pub(crate) async fn handle(
    app: &App,
    event: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    app.rests.look(&app.notifications, now).await;
    if event.get("Records").is_some() {
        let batch = serde_json::from_value(event)
            .map_err(|_| failure::invalid("Records: not a batch of messages from SQS"))?;
        return Ok(queue(app, batch, now, deadline).await);
    }
    match order(&event)? {
        Some(("sweep", _)) => {
            let swept = sweep(app, deadline).await.map_err(|error| failure::internal(&error))?;
            Ok(json!(swept))
        }
        Some(("cancel", asked)) => Ok(json!(cancel(app, &read("cancel", asked)?, now).await?)),
        Some(("remaining", asked)) => {
            Ok(json!(remaining(app, &read("remaining", asked)?, now).await?))
        }
        Some(("list_templates", asked)) => {
            Ok(json!(list::list(app, &read("list_templates", asked)?, now).await?))
        }
        Some((_, asked)) => {
            let asked: check::Asked = read("check_templates", asked)?;
            let answer = check::check(app, asked.templates.as_deref(), now).await;
            Ok(json!(answer.map_err(|error| failure::internal(&error))?))
        }
        None => Ok(json!(request(app, &event, now, deadline).await?)),
    }
}

/// What is asked that is no notification: its name, and the rest.
fn order(event: &Value) -> Result<Option<(&'static str, &Value)>, Diagnostic> {
    const ORDERS: [&str; 5] = ["sweep", "cancel", "remaining", "list_templates", "check_templates"];
    let found = ORDERS.iter().find_map(|name| Some((*name, event.get(name)?)));
    match found {
        Some((name, _)) if event.as_object().is_some_and(|event| event.len() > 1) => {
            Err(failure::invalid(format!("{name}: nothing else goes beside it")))
        }
        found => Ok(found),
    }
}

/// Reads what an operator asks for under `name`.
fn read<T: DeserializeOwned>(name: &str, asked: &Value) -> Result<T, Diagnostic> {
    serde_path_to_error::deserialize(asked).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { name.to_owned() } else { format!("{name}.{path}") };
        // serde quotes what has the wrong type; it may be personal.
        let problem = error.into_inner().to_string();
        let problem = if problem.starts_with("invalid type") {
            "has the wrong type".to_owned()
        } else {
            problem
        };
        failure::invalid(format!("{path}: {problem}"))
    })
}

/// Deals with one request: a notification for each recipient.
pub(crate) async fn request(
    app: &App,
    event: &Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Reports, Diagnostic> {
    let request = Request::read(event).map_err(failure::invalid)?;
    request.check(now).map_err(failure::invalid)?;
    let code = request.template.as_str();
    let template = app.template(code, now).await.map_err(|error| failure::of_template(&error))?;
    let template = template.ok_or_else(|| {
        failure::invalid(format!(
            "template: there is no template {code}; register it under /templates"
        ))
    })?;
    request.fit(&template).map_err(failure::invalid)?;
    let apps = app.apps(&template, now).await;
    let contents: Vec<_> = request.contents().collect();
    if contents.len() > 1 {
        let noted = record_bulk_request(app, &request, &contents, now).await;
        noted.map_err(|error| failure::of_delivery(&error))?;
    }
    let fields = contents.first().map(|(_, content)| content.fields(&template)).transpose();
    let fields = fields.map_err(failure::invalid)?.unwrap_or_default();
    let reports: Vec<_> = stream::iter(&contents)
        .map(async |(id, content): &(String, Content)| {
            let notification =
                Notification { id, content, template: &template, apps: &apps, fields: &fields };
            if request.dry_run {
                dry_run(app, &notification).await
            } else {
                deliver(app, &notification, None, deadline).await
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let single = reports.len() == 1;
    let mut answered = Vec::with_capacity(reports.len());
    for (report, (id, _)) in reports.into_iter().zip(&contents) {
        match report {
            Ok(report) => answered.push(report),
            // One recipient's conflict must not hide what became of the others.
            Err(error @ DeliverError::Conflict(_)) if !single => {
                answered.push(Report::because(id, NotificationStatus::Failed, error.to_string()));
            }
            // Asked again, whoever has got it doesn't get it twice.
            Err(error) => return Err(failure::of_delivery(&error)),
        }
    }
    Ok(Reports { notifications: answered })
}

/// Makes sure that a request of several recipients is the only one of its id,
/// whoever and however many they are.
async fn record_bulk_request(
    app: &App,
    request: &Request,
    contents: &[(String, Content)],
    now: Timestamp,
) -> Result<(), DeliverError> {
    let mut all = Sha256::new();
    for (_, content) in contents {
        all.update(content.hash());
    }
    let hash: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let id = request.id.as_str();
    let is_ours = if request.dry_run {
        app.notifications.request_hash(id).await?.is_none_or(|known| known == hash)
    } else {
        let until = request.send_at.map_or(now, |at| at.max(now));
        app.notifications.record_bulk_request(id, &hash, contents.len(), until).await?
    };
    if is_ours { Ok(()) } else { Err(DeliverError::Conflict(id.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_stands_alone_and_names_what_is_wrong_with_it() {
        assert_eq!(order(&json!({ "id": "order-17" })).unwrap(), None);
        let event = json!({ "check_templates": { "templates": ["a"] } });
        let (name, asked) = order(&event).unwrap().unwrap();
        let asked: check::Asked = read(name, asked).unwrap();
        assert_eq!(asked.templates.unwrap()[0].as_str(), "a");
        for (event, words) in [
            (json!({ "sweep": {}, "id": "order-17" }), "sweep: nothing else goes beside it"),
            (json!({ "check_templates": { "template": "a" } }), "unknown field `template`"),
            (
                json!({ "check_templates": { "templates": ["a b"] } }),
                "check_templates.templates[0]",
            ),
            (json!({ "check_templates": "oAnn" }), "check_templates: has the wrong type"),
        ] {
            let problem = order(&event).and_then(|found| {
                let (name, asked) = found.unwrap();
                read::<check::Asked>(name, asked)
            });
            let problem = problem.unwrap_err().error_message;
            assert!(problem.contains(words), "{event}: {problem}");
        }
    }
}
