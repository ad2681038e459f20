//! A model of the limits that DynamoDB has for one partition key value of a table or of an
//! index: 1,000 write units and 3,000 read units a second. Off until it is switched on.
//!
//! Each partition key value has a token bucket that holds one second's units. A request is
//! refused if one of its buckets is empty; a larger request than what is left is executed,
//! and the bucket owes the rest. A write also needs the buckets of the index entries that
//! it changes: an index that is throttled throttles its table's writes.
//!
//! Sources: DynamoDB developer guide, "Burst and adaptive capacity", "Understanding global
//! secondary index (GSI) write throttling and back pressure in DynamoDB", "DynamoDB read
//! and write operations"; API reference, `ThrottlingReason`, `TransactionCanceledException`.
//!
//! What differs from AWS: AWS lends the unused units of up to five minutes, without a
//! promise; it splits a partition with several hot keys, which the model anticipates by
//! limiting keys and not partitions; an index is throttled a little later than here. Scans
//! and `PartiQL` are not limited. An update that moves an index entry is charged to its new
//! key, but not refused by it.

mod buckets;
mod requests;
mod units;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use dynoxide::Database;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::services::account::{ACCOUNT, REGION};
use crate::services::body;
use crate::services::refusal::answer;
use buckets::{Buckets, Partition};
use requests::Calls;

/// What AWS answers where the capacity grows by itself.
const MESSAGE: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly. If exceptions persist, check if you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html";

/// Units a second for each partition key value of a table, and of an index.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartitionLimits {
    /// Write units a second.
    pub write_units: f64,
    /// Read units a second.
    pub read_units: f64,
}

impl Default for PartitionLimits {
    /// Those of AWS.
    fn default() -> Self {
        Self { write_units: 1000.0, read_units: 3000.0 }
    }
}

/// The model. A handle, cheap to clone.
#[derive(Clone, Default)]
pub struct PartitionModel(Arc<Mutex<Option<Buckets>>>);

/// What a request is charged once it is answered.
pub(super) struct Admission {
    model: PartitionModel,
    database: Database,
    calls: Calls,
    charged: Vec<(Partition, f64)>,
}

/// A resource and an operation on it that a request was refused for.
struct Throttled {
    resource: String,
    reads: bool,
}

impl PartitionModel {
    /// Switches the model on with full buckets, and counts refusals from zero.
    pub fn limit(&self, limits: PartitionLimits) {
        *self.lock() = Some(Buckets::new(limits));
    }

    /// Switches the model off.
    pub fn unlimit(&self) {
        *self.lock() = None;
    }

    /// The limits, if the model is on.
    pub fn limits(&self) -> Option<PartitionLimits> {
        self.lock().as_ref().map(Buckets::limits)
    }

    /// How many calls were refused since the model was switched on, by resource: a table's
    /// name, or `{table}/index/{index}`.
    pub fn throttled(&self) -> BTreeMap<String, u64> {
        self.lock().as_ref().map(|buckets| buckets.throttled().clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Buckets>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a request, or answers it. Runs SQL on this thread if the model is on.
    pub(super) async fn admit(
        &self,
        database: &Database,
        operation: &str,
        request: Request,
    ) -> Result<(Request, Option<Admission>), Response> {
        if self.lock().is_none() || !requests::is_limited(operation) {
            return Ok((request, None));
        }
        let (mut head, asked) = request.into_parts();
        let asked = body::whole(asked).await.map_err(|refusal| refusal.json("1.0"))?;
        let calls = serde_json::from_slice(&asked).ok();
        let calls = calls.and_then(|asked| Calls::read(database, operation, asked));
        // What the engine refuses is not limited.
        let Some(mut calls) = calls else {
            return Ok((Request::from_parts(head, Body::from(asked)), None));
        };
        let charged = match self.charge(&mut calls) {
            Ok(charged) => charged,
            Err(throttled) => return Err(throttled.answer(&calls)),
        };
        head.headers.remove(header::CONTENT_LENGTH);
        let request = Request::from_parts(head, Body::from(calls.body().to_string()));
        let admission =
            Admission { model: self.clone(), database: database.clone(), calls, charged };
        Ok((request, Some(admission)))
    }

    /// Takes the units that a request is expected to consume.
    fn charge(&self, calls: &mut Calls) -> Result<Vec<(Partition, f64)>, Throttled> {
        let mut model = self.lock();
        let Some(buckets) = model.as_mut() else { return Ok(Vec::new()) };
        let mut charged = Vec::new();
        let mut refused = None;
        calls.retain(|call| match buckets.exhausted(&call.expected) {
            None => {
                charged.extend(call.expected.iter().cloned());
                true
            }
            Some(partition) => {
                buckets.count(&partition.resource);
                let Partition { resource, reads, .. } = partition.clone();
                refused = Some(Throttled { resource, reads });
                false
            }
        });
        match refused {
            Some(throttled) if calls.is_all_or_nothing() || calls.is_empty() => Err(throttled),
            _ => {
                buckets.consume(charged.iter().map(|(partition, units)| (partition, *units)));
                Ok(charged)
            }
        }
    }
}

impl Admission {
    /// Charges what the answered request did consume, and completes the answer.
    pub(super) async fn adjust(self, answered: Response) -> Response {
        let (mut head, answered) = answered.into_parts();
        let answered = body::whole(answered).await.unwrap_or_default();
        let read: Value = serde_json::from_slice(&answered).unwrap_or_default();
        let consumed = self.calls.consumed(&self.database, head.status, &read);
        if let Some(buckets) = self.model.lock().as_mut() {
            let back = self.charged.iter().map(|(partition, units)| (partition, -units));
            let consumed = consumed.iter().map(|(partition, units)| (partition, *units));
            buckets.consume(back.chain(consumed));
        }
        let answered = match self.calls.complete(read) {
            Some(completed) => {
                head.headers.remove(header::CONTENT_LENGTH);
                head.headers.remove("x-amz-crc32");
                completed.to_string().into()
            }
            None => answered,
        };
        Response::from_parts(head, Body::from(answered))
    }
}

impl Throttled {
    fn answer(&self, calls: &Calls) -> Response {
        let body = match calls.cancellation_reasons() {
            Some(reasons) => {
                let codes: Vec<_> = reasons.iter().filter_map(|it| it["Code"].as_str()).collect();
                json!({
                    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                    "Message": format!(
                        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                        codes.join(", "),
                    ),
                    "CancellationReasons": reasons,
                })
            }
            None => json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
                "message": MESSAGE,
                "throttlingReasons": [{ "reason": self.reason(), "resource": self.arn() }],
            }),
        };
        answer(StatusCode::BAD_REQUEST, "1.0", body.to_string())
    }

    fn reason(&self) -> String {
        let resource = if self.resource.contains("/index/") { "Index" } else { "Table" };
        let operation = if self.reads { "Read" } else { "Write" };
        format!("{resource}{operation}KeyRangeThroughputExceeded")
    }

    fn arn(&self) -> String {
        format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", self.resource)
    }
}
