//! Writing several items at once, or none of them.

use crate::aws::AwsError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};
use std::time::Duration;

/// How often a transaction that met another one is tried again.
const TRIES: u32 = 6;
/// The other one is over after some milliseconds; each wait is longer than the
/// one before by this many.
const PAUSE: Duration = Duration::from_millis(10);

/// Writes all of it; false if one of the conditions didn't hold, and nothing
/// is written.
pub(super) async fn write(
    dynamodb: &Client,
    what: &str,
    items: Vec<TransactWriteItem>,
) -> Result<bool, AwsError> {
    for tries in 1..=TRIES {
        let written =
            dynamodb.transact_write_items().set_transact_items(Some(items.clone())).send().await;
        let Err(error) = written else { return Ok(true) };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Err(AwsError::new(what, &error));
        };
        let reasons: Vec<_> =
            canceled.cancellation_reasons().iter().filter_map(CancellationReason::code).collect();
        if reasons.contains(&"ConditionalCheckFailed") {
            return Ok(false);
        }
        if !reasons.contains(&"TransactionConflict") {
            return Err(AwsError::new(what, &error));
        }
        tokio::time::sleep(PAUSE * tries).await;
    }
    Err(AwsError::unexpected(what, "other writes to the same items kept getting in between"))
}

pub(super) fn put(put: Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

/// An update that has its key, table and expression.
pub(super) fn update(update: UpdateBuilder) -> TransactWriteItem {
    let update = update.build().expect("key, table and expression are set");
    TransactWriteItem::builder().update(update).build()
}

/// A deletion that has its key and table.
pub(super) fn delete(delete: DeleteBuilder) -> TransactWriteItem {
    let delete = delete.build().expect("key and table are set");
    TransactWriteItem::builder().delete(delete).build()
}

/// A condition on an item that isn't written, with its key, table and
/// expression.
pub(super) fn check(check: ConditionCheckBuilder) -> TransactWriteItem {
    let check = check.build().expect("key, table and expression are set");
    TransactWriteItem::builder().condition_check(check).build()
}
