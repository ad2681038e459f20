//! One write of one item, alone or in a transaction.

use super::condition::{Condition, Part, Placeholders};
use super::item::{Item, number};
use super::table::Table;
use crate::aws::AwsError;
use crate::retry::Retry;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use std::collections::HashMap;
use std::time::Duration;

/// DynamoDB refuses a write to an item that is part of a transaction which isn't over,
/// and a transaction over an item that is being written. Either is over within
/// milliseconds, but the SDK repeats only what the service calls busy or broken. All
/// attempts end within a second, of the five that WeChat waits.
///
/// Source: DynamoDB's documentation, "Amazon DynamoDB Transactions: How it works",
/// section "Transaction conflict handling in DynamoDB".
pub(in crate::store) const CONFLICT_RETRY: Retry = Retry {
    max_attempts: 6,
    base: Duration::from_millis(20),
    max_pause: Duration::from_millis(320),
};

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Update,
    Put,
    Delete,
    Check,
}

/// Gives a builder of the SDK what all writes have. The builders have no trait in common.
macro_rules! fill {
    ($builder:expr, $set_item:ident, $write:ident) => {
        $builder
            .table_name($write.table)
            .$set_item(Some($write.item))
            .set_condition_expression($write.condition)
            .set_expression_attribute_names($write.names)
            .set_expression_attribute_values($write.values)
            .set_return_values_on_condition_check_failure($write.existing)
    };
}

/// A write as DynamoDB takes it.
struct Expressions {
    table: String,
    item: Item,
    update: Option<String>,
    condition: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<Item>,
    existing: Option<ReturnValuesOnConditionCheckFailure>,
}

/// A write of one item: what it changes, and on which condition.
#[derive(Clone, Debug)]
pub(in crate::store) struct Write {
    kind: Kind,
    table: String,
    /// The key; of a put the whole item.
    item: Item,
    set: Vec<Part>,
    add: Vec<Part>,
    delete: Vec<Part>,
    remove: Vec<Part>,
    condition: Option<Condition>,
    returns_existing: bool,
}

/// How a write ended that says what it found.
#[derive(Debug)]
pub(in crate::store) enum WriteOutcome {
    /// It is written. For an update, with all that the item has now.
    Written(Item),
    /// The condition didn't hold for this item, which is empty if there is none.
    Refused(Item),
}

impl WriteOutcome {
    /// What was written, or what was found.
    pub(in crate::store) fn item(&self) -> &Item {
        match self {
            Self::Written(item) | Self::Refused(item) => item,
        }
    }
}

impl Write {
    /// An update of the item of this key, which is made if there is none.
    pub(in crate::store) fn update(table: &Table, key: Item) -> Self {
        Self::new(Kind::Update, table, key)
    }

    /// An item in place of the one that may be there.
    pub(in crate::store) fn put(table: &Table, item: Item) -> Self {
        Self::new(Kind::Put, table, item)
    }

    /// The deletion of the item of this key.
    pub(in crate::store) fn delete(table: &Table, key: Item) -> Self {
        Self::new(Kind::Delete, table, key)
    }

    /// A condition on an item that a transaction doesn't write.
    pub(in crate::store) fn check(table: &Table, key: Item, condition: Condition) -> Self {
        Self::new(Kind::Check, table, key).when(condition)
    }

    fn new(kind: Kind, table: &Table, item: Item) -> Self {
        Self {
            kind,
            table: table.name().to_owned(),
            item,
            set: Vec::new(),
            add: Vec::new(),
            delete: Vec::new(),
            remove: Vec::new(),
            condition: None,
            returns_existing: false,
        }
    }

    pub(in crate::store) fn set(self, name: &str, value: AttributeValue) -> Self {
        self.assign(name, [Part::Value(value)])
    }

