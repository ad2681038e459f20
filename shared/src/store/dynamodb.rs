//! What every table needs of DynamoDB. Nothing in here knows one of our tables.
//!
//! All functions fail with an [`AwsError`](crate::aws::AwsError) that names the action
//! and the table, when DynamoDB doesn't answer or refuses the request for another
//! reason than a condition. A write that failed so may have been made.

pub(in crate::store) mod condition;
pub(in crate::store) mod delete_all;
pub(in crate::store) mod item;
pub(in crate::store) mod query;
pub(in crate::store) mod retention;
pub(in crate::store) mod table;
#[cfg(test)]
pub(in crate::store) mod test_tables;
pub(in crate::store) mod transaction;
pub(in crate::store) mod write;
