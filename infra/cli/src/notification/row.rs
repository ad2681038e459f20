//! The rows of notifications.

use crate::aws::failed;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use aws_sdk_dynamodb::types::AttributeValue;
use shared::store::NotificationRow;

/// What stands under an id.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A notification.
    One(Box<NotificationRow>),
    /// A request of so many recipients, each with a notification of their own.
    Several(usize),
}

/// Reads what stands under an id.
///
/// # Errors
///
/// When DynamoDB doesn't answer, or another version has written it.
pub(super) async fn read(deployment: &Deployment, id: &str) -> Result<Found, Error> {
    let table = deployment.table("notifications");
    let asked = deployment.dynamodb().get_item().table_name(&table);
    let asked = asked.key("id", AttributeValue::S(id.to_owned())).consistent_read(true);
    let found = asked.send().await.map_err(|error| {
        let permission = format!("dynamodb:GetItem on {table}");
        failed("reading a notification", &permission, &error)
    })?;
    let Some(item) = found.item else { return Ok(Found::Nothing) };
    if let Some(row) = NotificationRow::read(&item) {
        return Ok(Found::One(Box::new(row)));
    }
    let recipients = item.get("recipients").and_then(|count| count.as_n().ok());
    match recipients.and_then(|count| count.parse().ok()) {
        Some(recipients) => Ok(Found::Several(recipients)),
        None => Err(Error::new(
            Kind::Unavailable,
            format!("what is stored of {id} can't be read"),
            "another version has written it; use a hongyan of the same version as the functions",
        )),
    }
}
