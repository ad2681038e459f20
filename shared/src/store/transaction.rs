//! Writing several items at once, or none of them.

use super::conflict::{MAX_ATTEMPTS, pause};
use crate::aws::AwsError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};
use uuid::Uuid;

/// Why DynamoDB gives up a transaction that it may take a moment later.
const TRANSIENT: [&str; 3] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All of it is written.
    Written,
    /// A condition didn't hold, and nothing is written. One reason for each
    /// item, in their order.
    Refused(Vec<CancellationReason>),
}

/// Why a transaction was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// A condition didn't hold.
    Condition,
    /// Something that is over in a moment.
    Transient,
    /// Something that will be the same the next time.
    Permanent,
}

impl Cause {
    fn of(reasons: &[CancellationReason]) -> Self {
        let mut codes = reasons.iter().filter_map(CancellationReason::code);
        if codes.clone().any(|code| code == "ConditionalCheckFailed") {
            Self::Condition
        } else if codes.any(|code| TRANSIENT.contains(&code)) {
            Self::Transient
        } else {
            Self::Permanent
        }
    }
}

/// Writes all of it; false if one of the conditions didn't hold, and nothing
/// is written.
///
/// # Errors
///
/// As [`attempt`]'s.
pub(super) async fn write(
    dynamodb: &Client,
    what: &str,
    items: Vec<TransactWriteItem>,
) -> Result<bool, AwsError> {
    Ok(matches!(attempt(dynamodb, what, items).await?, Outcome::Written))
}

/// Writes all of it, or says which of the conditions didn't hold.
///
/// # Errors
///
/// When DynamoDB doesn't confirm, or other writes to the same items keep getting
/// in between.
pub(super) async fn attempt(
    dynamodb: &Client,
    what: &str,
    items: Vec<TransactWriteItem>,
) -> Result<Outcome, AwsError> {
    // By it DynamoDB knows a repeat of what it has already written.
    let token = Uuid::new_v4().simple().to_string();
    for attempts in 1..=MAX_ATTEMPTS {
        let request = dynamodb
            .transact_write_items()
            .set_transact_items(Some(items.clone()))
            .client_request_token(&token);
        let Err(error) = request.send().await else { return Ok(Outcome::Written) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons();
                match Cause::of(reasons) {
                    Cause::Condition => return Ok(Outcome::Refused(reasons.to_vec())),
                    Cause::Transient => {}
                    Cause::Permanent => return Err(AwsError::new(what, &error)),
                }
            }
            // The SDK gave up waiting for it, and DynamoDB is still at it.
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
            _ => return Err(AwsError::new(what, &error)),
        }
        if attempts < MAX_ATTEMPTS {
            pause(attempts).await;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(codes: &[&str]) -> Cause {
        let reason = |code: &&str| CancellationReason::builder().code(*code).build();
        Cause::of(&codes.iter().map(reason).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_over_in_a_moment_is_tried_again() {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert_eq!(cause(&["None", code, "None"]), Cause::Transient, "{code}");
        }
        for codes in [&["None", "ValidationError"][..], &["ItemCollectionSizeLimitExceeded"], &[]] {
            assert_eq!(cause(codes), Cause::Permanent, "{codes:?}");
        }
    }

    #[test]
    fn a_condition_that_does_not_hold_is_the_answer_whatever_else_there_is() {
        assert_eq!(cause(&["None", "ConditionalCheckFailed"]), Cause::Condition);
        assert_eq!(cause(&["TransactionConflict", "ConditionalCheckFailed"]), Cause::Condition);
    }
}
