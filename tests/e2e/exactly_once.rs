//! Whatever happens to the function in the middle of a notification, ann never
//! sees two messages; and she sees one wherever that can be made sure of.

use crate::channel_scenario::{ChannelScenario, REPEATABLE, UNREPEATABLE};
use crate::world::World;
use futures_util::future::join_all;
use local_aws::services::{Fault, ProcessCommand};
use serde_json::{Value, json};
use shared::clock::Timestamp;

fn kinds() -> impl Iterator<Item = &'static str> {
    REPEATABLE.into_iter().chain(UNREPEATABLE)
}

/// Fault 33.
#[tokio::test]
async fn deduplicated_message_is_repeated_after_a_crash_behind_the_call() {
    for kind in REPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        scene.send_and_die("order-1").await;

        // No other attempt begins while the crashed function could be alive.
        scene.sweep().await;
        let early = scene.send("order-1").await;
        assert_eq!((&early["outcome"], scene.calls().await), (&json!("in_progress"), 1), "{kind}");

        scene.later("order-1").await;
        assert_eq!(scene.status("order-1").await, "delivered", "{kind}");
        assert_eq!((scene.calls().await, scene.seen().await), (2, 1), "{kind}");
        let report = scene.send("order-1").await;
        assert_eq!(
            (&report["outcome"], &report["channel"]),
            (&json!("delivered"), &json!(kind)),
            "{report}"
        );
        scene.later("order-1").await;
        assert_eq!((scene.calls().await, scene.seen().await), (2, 1), "{kind}");
        if kind != "template" {
            scene.assert_used_up().await;
        }
    }
}

/// Fault 34.
#[tokio::test]
async fn other_message_is_not_repeated_after_a_crash_behind_the_call() {
    for kind in UNREPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        scene.send_and_die("order-1").await;
        scene.later("order-1").await;
        assert_eq!(scene.status("order-1").await, "ambiguous", "{kind}");
        let report = scene.send("order-1").await;
        assert_eq!(
            (&report["outcome"], &report["channel"]),
            (&json!("ambiguous"), &json!(kind)),
            "{report}"
        );
        for _ in 0..2 {
            scene.later("order-1").await;
        }
        assert_eq!(scene.status("order-1").await, "ambiguous", "{kind}");
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
        scene.assert_used_up().await;
    }
}

/// Fault 32.
#[tokio::test]
async fn message_with_a_recorded_intent_is_sent_when_it_cannot_be_a_duplicate() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        scene.warm_up().await;
        let intent = scene.given(scene.storing().after().hold());
        let request = scene.request("order-1");
        let death = async {
            intent.holds(1).await;
            scene.kill().await;
            intent.holds(0).await;
            intent.cancel();
        };
        let (died, ()) = tokio::join!(scene.world.invoke("send", &request), death);
        died.unwrap_err();
        scene.world.idle().await;
        assert_eq!(scene.calls().await, 0, "{kind}");

        scene.later("order-1").await;
        if REPEATABLE.contains(&kind) {
            assert_eq!(scene.status("order-1").await, "delivered", "{kind}");
            assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
        } else {
            assert_eq!(scene.status("order-1").await, "ambiguous", "{kind}");
            assert_eq!((scene.calls().await, scene.seen().await), (0, 0), "{kind}");
            scene.assert_used_up().await;
        }
    }
}

/// Fault 32.
#[tokio::test]
async fn message_without_a_recorded_intent_is_sent_at_the_next_request() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        scene.warm_up().await;
        let writing = scene.given(scene.storing().hold());
        let request = scene.request("order-1");
        let death = async {
            writing.holds(1).await;
            scene.kill().await;
            writing.holds(0).await;
            writing.cancel();
        };
        let (died, ()) = tokio::join!(scene.world.invoke("send", &request), death);
        died.unwrap_err();
        scene.world.idle().await;
        assert!(scene.world.aws.rows("notifications").await.is_empty(), "{kind}");
        assert_eq!(scene.send("order-1").await["outcome"], "sent", "{kind}");
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn lost_confirmation_of_either_write_changes_nothing() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        scene.warm_up().await;
        let announcing = scene.given(scene.storing().reset().after().once());
        let (answer, committing) = scene
            .send_and("order-1", async || scene.given(scene.storing().reset().after().once()))
            .await;
        let answer = answer.unwrap();
        let outcome = &answer["notifications"][0]["outcome"];
        assert!(outcome == "sent" || outcome == "delivered", "{kind}: {answer}");
        assert_eq!((announcing.fired(), committing.fired()), (1, 1), "{kind}");
        scene.world.idle().await;
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
        if kind != "template" {
            scene.assert_used_up().await;
        }
    }
}

