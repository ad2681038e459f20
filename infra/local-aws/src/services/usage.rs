//! Meters what callers use of DynamoDB, in the units that AWS bills. DynamoDB counts them
//! for requests with `ReturnConsumedCapacity`; while the meter runs, it is added to all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value as Json;

use super::body;
use super::fault::Call;

/// The usage of one caller.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// How many calls it made.
    pub calls: u64,
    /// Read request units.
    pub reads: f64,
    /// Write request units, those of indexes included.
    pub writes: f64,
}

/// Counts what callers use, from the first [`UsageMeter::reset`] on. A handle, cheap to
/// clone.
#[derive(Clone, Default)]
pub struct UsageMeter(Arc<Mutex<Option<BTreeMap<String, Used>>>>);

impl UsageMeter {
    /// Starts to count from zero.
    pub fn reset(&self) {
        *self.lock() = Some(BTreeMap::new());
    }

    /// The usage of the function of this name since then.
    pub fn used_by(&self, function: &str) -> Used {
        self.lock().as_ref().and_then(|used| used.get(function).copied()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<String, Used>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call on its way to the services.
pub(super) async fn read(
    State(meter): State<UsageMeter>,
    request: Request,
    next: Next,
) -> Response {
    let metered = meter.lock().is_some();
    let call = if metered { Call::from_request(&request) } else { None };
    let Some((caller, reads)) = call
        .filter(|call| call.service == "dynamodb")
        .and_then(|call| Some((call.caller?, reads(&call.operation)?)))
    else {
        return next.run(request).await;
    };
    let (mut head, asked) = request.into_parts();
    let asked = match body::whole(asked).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.json("1.0"),
    };
    let asked = match serde_json::from_slice(&asked) {
        Ok(Json::Object(mut fields)) => {
            fields.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
            Body::from(Json::Object(fields).to_string())
        }
        _ => Body::from(asked),
    };
    head.headers.remove(header::CONTENT_LENGTH);
    let (head, answer) = next.run(Request::from_parts(head, asked)).await.into_parts();
    let answer = body::whole(answer).await.unwrap_or_default();
    let fields: Json = serde_json::from_slice(&answer).unwrap_or_default();
    let units = units(&fields["ConsumedCapacity"]);
    if let Some(used) = meter.lock().as_mut() {
        let used = used.entry(caller).or_default();
        used.calls += 1;
        *if reads { &mut used.reads } else { &mut used.writes } += units;
    }
    Response::from_parts(head, Body::from(answer))
}

/// Whether an operation reads. `None` if it works on no items.
fn reads(operation: &str) -> Option<bool> {
    match operation {
        "GetItem" | "BatchGetItem" | "Query" | "Scan" | "TransactGetItems" => Some(true),
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => {
            Some(false)
        }
        _ => None,
    }
}

/// Of one table, or of several.
fn units(consumed: &Json) -> f64 {
    match consumed {
        Json::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn units_of_all_tables_are_added_up() {
        let table = |units: f64| json!({ "TableName": "t", "CapacityUnits": units });
        assert!((units(&table(1.5)) - 1.5).abs() < f64::EPSILON);
        assert!((units(&json!([table(2.0), table(4.0)])) - 6.0).abs() < f64::EPSILON);
        assert!(units(&Json::Null).abs() < f64::EPSILON);
    }
}
