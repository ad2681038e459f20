//! A request to send: one notification for each recipient.

use crate::app::App;
use crate::deliver::dry_run::dry_run;
use crate::deliver::{DeliverError, MAX_CONCURRENCY, deliver};
use crate::error;
use crate::notification::{Notification, NotificationSpec, Recipient};
use crate::request::Request;
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Diagnostic;
use sha2::{Digest as _, Sha256};
use shared::clock::Timestamp;
use shared::json::Json;
use shared::parameters::Template;
use shared::send_response::{NotificationResult, SendResponse};
use shared::store::NotificationStatus;

/// Delivers the notifications of a request, or only says what would be sent if it is
/// a dry run.
///
/// Fails when the request is invalid, its id was used for another request, or an AWS call
/// fails. A repeat of a request that failed sends nothing twice.
pub(crate) async fn send(
    app: &App,
    event: &Json,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<SendResponse, Diagnostic> {
    let request = Request::read(event).map_err(error::invalid)?;
    request.check(now).map_err(error::invalid)?;
    let code = request.template.as_str();
    let fits = |template: &Template| request.fields(template).is_ok();
    let named: Vec<_> = request.to.0.iter().filter_map(Recipient::alias).collect();
    let found = app.template_and_apps(code, &named, fits, now).await;
    let (template, apps) = found.map_err(error::from_template)?.ok_or_else(|| {
        error::invalid(format!(
            "template: there is no template {code}; register it under /templates"
        ))
    })?;
    let fields = request.fields(&template).map_err(error::invalid)?;
    let specs: Vec<_> = request.specs().collect();
    if specs.len() > 1 {
        record_bulk_request(app, &request, &specs, now).await.map_err(error::from_delivery)?;
    }
    let results: Vec<_> = stream::iter(&specs)
        .map(async |(id, spec): &(String, NotificationSpec)| {
            let notification =
                Notification { id, spec, template: &template, apps: &apps, fields: &fields };
            if request.dry_run {
                dry_run(app, &notification).await
            } else {
                deliver(app, &notification, None, deadline).await
            }
        })
        .buffered(MAX_CONCURRENCY)
        .collect()
        .await;
    let is_bulk = specs.len() > 1;
    let mut notifications = Vec::with_capacity(specs.len());
    for (result, (id, _)) in results.into_iter().zip(&specs) {
        notifications.push(match result {
            Ok(result) => result,
            // One recipient's conflict must not hide the outcomes of the others.
            Err(error @ DeliverError::Conflict(_)) if is_bulk => {
                NotificationResult::with_reason(id, NotificationStatus::Failed, error.to_string())
            }
            Err(error) => return Err(error::from_delivery(error)),
        });
    }
    Ok(SendResponse { notifications })
}

/// Reserves the id for exactly these recipients and contents.
async fn record_bulk_request(
    app: &App,
    request: &Request,
    specs: &[(String, NotificationSpec)],
    now: Timestamp,
) -> Result<(), DeliverError> {
    let mut all = Sha256::new();
    for (_, spec) in specs {
        all.update(spec.hash());
    }
    let hash: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let id = request.id.as_str();
    let is_same = if request.dry_run {
        app.notifications.request_hash(id).await?.is_none_or(|known| known == hash)
    } else {
        let until = request.send_at.map_or(now, |at| at.max(now));
        app.notifications.record_bulk_request(id, &hash, specs.len(), until).await?
    };
    if is_same { Ok(()) } else { Err(DeliverError::Conflict(id.to_owned())) }
}
