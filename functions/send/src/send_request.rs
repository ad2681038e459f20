//! A request to send: one notification for each recipient.

use crate::app::App;
use crate::deliver::dry_run::dry_run;
use crate::deliver::{DeliverError, MAX_CONCURRENCY, deliver};
use crate::duplicates::find_duplicates;
use crate::error;
use crate::notification::{Notification, NotificationSpec};
use crate::recipient::Recipient;
use crate::recipient_routes::RecipientRoutes;
use crate::request::Request;
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Diagnostic;
use sha2::{Digest as _, Sha256};
use shared::clock::Timestamp;
use shared::json::Json;
use shared::parameters::Template;
use shared::send_response::{NotificationResult, SendResponse};
use shared::store::{BulkRequest, NotificationStatus, UsedId};
use std::collections::BTreeMap;

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
    let mut routes: Vec<_> =
        request.to.0.iter().map(|recipient| RecipientRoutes::new(recipient, &apps)).collect();
    let duplicates = match specs.len() {
        1 => BTreeMap::new(),
        _ => record_bulk_request(app, &request, &specs, &mut routes, now)
            .await
            .map_err(error::from_delivery)?,
    };
    let notifications = specs.iter().zip(routes).enumerate();
    let notifications = notifications.filter(|(at, _)| !duplicates.contains_key(at));
    let notifications = notifications.map(|(_, ((id, spec), routes))| Notification {
        id,
        spec,
        template: &template,
        apps: &apps,
        fields: &fields,
        routes,
    });
    let results: Vec<_> = stream::iter(notifications)
        .map(async |notification: Notification<'_>| {
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
    let mut results = results.into_iter();
    let mut notifications: Vec<NotificationResult> = Vec::with_capacity(specs.len());
    for (at, (id, _)) in specs.iter().enumerate() {
        if let Some(first) = duplicates.get(&at).and_then(|first| notifications.get(*first)) {
            notifications.push(first.duplicate(id));
            continue;
        }
        notifications.push(match results.next().expect("a result of each distinct recipient") {
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

/// Reserves the id for exactly these recipients and contents. Returns the recipients that
/// stand in the list twice; a repeat returns the same.
async fn record_bulk_request(
    app: &App,
    request: &Request,
    specs: &[(String, NotificationSpec)],
    routes: &mut [RecipientRoutes<'_>],
    now: Timestamp,
) -> Result<BTreeMap<usize, usize>, DeliverError> {
    let mut all = Sha256::new();
    for (_, spec) in specs {
        all.update(spec.hash());
    }
    let hash: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let id = request.id.as_str();
    let conflict = || DeliverError::Conflict(id.to_owned());
    let bulk = match app.notifications.used_id(id).await? {
        UsedId::BulkRequest(known) if known.hash == hash => known,
        UsedId::BulkRequest(_) | UsedId::Notification => return Err(conflict()),
        UsedId::Unused => {
            let duplicates = find_duplicates(app, &request.to.0, routes).await?;
            BulkRequest { hash, recipients: specs.len(), duplicates }
        }
    };
    if !request.dry_run {
        let until = request.send_at.map_or(now, |at| at.max(now));
        if !app.notifications.record_bulk_request(id, &bulk, until).await? {
            return Err(conflict());
        }
    }
    Ok(bulk.duplicates)
}