#[tokio::test]
async fn message_is_not_sent_before_its_intent_is_confirmed() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        scene.warm_up().await;
        let announcing = scene.given(scene.storing().reset().after());
        let (failure, message) = scene.world.refused(&scene.request("order-1")).await;
        assert_eq!(failure, "InternalError", "{kind}");
        assert!(message.contains("again with the same id"), "{message}");
        announcing.cancel();
        assert_eq!(scene.calls().await, 0, "{kind}");

        // So it is sent by the next attempt, whichever channel it is.
        scene.later("order-1").await;
        let status = scene.status("order-1").await;
        assert!(status == "sent" || status == "delivered", "{kind}: {status}");
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn unconfirmed_commit_is_found_by_the_next_request() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        // The receipt would have to be written with it, and comes later.
        scene.world.wechat.post("pushing", &json!({ "receipt_delay_ms": 5000 })).await;
        let (answer, lost) =
            scene.send_and("order-1", async || scene.given(scene.storing().reset().after())).await;
        answer.unwrap_err();
        lost.cancel();
        scene.world.idle().await;
        let outcome = scene.send("order-1").await["outcome"].clone();
        assert!(outcome == "sent" || outcome == "delivered", "{kind}: {outcome}");
        scene.later("order-1").await;
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
    }
}

/// Fault 55.
#[tokio::test]
async fn outcome_is_recovered_when_dynamodb_fails_after_wechat_accepts() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        let down = scene.storing().refuse("InternalServerError");
        let (answer, down) = scene.send_and("order-1", async || scene.given(down)).await;
        answer.unwrap_err();
        assert!(down.fired() >= 3, "{kind}: {}", down.fired());
        down.cancel();
        scene.world.idle().await;
        assert_eq!(scene.send("order-1").await["outcome"], "in_progress", "{kind}");

        scene.later("order-1").await;
        let (status, calls) =
            if REPEATABLE.contains(&kind) { ("delivered", 2) } else { ("ambiguous", 1) };
        assert_eq!(scene.status("order-1").await, status, "{kind}");
        assert_eq!((scene.calls().await, scene.seen().await), (calls, 1), "{kind}");
    }
}

#[tokio::test]
async fn attempt_does_not_call_wechat_after_waiting_too_long_for_a_token() {
    // The same margins as with a minute, and less to wait for.
    let minute = "if 12 seconds are left.\n      Timeout: 60";
    for (kind, sent) in [("template", 1), ("customer_service", 0)] {
        let world = World::changed(&[(minute, &minute.replace("60", "16"))]).await;
        world.token_round().await;
        let scene = ChannelScenario::within(world, kind).await;
        scene.warm_up().await;
        scene.fault(json!({ "errcode": 40001 })).await;
        let send = scene.world.cloud.function("send");
        let renewing = scene.given(Fault::new("lambda", "Invoke").by(send).hold());
        let request = scene.request("order-1");
        let begun = Timestamp::now();
        let another = async {
            renewing.holds(1).await;
            // The next attempt finds it abandoned.
            scene.world.aws.set_time("order-1", "lease_until", 1).await;
            let other = scene.world.invoke("send", &request).await.unwrap();
            let outcome = if sent == 1 { "sent" } else { "ambiguous" };
            assert_eq!(other["notifications"][0]["outcome"], outcome, "{kind}");
            // Eight seconds before its end the first has no time for a call any more.
            scene.world.until("it is too late", || Timestamp::now() > begun.plus(8)).await;
            renewing.cancel();
        };
        let (answer, ()) = tokio::join!(scene.world.invoke("send", &request), another);
        let answer = answer.unwrap();
        scene.world.idle().await;
        // One more was refused for the token's sake.
        assert_eq!((scene.calls().await, scene.seen().await), (1 + sent, sent), "{kind}: {answer}");
        let status = if sent == 1 { "delivered" } else { "ambiguous" };
        assert_eq!(scene.status("order-1").await, status, "{kind}: {answer}");
    }
}

/// Fault 50.
#[tokio::test]
async fn twenty_concurrent_requests_with_one_consent_make_one_call() {
    for kind in ["bizsend", "subscribe", "legacy_template"] {
        let scene = ChannelScenario::new(kind).await;
        let requests: Vec<_> = (0..20).map(|at| scene.request(&format!("order-{at}"))).collect();
        let reports = scene.world.send_at_once(&requests).await;
        let sent = reports.iter().filter(|report| report["outcome"] == "sent").count();
        assert_eq!((sent, scene.calls().await, scene.seen().await), (1, 1, 1), "{reports:#?}");
        let left = if kind == "legacy_template" { "unreachable" } else { "no_consent" };
        let others = reports.iter().filter(|report| report["outcome"] == left).count();
        assert_eq!(others, 19, "{reports:#?}");
    }
}

