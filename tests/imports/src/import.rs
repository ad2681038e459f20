//! An account's followers are brought in, and the night after it.

use costs::World;
use measuring::processes;
use serde_json::{Value, json};
use std::error::Error;
use std::time::Instant;

const LIST: &str = "/cgi-bin/user/get";
const BATCH: &str = "/cgi-bin/user/info/batchget";
/// The row that says how far the import is.
const ROW: &str = "followers#wx0000000000005a01";
const FUNCTION: &str = "followers";

/// What one import took.
pub(crate) struct Cost {
    pub(crate) lists: u64,
    pub(crate) batches: u64,
    pub(crate) seconds: f64,
    pub(crate) dynamodb: u64,
    /// Processor time of the function, in seconds.
    pub(crate) processor: f64,
    /// The most memory that the process has had, in MB.
    pub(crate) peak: f64,
}

/// Brings so many in who have followed for long.
pub(crate) async fn all(world: &World, followers: usize) -> Result<Cost, Box<dyn Error>> {
    world.sandbox("apps/shop/synthetic_followers", &json!({ "count": followers })).await?;
    measure(world, &json!({ "import": { "app": "shop" } })).await
}

/// Compares all followers with the list, as if half a day had gone by.
pub(crate) async fn night(world: &World) -> Result<Cost, Box<dyn Error>> {
    let update = json!({
        "TableName": "hongyan-local-notifications",
        "Key": { "id": { "S": ROW } },
        "UpdateExpression": "SET begun_at = :long_ago",
        "ExpressionAttributeValues": { ":long_ago": { "N": "0" } },
    });
    world.cloud.ask("DynamoDB_20120810.UpdateItem", &update).await?;
    measure(world, &json!({ "reconcile": {} })).await
}

async fn measure(world: &World, order: &Value) -> Result<Cost, Box<dyn Error>> {
    let (lists, batches) = asked(world).await?;
    let before = used(world);
    let calls_before = calls(world);
    let (begun, mut peak) = (Instant::now(), 0.0_f64);
    invoke(world, order).await?;
    loop {
        peak = peak.max(used(world).peak);
        let state = invoke(world, &json!({ "status": { "app": "shop" } })).await?;
        match state["state"].as_str() {
            Some("done") => break,
            Some("listing" | "reconciling") => {
                invoke(world, &json!({ "continue": {} })).await?;
            }
            _ => return Err(format!("it was not done: {state}").into()),
        }
    }
    let (lists_after, batches_after) = asked(world).await?;
    Ok(Cost {
        lists: lists_after - lists,
        batches: batches_after - batches,
        seconds: begun.elapsed().as_secs_f64(),
        dynamodb: calls(world) - calls_before,
        processor: (used(world).processor - before.processor) / 1000.0,
        peak,
    })
}

async fn invoke(world: &World, order: &Value) -> Result<Value, Box<dyn Error>> {
    Ok(world.cloud.invoke(&world.cloud.function(FUNCTION), order).await?)
}

fn used(world: &World) -> processes::Used {
    processes::of(FUNCTION, &world.cloud.processes())
}

fn calls(world: &World) -> u64 {
    world.cloud.aws.usage.of(&world.cloud.function(FUNCTION)).calls
}

/// How often WeChat was asked for pages and for batches today.
async fn asked(world: &World) -> Result<(u64, u64), Box<dyn Error>> {
    let quotas = world.ask("apps/shop/quotas").await?;
    let used = |path: &str| quotas["used"][path].as_u64().unwrap_or_default();
    Ok((used(LIST), used(BATCH)))
}
