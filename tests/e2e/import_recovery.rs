//! An import resumes after crashes, and concurrent invocations share its work.

use crate::channel_scenario::eventually;
use crate::followers::{
    BATCH, LIST, ROW, assert_true, follow_without_events, import, pages_of, resume, status, used,
};
use crate::world::World;
use local_aws::InvokeFailure;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::time::Duration;

const IMPORT: &str = r#"{"import":{"app":"shop"}}"#;

/// Imports the shop's followers, and kills the function after a pause.
async fn killed_after(world: &World, pause: Duration) {
    killed_when(world, async || tokio::time::sleep(pause).await).await;
}

/// Imports the shop's followers, and kills the function when the condition is met.
async fn killed_when(world: &World, condition: impl AsyncFnOnce()) {
    let event: Value = serde_json::from_str(IMPORT).unwrap();
    let kill = async {
        condition().await;
        world.cloud.kill(&world.cloud.function("followers")).await.unwrap();
    };
    let _ = tokio::join!(world.invoke("followers", &event), kill);
}

#[tokio::test]
async fn import_resumes_after_a_crash_at_any_point_and_becomes_complete() {
    let world = World::start().await;
    pages_of(&world, 250).await;
    follow_without_events(&world, 3000).await;
    world.wechat.fault(json!({ "path": BATCH, "delay_ms": 100, "times": 10_000 })).await;
    let mut ended = 0;
    while ended < 20 {
        let random = u64::from(shared::jitter::random_u32() % 400);
        killed_after(&world, Duration::from_millis(20 + random)).await;
        ended += 1;
        // While its lease was valid, no other invocation would resume.
        world.aws.set_time(ROW, "lease_until", 0).await;
        // Meanwhile people follow and unfollow, with and without events.
        for (number, silently) in [(ended * 7, true), (2900 + ended, false)] {
            let path = format!("apps/shop/synthetic_followers/{number}/unfollow");
            world.wechat.post(&path, &json!({ "silently": silently })).await;
        }
    }
    assert_eq!(import(&world).await["state"], "done");
    // Unfollows without an event after their page was read are detected the next night.
    assert_eq!(import(&world).await["state"], "done");
    assert_true(&world).await;
}

#[tokio::test]
async fn lease_of_a_crashed_invocation_expires() {
    let world = World::start().await;
    follow_without_events(&world, 150).await;
    world.wechat.fault(json!({ "path": BATCH, "delay_ms": 2000, "times": 2 })).await;
    killed_when(&world, async || {
        let begun = async || {
            world
                .aws
                .rows("notifications")
                .await
                .iter()
                .any(|row| row["id"] == ROW && row["lease_until"].is_number())
        };
        eventually("an invocation holds the lease", begun).await;
    })
    .await;
    world.wechat.heal().await;
    let held = status(&world).await;
    assert_eq!(held["state"], "listing", "{held}");
    assert_eq!(
        held["continues_at"],
        json!(null),
        "another invocation seems to hold the lease: {held}"
    );
    assert_eq!(import(&world).await["state"], "listing");
    world.aws.set_time(ROW, "lease_until", 0).await;
    assert_eq!(resume(&world).await["state"], "done");
    assert_true(&world).await;
}

#[tokio::test]
async fn one_of_several_concurrent_invocations_does_the_work() {
    let world = World::start().await;
    pages_of(&world, 100).await;
    follow_without_events(&world, 1000).await;
    world.wechat.fault(json!({ "path": BATCH, "delay_ms": 20, "times": 1000 })).await;
    let event: Value = serde_json::from_str(IMPORT).unwrap();
    let minute = json!({ "continue": {} });
    let (a, b, c, d) = tokio::join!(
        world.invoke("followers", &event),
        world.invoke("followers", &event),
        world.invoke("followers", &minute),
        world.invoke("followers", &minute),
    );
    c.unwrap();
    d.unwrap();
    let states = [&a.unwrap()["state"], &b.unwrap()["state"]]
        .map(|state| state.as_str().unwrap().to_owned());
    assert!(states.contains(&"done".to_owned()), "{states:?}");
    world.idle().await;
    assert_eq!(status(&world).await["imported"], 1000);
    assert_eq!((used(&world, LIST).await, used(&world, BATCH).await), (10, 10));
    assert_true(&world).await;
}

#[tokio::test]
async fn import_continues_in_the_next_minutes_when_time_runs_out() {
    // It begins nothing that might take longer than 40 seconds.
    let world = World::changed(&[("Timeout: 300", "Timeout: 42")]).await;
    world.token_round().await;
    pages_of(&world, 50).await;
    follow_without_events(&world, 1000).await;
    world.wechat.fault(json!({ "path": BATCH, "delay_ms": 300, "times": 1000 })).await;
    let mut last = import(&world).await;
    assert_eq!(last["state"], "listing", "{last}");
    assert!(last["continues_at"].is_u64(), "{last}");
    let mut minutes = 0;
    while last["state"] != "done" {
        let next = resume(&world).await;
        // All may have been listed when the time was up, and only the end was missing.
        let further = next["listed"].as_u64() > last["listed"].as_u64();
        assert!(further || next["state"] == "done", "{next}");
        last = next;
        minutes += 1;
        assert!(minutes < 20, "{last}");
    }
    assert_eq!(last["imported"], 1000);
    assert_true(&world).await;
}

#[tokio::test]
async fn refused_and_unconfirmed_writes_are_done_once() {
    let world = World::start().await;
    follow_without_events(&world, 250).await;
    let of =
        |operation: &str| Fault::new("dynamodb", operation).by(world.cloud.function("followers"));
    let faults = [
        of("TransactWriteItems").refuse("ThrottlingException").times(4),
        of("TransactWriteItems").reset().after().times(3),
        of("BatchGetItem").refuse("InternalServerError").times(4),
        of("UpdateItem").reset().after().times(2),
        of("Scan").refuse("ProvisionedThroughputExceededException").times(4),
    ];
    let faults = faults.map(|fault| world.cloud.aws.faults.inject(fault).unwrap());
    let done = import(&world).await;
    assert_eq!(done["state"], "done", "{done}");
    for fault in faults {
        assert!(fault.fired() > 1, "it never fired");
    }
    assert_true(&world).await;
}

#[tokio::test]
async fn import_reports_an_aws_failure_and_resumes_later() {
    let world = World::start().await;
    follow_without_events(&world, 150).await;
    let fault = Fault::new("dynamodb", "TransactWriteItems").by(world.cloud.function("followers"));
    let fault = world.cloud.aws.faults.inject(fault.refuse("InternalServerError")).unwrap();
    let event: Value = serde_json::from_str(IMPORT).unwrap();
    let failed = world.invoke("followers", &event).await;
    let Err(InvokeFailure::Failed { error, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(error["errorType"], "InternalError", "{error}");
    let waiting = status(&world).await;
    assert_eq!(waiting["state"], "listing", "{waiting}");
    assert!(waiting["reason"].as_str().unwrap().contains("an AWS call failed"), "{waiting}");
    assert!(waiting["continues_at"].is_u64(), "{waiting}");
    fault.cancel();
    world.aws.set_time(ROW, "retry_at", 0).await;
    assert_eq!(resume(&world).await["state"], "done");
    assert_true(&world).await;
}
