//! Several writes, of which either all are made or none.

use super::item::Item;
use super::table::Table;
use super::write::{CONFLICT_RETRY, Write};
use crate::aws::AwsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use uuid::Uuid;

/// DynamoDB's limit for one transaction.
pub(in crate::store) const MAX_ITEMS: usize = 100;

/// Reasons for which DynamoDB cancels a transaction that it may accept shortly after.
const TRANSIENT: [&str; 3] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// How a transaction ended.
#[derive(Debug)]
pub(in crate::store) enum TransactionOutcome {
    /// All of it is written.
    Written,
    /// A condition didn't hold, and nothing is written. One refusal for each write, in
    /// their order.
    Refused(Vec<Refusal>),
}

/// What a cancelled transaction says of one of its writes.
#[derive(Debug)]
pub(in crate::store) struct Refusal {
    /// Whether it was its condition that didn't hold.
    pub(in crate::store) is_condition: bool,
    /// The item, if the write asked for it.
    pub(in crate::store) existing: Option<Item>,
}

/// Why a transaction was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// A condition didn't hold.
    Condition,
    /// It may succeed shortly after.
    Transient,
    /// It will fail again.
    Permanent,
}

impl Cause {
    fn from_reasons(reasons: &[CancellationReason]) -> Self {
        let mut codes = reasons.iter().filter_map(CancellationReason::code);
        if codes.clone().any(|code| code == CONDITION) {
            Self::Condition
        } else if codes.any(|code| TRANSIENT.contains(&code)) {
            Self::Transient
        } else {
            Self::Permanent
        }
    }
}

const CONDITION: &str = "ConditionalCheckFailed";

impl Table {
    /// Writes all of it. False if one of the conditions didn't hold.
    pub(in crate::store) async fn transact(
        &self,
        action: &str,
        writes: impl IntoIterator<Item = Write>,
    ) -> Result<bool, AwsError> {
        let outcome = self.transact_or_refusals(action, writes).await?;
        Ok(matches!(outcome, TransactionOutcome::Written))
    }

    /// Writes all of it, or says which of the conditions didn't hold. The writes may be
    /// to other tables as well.
    pub(in crate::store) async fn transact_or_refusals(
        &self,
        action: &str,
        writes: impl IntoIterator<Item = Write>,
    ) -> Result<TransactionOutcome, AwsError> {
        let action = self.action(action);
        let items: Vec<_> = writes.into_iter().map(Write::into_transaction).collect();
        // By it DynamoDB recognises a repetition of what it has already written.
        let token = Uuid::new_v4().simple().to_string();
        for attempt in 1..=CONFLICT_RETRY.max_attempts {
            let request = self
                .dynamodb()
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(&token);
            let Err(error) = request.send().await else { return Ok(TransactionOutcome::Written) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                    let reasons = canceled.cancellation_reasons();
                    match Cause::from_reasons(reasons) {
                        Cause::Condition => {
                            let refusals = reasons.iter().map(|reason| Refusal {
                                is_condition: reason.code() == Some(CONDITION),
                                existing: reason.item().cloned(),
                            });
                            return Ok(TransactionOutcome::Refused(refusals.collect()));
                        }
                        Cause::Transient => {}
                        Cause::Permanent => return Err(AwsError::new(action, &error)),
                    }
                }
                // The SDK stopped waiting for it, and DynamoDB is still working on it.
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
                _ => return Err(AwsError::new(action, &error)),
            }
            if attempt < CONFLICT_RETRY.max_attempts {
                CONFLICT_RETRY.backoff(attempt).await;
            }
        }
        Err(AwsError::unexpected(action, "other writes to the same items kept getting in between"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(codes: &[&str]) -> Cause {
        let reason = |code: &&str| CancellationReason::builder().code(*code).build();
        Cause::from_reasons(&codes.iter().map(reason).collect::<Vec<_>>())
    }

    #[test]
    fn transaction_is_retried_when_the_cause_is_transient() {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert_eq!(cause(&["None", code, "None"]), Cause::Transient, "{code}");
        }
        for codes in [&["None", "ValidationError"][..], &["ItemCollectionSizeLimitExceeded"], &[]] {
            assert_eq!(cause(codes), Cause::Permanent, "{codes:?}");
        }
    }

    #[test]
    fn failed_condition_decides_whatever_the_other_reasons_are() {
        assert_eq!(cause(&["None", "ConditionalCheckFailed"]), Cause::Condition);
        assert_eq!(cause(&["TransactionConflict", "ConditionalCheckFailed"]), Cause::Condition);
    }
}
