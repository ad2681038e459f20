//! The import of an account's followers, and the reconciliation of the next night.

use bench::Failure;
use bench::processes::{self, ProcessUsage};
use bench::usage::MeteredStack;
use serde_json::{Value, json};
use std::time::Instant;

const LIST_PATH: &str = "/cgi-bin/user/get";
const BATCH_PATH: &str = "/cgi-bin/user/info/batchget";
/// The row with the progress of the import.
const PROGRESS_ID: &str = "followers#wx0000000000005a01";
const FUNCTION: &str = "followers";

/// What one import or reconciliation took.
pub(crate) struct ImportCost {
    pub(crate) lists: u64,
    pub(crate) batches: u64,
    pub(crate) seconds: f64,
    pub(crate) dynamodb: u64,
    /// Processor time of the function, in seconds.
    pub(crate) processor_secs: f64,
    /// The peak of resident memory, in MB.
    pub(crate) peak_mb: f64,
}

/// Imports this many followers.
pub(crate) async fn import(stack: &MeteredStack, followers: usize) -> Result<ImportCost, Failure> {
    stack.stack.control("apps/shop/synthetic_followers", &json!({ "count": followers })).await?;
    measure(stack, &json!({ "import": { "app": "shop" } })).await
}

/// Reconciles all followers, as if half a day had passed.
pub(crate) async fn reconcile(stack: &MeteredStack) -> Result<ImportCost, Failure> {
    let update = json!({
        "TableName": "hongyan-local-notifications",
        "Key": { "id": { "S": PROGRESS_ID } },
        "UpdateExpression": "SET begun_at = :long_ago",
        "ExpressionAttributeValues": { ":long_ago": { "N": "0" } },
    });
    stack.stack.cloud.call_service("DynamoDB_20120810.UpdateItem", &update).await?;
    measure(stack, &json!({ "reconcile": {} })).await
}

async fn measure(stack: &MeteredStack, command: &Value) -> Result<ImportCost, Failure> {
    let (lists, batches) = list_and_batch_calls(stack).await?;
    let before = used(stack);
    let calls_before = dynamodb_calls(stack);
    let (begun, mut peak_mb) = (Instant::now(), 0.0_f64);
    invoke(stack, command).await?;
    loop {
        peak_mb = peak_mb.max(used(stack).peak_mb);
        let state = invoke(stack, &json!({ "status": { "app": "shop" } })).await?;
        match state["state"].as_str() {
            Some("done") => break,
            Some("listing" | "reconciling") => {
                invoke(stack, &json!({ "continue": {} })).await?;
            }
            _ => return Err(format!("it was not done: {state}").into()),
        }
    }
    let (lists_after, batches_after) = list_and_batch_calls(stack).await?;
    Ok(ImportCost {
        lists: lists_after - lists,
        batches: batches_after - batches,
        seconds: begun.elapsed().as_secs_f64(),
        dynamodb: dynamodb_calls(stack) - calls_before,
        processor_secs: (used(stack).processor_ms - before.processor_ms) / 1000.0,
        peak_mb,
    })
}

async fn invoke(stack: &MeteredStack, command: &Value) -> Result<Value, Failure> {
    stack.stack.invoke(FUNCTION, command).await
}

fn used(stack: &MeteredStack) -> ProcessUsage {
    processes::usage_of_function(FUNCTION, &stack.stack.cloud.processes())
}

fn dynamodb_calls(stack: &MeteredStack) -> u64 {
    stack.stack.cloud.aws.usage.used_by(&stack.stack.function(FUNCTION)).calls
}

/// Today's calls for pages of the list, and for batches of profiles.
async fn list_and_batch_calls(stack: &MeteredStack) -> Result<(u64, u64), Failure> {
    let quotas = stack.stack.sandbox("apps/shop/quotas").await?;
    let used = |path: &str| quotas["used"][path].as_u64().unwrap_or_default();
    Ok((used(LIST_PATH), used(BATCH_PATH)))
}
