//! Rows of the notifications table.

use crate::aws::aws_error;
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use aws_sdk_dynamodb::types::AttributeValue;
use shared::store::{BulkRequest, NotificationRow};

/// What is stored under an id.
#[derive(Debug)]
pub(super) enum StoredEntry {
    Missing,
    Notification(Box<NotificationRow>),
    /// A request with a notification for each of several recipients.
    BulkRequest(BulkRequest),
}

pub(super) async fn read_entry(deployment: &Deployment, id: &str) -> Result<StoredEntry, Error> {
    let table = deployment.resource_name("notifications");
    let request = deployment.dynamodb().get_item().table_name(&table);
    let request = request.key("id", AttributeValue::S(id.to_owned())).consistent_read(true);
    let response = request.send().await.map_err(|error| {
        let permission = format!("dynamodb:GetItem on {table}");
        aws_error("reading a notification", &permission, &error)
    })?;
    let Some(item) = response.item else { return Ok(StoredEntry::Missing) };
    if let Some(row) = NotificationRow::read(&item) {
        return Ok(StoredEntry::Notification(Box::new(row)));
    }
    match BulkRequest::read(&item) {
        Some(request) => Ok(StoredEntry::BulkRequest(request)),
        None => Err(Error::new(
            ErrorKind::Unavailable,
            format!("the stored notification {id} has an unknown format"),
            "use the hongyan of the same version as the functions",
        )),
    }
}