/// Fault 31.
#[tokio::test]
async fn queue_and_caller_can_request_the_same_id_concurrently() {
    for kind in kinds() {
        let scene = ChannelScenario::new(kind).await;
        scene.allow().await;
        let request = scene.request("order-1");
        for _ in 0..5 {
            scene
                .world
                .cloud
                .aws
                .queues
                .send("hongyan-local-notifications", request.to_string())
                .unwrap();
        }
        let asks: Vec<_> = (0..5).map(|_| scene.world.invoke("send", &request)).collect();
        for answer in join_all(asks).await {
            let outcome = &answer.unwrap()["notifications"][0]["outcome"];
            let good = ["sent", "in_progress", "delivered"].map(Value::from);
            assert!(good.contains(outcome), "{kind}: {outcome}");
        }
        scene.world.idle().await;
        assert_eq!((scene.calls().await, scene.seen().await), (1, 1), "{kind}");
    }
}

/// A scene of this kind in which a function has 16 seconds, which is less to wait for
/// than a minute, with the same margins.
async fn short_scene(kind: &'static str) -> ChannelScenario {
    let minute = "if 12 seconds are left.\n      Timeout: 60";
    let world = World::changed(&[(minute, &minute.replace("60", "16"))]).await;
    world.token_round().await;
    let scene = ChannelScenario::within(world, kind).await;
    scene.warm_up().await;
    scene
}

/// Freezes the sending function, lets another take over its notification, and thaws it when
/// they have no time for a call any more.
async fn frozen_past_its_lease(scene: &ChannelScenario, begun: Timestamp, outcome: &str) {
    let send = scene.world.cloud.function("send");
    assert_eq!(scene.world.cloud.command(&send, ProcessCommand::Freeze).await.unwrap(), 1);
    scene.world.aws.set_time("order-1", "lease_until", 1).await;
    let other = scene.world.invoke("send", &scene.request("order-1")).await.unwrap();
    assert_eq!(other["notifications"][0]["outcome"], outcome, "{}", scene.kind);
    scene.world.until("it is too late", || Timestamp::now() > begun.plus(8)).await;
    scene.world.cloud.command(&send, ProcessCommand::Thaw).await.unwrap();
}

/// Fault 43.
#[tokio::test]
async fn frozen_attempt_does_not_call_wechat_after_its_lease() {
    for (kind, outcome, calls) in [
        ("template", "sent", 1),
        ("subscribe", "ambiguous", 0),
        ("customer_service", "ambiguous", 0),
    ] {
        let scene = short_scene(kind).await;
        let intent = scene.given(scene.storing().after().hold().once());
        let request = scene.request("order-1");
        let begun = Timestamp::now();
        let frozen = async {
            intent.holds(1).await;
            frozen_past_its_lease(&scene, begun, outcome).await;
            intent.cancel();
        };
        let (answer, ()) = tokio::join!(scene.world.invoke("send", &request), frozen);
        scene.world.idle().await;
        assert_eq!((scene.calls().await, scene.seen().await), (calls, calls), "{kind}: {answer:?}");
        let status = if calls == 1 { "delivered" } else { "ambiguous" };
        assert_eq!(scene.status("order-1").await, status, "{kind}: {answer:?}");
    }
}

/// Fault 43.
#[tokio::test]
async fn frozen_attempt_writes_nothing_after_its_lease() {
    for (kind, outcome, calls) in [
        ("template", "sent", 2),
        ("subscribe", "ambiguous", 1),
        ("customer_service", "ambiguous", 1),
    ] {
        let scene = short_scene(kind).await;
        // The receipt would settle it in between.
        scene.world.wechat.post("pushing", &json!({ "receipt_delay_ms": 12_000 })).await;
        let begun = Timestamp::now();
        let (answer, ()) = scene
            .send_and("order-1", async || frozen_past_its_lease(&scene, begun, outcome).await)
            .await;
        assert_eq!(scene.status("order-1").await, outcome, "{kind}: {answer:?}");
        scene.world.idle().await;
        assert_eq!((scene.calls().await, scene.seen().await), (calls, 1), "{kind}: {answer:?}");
    }
}