    /// Sets an attribute if there is a value, and removes it otherwise.
    pub(in crate::store) fn set_or_remove(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove([name]),
        }
    }

    /// Sets an attribute that isn't there.
    pub(in crate::store) fn set_if_absent(self, name: &str, value: AttributeValue) -> Self {
        let (open, name_again) = (Part::Text("if_not_exists("), Part::Name(name.to_owned()));
        self.assign(name, [open, name_again, Part::Text(", "), Part::Value(value), Part::Text(")")])
    }

    /// Counts, from 0 if the attribute isn't there.
    pub(in crate::store) fn increment(self, name: &str) -> Self {
        let mut write = self.set_if_absent(name, number(0_u64));
        write.set.extend([Part::Text(" + "), Part::Value(number(1_u64))]);
        write
    }

    /// Counts down.
    pub(in crate::store) fn decrement(self, name: &str) -> Self {
        let (known, one) = (Part::Name(name.to_owned()), Part::Value(number(1_u64)));
        self.assign(name, [known, Part::Text(" - "), one])
    }

    /// Adds members to a set.
    pub(in crate::store) fn add_members(mut self, name: &str, members: AttributeValue) -> Self {
        clause(&mut self.add, "ADD ", name, [Part::Text(" "), Part::Value(members)]);
        self
    }

    /// Removes members from a set.
    pub(in crate::store) fn delete_members(mut self, name: &str, members: AttributeValue) -> Self {
        clause(&mut self.delete, "DELETE ", name, [Part::Text(" "), Part::Value(members)]);
        self
    }

    pub(in crate::store) fn remove<const N: usize>(mut self, names: [&str; N]) -> Self {
        for name in names {
            clause(&mut self.remove, "REMOVE ", name, []);
        }
        self
    }

    /// Writes only if the condition holds, and all earlier ones.
    pub(in crate::store) fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(match self.condition {
            Some(known) => known.and(condition),
            None => condition,
        });
        self
    }

    /// In a transaction: if the condition doesn't hold, the refusal has the item.
    pub(in crate::store) fn returning_existing(mut self) -> Self {
        self.returns_existing = true;
        self
    }

    fn assign(mut self, name: &str, value: impl IntoIterator<Item = Part>) -> Self {
        clause(&mut self.set, "SET ", name, std::iter::once(Part::Text(" = ")).chain(value));
        self
    }

    /// The update and the condition as expressions, with their placeholders.
    fn into_expressions(self) -> Expressions {
        let mut placeholders = Placeholders::default();
        let mut update = Vec::new();
        for clause in [self.set, self.add, self.delete, self.remove] {
            if !update.is_empty() && !clause.is_empty() {
                update.push(Part::Text(" "));
            }
            update.extend(clause);
        }
        let update = (!update.is_empty()).then(|| placeholders.text(update));
        let condition = self.condition.map(|condition| placeholders.text(condition.into_parts()));
        let returns = ReturnValuesOnConditionCheckFailure::AllOld;
        Expressions {
            table: self.table,
            item: self.item,
            update,
            condition,
            names: placeholders.names(),
            values: placeholders.values(),
            existing: self.returns_existing.then_some(returns),
        }
    }

    pub(super) fn into_transaction(self) -> TransactWriteItem {
        const COMPLETE: &str = "key, table and expression are set";
        let (kind, write) = (self.kind, self.into_expressions());
        let item = TransactWriteItem::builder();
        match kind {
            Kind::Update => {
                let update = Update::builder().set_update_expression(write.update);
                item.update(fill!(update, set_key, write).build().expect(COMPLETE))
            }
            Kind::Put => item.put(fill!(Put::builder(), set_item, write).build().expect(COMPLETE)),
            Kind::Delete => {
                item.delete(fill!(Delete::builder(), set_key, write).build().expect(COMPLETE))
            }
            Kind::Check => {
                let check = fill!(ConditionCheck::builder(), set_key, write);
                item.condition_check(check.build().expect(COMPLETE))
            }
        }
        .build()
    }
}

/// Appends to one clause of an update.
fn clause(
    parts: &mut Vec<Part>,
    keyword: &'static str,
    name: &str,
    rest: impl IntoIterator<Item = Part>,
) {
    parts.push(Part::Text(if parts.is_empty() { keyword } else { ", " }));
    parts.push(Part::Name(name.to_owned()));
    parts.extend(rest);
}

impl Table {
    /// Makes one write. False if its condition didn't hold.
    pub(in crate::store) async fn write(
        &self,
        action: &str,
        write: Write,
    ) -> Result<bool, AwsError> {
        let outcome = self.send(action, write, ReturnValue::None).await?;
        Ok(matches!(outcome, WriteOutcome::Written(_)))
    }

