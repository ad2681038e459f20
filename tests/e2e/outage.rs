//! WeChat tells three times in some fifteen seconds, and then never again.

use crate::world::World;
use futures_util::future::join_all;
use local_aws::services::{Fault, FaultHandle};
use serde_json::{Value, json};

/// One message of ann's, as WeChat delivers it until it is answered.
async fn write(world: &World) -> Value {
    let message = json!({ "app": "shop", "text": "Where is my kettle?" });
    world.wechat.post("people/ann/message", &message).await
}

/// A world in which ann follows, and so can write.
async fn start() -> World {
    let world = World::start().await;
    // Deliveries are counted.
    world.wechat.chaos_without(&["pushed_twice"]).await;
    world.phone("ann").follow("shop").await;
    world
}

/// Waits until the callback has answered this many more pushes.
async fn answered(world: &World, pushes: usize) {
    let has_ended = |line: &&String| line.starts_with("callback") && line.contains(" END ");
    let count = || world.lines().iter().filter(has_ended).count();
    let before = count();
    world.until("the callback's answers", || count() >= before + pushes).await;
}

/// The put with which the callback function stores an event.
fn put(world: &World) -> Fault {
    Fault::new("dynamodb", "PutItem").by(world.cloud.function("callback"))
}

/// What was written was written once, was applied, and left no line in the
/// chat about a service that fails.
async fn stored_once(world: &World) {
    world.idle().await;
    let row = world.aws.row("events", "kind", "text").await;
    assert!(row["applied_at"].is_number(), "{row}");
    assert!(world.phone("ann").screen_of("system").await.is_empty());
}

/// Fault 6.
#[tokio::test]
async fn third_delivery_is_stored_when_dynamodb_fails_for_ten_seconds() {
    let world = start().await;
    let refused = put(&world).refuse("InternalServerError");
    let refused = world.cloud.aws.faults.inject(refused).unwrap();
    // Two deliveries take some ten seconds.
    let recovery = async {
        answered(&world, 2).await;
        refused.cancel();
    };
    let (done, ()) = tokio::join!(write(&world), recovery);
    let statuses: Vec<_> =
        done["pushes"].as_array().unwrap().iter().map(|push| push["status"].clone()).collect();
    assert_eq!(statuses, [500, 500, 200], "{done}");
    stored_once(&world).await;
}

/// Under load Lambda starts new processes, in an outage as well.
/// Faults 6, 62.
#[tokio::test]
async fn callback_that_starts_in_an_outage_stores_the_next_delivery() {
    let world = start().await;
    world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
    let callback = || world.cloud.function("callback");
    let operations = [
        ("ssm", "GetParametersByPath"),
        ("dynamodb", "DescribeTimeToLive"),
        ("dynamodb", "PutItem"),
    ];
    let refused = operations.map(|(service, operation)| {
        let refused = Fault::new(service, operation).by(callback()).refuse("InternalServerError");
        world.cloud.aws.faults.inject(refused).unwrap()
    });
    let recovery = async {
        answered(&world, 1).await;
        refused.iter().for_each(FaultHandle::cancel);
    };
    let (done, ()) = tokio::join!(write(&world), recovery);
    let statuses: Vec<_> =
        done["pushes"].as_array().unwrap().iter().map(|push| push["status"].clone()).collect();
    assert_eq!(statuses, [500, 200], "{done}");
    stored_once(&world).await;
}

/// Fault 4.
#[tokio::test]
async fn short_throttling_delays_no_delivery() {
    let world = start().await;
    let throttled = put(&world).refuse("ProvisionedThroughputExceededException").times(6);
    world.cloud.aws.faults.inject(throttled).unwrap();
    let done = write(&world).await;
    assert_eq!(done["pushes"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(done["pushes"][0]["status"], 200);
    stored_once(&world).await;
}

/// Fault 5.
#[tokio::test]
async fn event_is_stored_once_when_its_confirmation_is_lost() {
    let world = start().await;
    let lost = world.cloud.aws.faults.inject(put(&world).reset().after().once()).unwrap();
    let done = write(&world).await;
    assert_eq!(done["pushes"][0]["status"], 200, "{done}");
    assert_eq!(lost.fired(), 1);
    stored_once(&world).await;
}

/// Kills the function while DynamoDB has, or has not, taken the event, and so
/// `found` is what the next delivery finds.
async fn killed_at_its_put(fault: impl FnOnce(Fault) -> Fault, found: &str) {
    let world = start().await;
    let held = world.cloud.aws.faults.inject(fault(put(&world).hold().once())).unwrap();
    let kill = async {
        held.holds(1).await;
        world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
        // A call whose caller has crashed is never applied.
        held.holds(0).await;
    };
    let (done, ()) = tokio::join!(write(&world), kill);
    let statuses: Vec<_> =
        done["pushes"].as_array().unwrap().iter().map(|push| push["status"].clone()).collect();
    assert_eq!(statuses, [500, 200], "{done}");
    let told =
        |line: &String| ["kind=\"text\"", "outcome=", found].iter().all(|word| line.contains(word));
    assert!(world.lines().iter().any(told), "{found}: {:#?}", world.lines());
    stored_once(&world).await;
}

/// Fault 2.
#[tokio::test]
async fn event_is_stored_by_the_next_delivery_after_a_crash_before_the_put() {
    killed_at_its_put(|fault| fault, "Inserted").await;
}

/// Fault 3.
#[tokio::test]
async fn event_is_not_duplicated_by_the_next_delivery_after_a_crash_behind_the_put() {
    killed_at_its_put(Fault::after, "Duplicate").await;
}

/// Faults 4, 7.
#[tokio::test]
async fn every_push_is_stored_once_while_dynamodb_throttles() {
    let world = World::start().await;
    // Of the first puts some are refused; others are applied and not confirmed. After
    // them, every second one is throttled.
    let faults = [
        put(&world).refuse("InternalServerError").times(10),
        put(&world).reset().after().times(10),
        put(&world).refuse("ThrottlingException").percent(50),
    ];
    for fault in faults {
        world.cloud.aws.faults.inject(fault).unwrap();
    }
    let pushes = (0..40).map(async |number: u64| {
        let message = json!({
            "from": format!("oUser{number}"), "MsgType": "text", "Content": "hi",
            "MsgId": 24_000_000_000_000_000_u64 + number,
        });
        let answer = world.wechat.push(json!({ "app": "shop", "message": message })).await;
        assert_eq!(answer[0]["status"], 200, "{answer:?}");
    });
    join_all(pushes).await;
    world.idle().await;
    let rows = world.aws.rows("events").await;
    assert_eq!(rows.len(), 40);
    assert!(rows.iter().all(|row| row["applied_at"].is_number()));
}