    /// Makes one write. If its condition doesn't hold, says for which item.
    pub(in crate::store) async fn write_or_existing(
        &self,
        action: &str,
        write: Write,
    ) -> Result<WriteOutcome, AwsError> {
        self.send(action, write.returning_existing(), ReturnValue::None).await
    }

    /// Makes one update, and reads the item as it is then.
    pub(in crate::store) async fn update_and_read(
        &self,
        action: &str,
        update: Write,
    ) -> Result<WriteOutcome, AwsError> {
        self.send(action, update.returning_existing(), ReturnValue::AllNew).await
    }

    async fn send(
        &self,
        action: &str,
        write: Write,
        returns: ReturnValue,
    ) -> Result<WriteOutcome, AwsError> {
        macro_rules! send {
            ($request:expr, $error:ident) => {{
                let request = $request;
                let sent = CONFLICT_RETRY.run(|| request.clone().send(), is_conflict).await;
                self.outcome(action, sent.map(|output| output.attributes), |error| match error {
                    $error::ConditionalCheckFailedException(failed) => Some(failed.item()),
                    _ => None,
                })
            }};
        }
        let (kind, write) = (write.kind, write.into_expressions());
        match kind {
            Kind::Update => {
                let update = self.dynamodb().update_item().return_values(returns);
                let update = update.set_update_expression(write.update);
                send!(fill!(update, set_key, write), UpdateItemError)
            }
            Kind::Put => send!(fill!(self.dynamodb().put_item(), set_item, write), PutItemError),
            Kind::Delete => {
                send!(fill!(self.dynamodb().delete_item(), set_key, write), DeleteItemError)
            }
            Kind::Check => Err(AwsError::unexpected(
                self.action(action),
                "a condition without a write is possible in a transaction only",
            )),
        }
    }

    fn outcome<E, R>(
        &self,
        action: &str,
        sent: Result<Option<Item>, SdkError<E, R>>,
        refused: impl Fn(&E) -> Option<Option<&Item>>,
    ) -> Result<WriteOutcome, AwsError>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        match sent {
            Ok(item) => Ok(WriteOutcome::Written(item.unwrap_or_default())),
            Err(error) => match error.as_service_error().and_then(refused) {
                Some(item) => Ok(WriteOutcome::Refused(item.cloned().unwrap_or_default())),
                None => Err(AwsError::new(self.action(action), &error)),
            },
        }
    }
}

fn is_conflict<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code == Some("TransactionConflictException")
}

#[cfg(test)]
mod tests {
    use super::super::condition::attr;
    use super::super::item::{item_of, string, string_set};
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;

    #[test]
    fn only_a_conflict_with_a_transaction_is_retried() {
        let error = |code: &str| {
            let error = ErrorMetadata::builder().code(code).build();
            SdkError::<ErrorMetadata, ()>::service_error(error, ())
        };
        assert!(is_conflict(&error("TransactionConflictException")));
        for code in ["ConditionalCheckFailedException", "ValidationException"] {
            assert!(!is_conflict(&error(code)), "{code}");
        }
        assert!(CONFLICT_RETRY.longest_total_pause() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn update_has_each_clause_once() {
        let tables = super::super::test_tables::TestTables::start().await;
        let table = tables.table("any", ["user", "item"]);
        let key = item_of([("user", string("u")), ("item", string("i"))]);
        let write = Write::update(&table, key)
            .set("state", string("free"))
            .increment("count")
            .decrement("left")
            .add_members("members", string_set(["a"]))
            .delete_members("others", string_set(["b"]))
            .remove(["state_time", "scene"])
            .set_or_remove("absent", None)
            .when(attr("state").not_exists());
        let Expressions { update, condition, .. } = write.into_expressions();
        assert_eq!(
            update.as_deref(),
            Some(
                "SET #n0 = :v0, #n1 = if_not_exists(#n1, :v1) + :v2, #n2 = #n2 - :v3 \
                 ADD #n3 :v4 DELETE #n4 :v5 REMOVE #n5, #n6, #n7"
            )
        );
        assert_eq!(condition.as_deref(), Some("attribute_not_exists(#n0)"));
    }
}
