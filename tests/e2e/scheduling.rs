//! Scheduled notifications, retries, expiry, and the
//! sweep that comes back to it.

use crate::world::{MAX_WAIT, World, order};
use futures_util::{StreamExt as _, stream};
use local_aws::services::Fault;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";
const QUEUE: &str = "hongyan-local-notifications";
const HOUR: u64 = 3600;
const YEAR: u64 = 365 * 24 * HOUR;

fn now() -> u64 {
    Timestamp::now().0
}

fn with(mut request: Value, field: &str, value: impl Into<Value>) -> Value {
    request[field] = value.into();
    request
}

/// This many followers of the shop, of whom no event has told.
async fn recipients(world: &World, size: usize) -> Value {
    let followers = stream::iter(0..size).map(async |number| {
        let name = format!("follower-{number}");
        let joined = world.wechat.post("people", &json!({ "name": name })).await;
        let follow = json!({ "app": "shop", "silently": true });
        world.wechat.post(&format!("people/{name}/follow"), &follow).await;
        json!({ "app": "shop", "open_id": joined["open_ids"]["shop"] })
    });
    followers.buffered(16).collect::<Vec<_>>().await.into()
}

/// What the schedule does every minute: how many were processed, and how many
/// could not be.
async fn sweep(world: &World) -> (u64, u64) {
    let swept = world.invoke("send", &json!({ "sweep": {} })).await;
    let swept = swept.unwrap_or_else(|error| panic!("{error}"));
    world.idle().await;
    (swept["notifications"].as_u64().unwrap(), swept["failed"].as_u64().unwrap())
}

/// Makes a notification due.
async fn hurry(world: &World, id: &str) {
    for attribute in ["retry_at", "due_at"] {
        world.aws.set_time(id, attribute, 0).await;
    }
}

async fn row(world: &World, id: &str) -> Value {
    world.aws.row("notifications", "id", id).await
}

/// The states of all notifications whose ids begin like this.
async fn states(world: &World, prefix: &str) -> Vec<String> {
    let rows = world.aws.rows("notifications").await;
    let rows = rows.iter().filter(|row| row["id"].as_str().unwrap().starts_with(prefix));
    rows.map(|row| row["status"].as_str().unwrap().to_owned()).collect()
}

/// How many there are of each.
fn count(states: &[String]) -> Vec<(&str, usize)> {
    let mut counts = BTreeMap::new();
    for state in states {
        *counts.entry(state.as_str()).or_default() += 1;
    }
    counts.into_iter().collect()
}

async fn cancel(world: &World, id: &str) -> Value {
    let answer = world.invoke("send", &json!({ "cancel": { "id": id } })).await;
    answer.unwrap_or_else(|error| panic!("{error}"))
}

/// Why a notification can't be cancelled.
async fn not_cancelled(world: &World, id: &str) -> (String, String) {
    world.refused(&json!({ "cancel": { "id": id } })).await
}

#[tokio::test]
async fn scheduled_notification_is_sent_by_the_first_sweep_after_it_is_due() {
    let (world, to) = World::with_ann().await;
    let ann = world.phone("ann");
    let at = now() + 4;
    let request = with(order("order-1", to), "send_at", at);
    let report = world.send(&request).await;
    assert_eq!((&report["outcome"], &report["retry_at"]), (&json!("scheduled"), &json!(at)));
    assert_eq!(world.send(&request).await, report, "a duplicate request gets the same report");
    assert_eq!(sweep(&world).await, (0, 0), "it isn't due");
    assert!(ann.screen().await.is_empty());

    world.until("it is due", || now() >= at).await;
    assert_eq!(sweep(&world).await, (1, 0));
    let screen = ann.screen().await;
    assert_eq!(screen.len(), 1);
    assert!(screen[0]["time"].as_u64().unwrap() >= at, "{screen:?}");
    let report = world.send(&request).await;
    assert_eq!(
        (&report["outcome"], &report["channel"]),
        (&json!("delivered"), &json!("template")),
        "{report}"
    );
    assert_eq!(report["retry_at"], Value::Null);
    assert_eq!(sweep(&world).await, (0, 0));
    assert_eq!(ann.screen().await.len(), 1);
}

#[tokio::test]
async fn past_time_sends_now() {
    let (world, to) = World::with_ann().await;
    let long_ago = [json!(now() - HOUR), json!("2020-02-29T23:59:59+08:00"), json!(0)];
    for (at, past) in long_ago.into_iter().enumerate() {
        let report =
            world.send(&with(order(&format!("order-{at}"), to.clone()), "send_at", past)).await;
        assert_eq!(report["outcome"], "sent", "{report}");
    }
    assert_eq!(world.phone("ann").screen().await.len(), 3);
}

#[tokio::test]
async fn bulk_request_on_the_queue_is_scheduled_a_year_ahead() {
    let (world, ann) = World::with_ann().await;
    world.phone("bob").log_in("shop-mini").await;
    let at = now() + YEAR;
    let to = json!([ann, { "account": "bob" }, { "account": "carol" }]);
    let request = with(order("sale", to), "send_at", at);
    world.queue(&request).await;
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(0));
    assert_eq!(sweep(&world).await, (0, 0));
    let reports = world.send_to_several(&request).await;
    let told: Vec<_> = reports.iter().map(|it| (it["id"].clone(), it["outcome"].clone())).collect();
    let scheduled = |id: &str| (json!(id), json!("scheduled"));
    assert_eq!(told, ["sale#0", "sale#1", "sale#2"].map(scheduled));
    for id in ["sale#0", "sale#1", "sale#2"] {
        let row = row(&world, id).await;
        assert_eq!(row["due_at"], at, "{row}");
        assert!(row["expires"].as_u64().unwrap() > at, "expires before it is due: {row}");
    }
    assert!(world.wechat.calls(TEMPLATE_SEND).await.is_empty());

    let (kind, message) = world.refused(&with(request, "send_at", now() + YEAR + 48 * HOUR)).await;
    assert_eq!(kind, "InvalidRequest");
    assert!(message.starts_with("send_at: more than a year ahead"), "{message}");
}

#[tokio::test]
async fn finished_notification_keeps_neither_recipient_nor_content() {
    let (world, to) = World::with_ann().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.consent("shop-mini", "order_shipped", true).await;
    let to_bob = json!({ "account": "bob" });
    let refuse = |path: &str, errcode: i32| json!({ "path": path, "errcode": errcode });

    world.send(&with(order("sent-later", to.clone()), "send_at", now() + 2)).await;
    world.send(&with(order("cancelled", to.clone()), "send_at", now() + YEAR)).await;
    let waiting = row(&world, "cancelled").await;
    assert!(waiting["content"].as_str().unwrap().contains("Blue kettle"), "to be sent: {waiting}");
    cancel(&world, "cancelled").await;
    assert_eq!(world.send(&order("sent", to_bob.clone())).await["outcome"], "sent");
    assert_eq!(
        world.send(&order("none", json!({ "account": "carol" }))).await["outcome"],
        "unreachable"
    );
    world.wechat.fault(refuse(TEMPLATE_SEND, 47003)).await;
    let only = with(order("failed", to.clone()), "channels", json!(["template"]));
    assert_eq!(world.send(&only).await["outcome"], "failed");
    world.wechat.fault(refuse(SUBSCRIBE_SEND, -1)).await;
    let lost = world.send(&order("ambiguous", to_bob)).await;
    assert_eq!(lost["outcome"], "ambiguous", "{lost}");
    // An address that is on no list yet: it is tried again.
    world.wechat.fault(refuse(TEMPLATE_SEND, 40164)).await;
    let end = now() + 2;
    let waits = with(order("expired", to), "expires_at", end);
    assert_eq!(world.send(&waits).await["outcome"], "retrying");
    hurry(&world, "expired").await;
    world.until("it has expired, and another is due", || now() > end).await;
    sweep(&world).await;

    let mut hidden = vec!["Blue kettle".to_owned(), "15:04".to_owned()];
    for phone in [world.phone("ann"), bob] {
        hidden.extend([
            phone.open_id("shop").await,
            phone.open_id("shop-mini").await,
            phone.union_id().await,
            format!("\"{}\"", phone.name),
        ]);
    }
    let ids = ["sent-later", "cancelled", "sent", "none", "failed", "ambiguous", "expired"];
    for id in ids {
        let row = row(&world, id).await;
        assert!(row["content"].is_null(), "{row}");
        let text = row.to_string().replace("\\\"", "\"");
        let betrayed: Vec<_> = hidden.iter().filter(|it| text.contains(*it)).collect();
        assert!(betrayed.is_empty(), "{id} betrays {betrayed:?}: {row:#}");
    }
    let ended =
        ["delivered", "cancelled", "delivered", "unreachable", "failed", "ambiguous", "expired"];
    for (id, status) in ids.into_iter().zip(ended) {
        assert_eq!(row(&world, id).await["status"], status, "{id}");
    }
}

#[tokio::test]
async fn late_notification_expires_unsent() {
    let (world, to) = World::with_ann().await;
    let (at, end) = (now() + 2, now() + 3);
    let both = |id: &str, at: u64, end: u64| {
        with(with(order(id, to.clone()), "send_at", at), "expires_at", end)
    };
    let (_, message) = world.refused(&both("order-0", end, at)).await;
    assert!(message.starts_with("expires_at: it is not after send_at"), "{message}");
    assert!(world.aws.rows("notifications").await.is_empty());
    // A late request, as from the queue, gets this report, and no error.
    let long_ago = [json!(now()), json!(now() - HOUR), json!("2020-02-29T12:00:00Z")];
    for (number, end) in long_ago.into_iter().enumerate() {
        let late = with(order(&format!("late-{number}"), to.clone()), "expires_at", end);
        assert_eq!(world.send(&late).await["outcome"], "expired");
    }

    // One is still scheduled then, another has been tried once.
    let scheduled = both("scheduled", at, end);
    assert_eq!(world.send(&scheduled).await["outcome"], "scheduled");
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 45011 })).await;
    let tried = with(order("tried", to.clone()), "expires_at", end);
    assert_eq!(world.send(&tried).await["outcome"], "retrying");
    hurry(&world, "tried").await;
    world.until("both have expired", || now() > end).await;
    assert_eq!(sweep(&world).await, (2, 0));
    assert_eq!(states(&world, "").await, ["expired"; 5]);
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 1);
    assert!(world.phone("ann").screen().await.is_empty());
    for request in [scheduled, tried] {
        let report = world.send(&request).await;
        assert_eq!(report["outcome"], "expired", "asked again, it says how it ended: {report}");
        assert!(report["reason"].as_str().unwrap().contains("expires_at"), "{report}");
    }
}

#[tokio::test]
async fn duplicate_request_returns_the_outcome_after_the_end() {
    let (world, to) = World::with_ann().await;
    let end = now() + 3;
    let request = with(order("order-1", to.clone()), "expires_at", end);
    assert_eq!(world.send(&request).await["outcome"], "sent");
    world.until("its time is over", || now() > end).await;
    assert_eq!(world.send(&request).await["outcome"], "delivered");
    let other = with(order("order-1", json!({ "account": "bob" })), "expires_at", end);
    assert_eq!(world.refused(&other).await.0, "Conflict");
    // On the queue as well: SQS may deliver it twice.
    world.queue(&request).await;
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(0));
    let mut dry = request;
    dry["dry_run"] = true.into();
    assert_eq!(world.send(&dry).await["outcome"], "delivered");
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

#[tokio::test]
async fn cancelled_notification_is_never_sent() {
    let (world, to) = World::with_ann().await;
    let scheduled = with(order("scheduled", to.clone()), "send_at", now() + HOUR);
    assert_eq!(world.send(&scheduled).await["outcome"], "scheduled");
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 45011 })).await;
    let tried = order("tried", to.clone());
    assert_eq!(world.send(&tried).await["outcome"], "retrying");
    for request in [scheduled, tried] {
        let id = request["id"].as_str().unwrap();
        let report = cancel(&world, id).await;
        assert_eq!((&report["id"], &report["outcome"]), (&request["id"], &json!("cancelled")));
        assert_eq!(cancel(&world, id).await, report, "a second time changes nothing");
        hurry(&world, id).await;
        let again = world.send(&request).await;
        assert_eq!(again["outcome"], "cancelled", "{again}");
        assert_eq!(again["reason"], "it was cancelled before it was sent");
        let other = with(request.clone(), "to", json!({ "account": "bob" }));
        assert_eq!(world.refused(&other).await.0, "Conflict");
    }
    assert_eq!(sweep(&world).await, (0, 0));
    assert!(world.phone("ann").screen().await.is_empty());

    // Of several, one.
    let several = with(order("sale", json!([to, { "account": "bob" }])), "send_at", now() + HOUR);
    world.send_to_several(&several).await;
    cancel(&world, "sale#1").await;
    let reports = world.send_to_several(&several).await;
    assert_eq!(
        (&reports[0]["outcome"], &reports[1]["outcome"]),
        (&json!("scheduled"), &json!("cancelled"))
    );
}

#[tokio::test]
async fn notification_cannot_be_cancelled_when_it_may_have_been_sent() {
    let (world, to) = World::with_ann().await;
    assert_eq!(world.send(&order("sent", to.clone())).await["outcome"], "sent");
    world
        .wechat
        .fault(json!({ "path": TEMPLATE_SEND, "status": 502, "times": 3, "after": true }))
        .await;
    assert_eq!(world.send(&order("lost", to)).await["outcome"], "retrying");
    world.idle().await;
    for (id, status) in [("sent", "delivered"), ("lost", "retrying")] {
        let (kind, message) = not_cancelled(&world, id).await;
        assert_eq!(kind, "TooLate");
        assert!(message.contains(status), "{message}");
    }
    let (kind, message) = not_cancelled(&world, "order-17").await;
    assert_eq!(
        (kind.as_str(), message.contains("no notification has this id")),
        ("NotFound", true)
    );
    assert_eq!(not_cancelled(&world, "sent#0").await.0, "NotFound");
    let (kind, message) = world.refused(&json!({ "cancel": { "name": "sent" } })).await;
    assert_eq!(kind, "InvalidRequest");
    assert!(message.starts_with("cancel"), "{message}");
    assert_eq!(world.phone("ann").screen().await.len(), 2);
}

/// Fault 56.
#[tokio::test]
async fn one_sweep_sends_hundreds_of_due_notifications() {
    let (world, _) = World::with_ann().await;
    let to = recipients(&world, 400).await;
    let at = now() + 12;
    let request = with(order("sale", to), "send_at", at);
    let reports = world.send_to_several(&request).await;
    assert!(reports.iter().all(|it| it["outcome"] == "scheduled"));
    assert!(now() < at, "this machine is too slow to say anything");
    world.until("they are due", || now() >= at).await;
    assert_eq!(sweep(&world).await, (400, 0));
    assert_eq!(count(&states(&world, "sale#").await), [("delivered", 400)]);
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 400);
}

/// Fault 65.
#[tokio::test]
async fn overlapping_sweeps_send_each_notification_once() {
    let (world, _) = World::with_ann().await;
    let to = recipients(&world, 20).await;
    let at = now() + 4;
    let request = with(order("sale", to), "send_at", at);
    world.send_to_several(&request).await;
    world.until("they are due", || now() >= at).await;
    let sweeps = (0..3).map(|_| sweep(&world));
    let swept = futures_util::future::join_all(sweeps).await;
    assert!(swept.iter().all(|(_, failed)| *failed == 0), "{swept:?}");
    assert_eq!(count(&states(&world, "sale#").await), [("delivered", 20)]);
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 20);
}

/// Writes something else into a notification's content.
async fn spoil(world: &World, id: &str) {
    let update = json!({
        "TableName": "hongyan-local-notifications", "Key": { "id": { "S": id } },
        "UpdateExpression": "SET content = :c", "ConditionExpression": "attribute_exists(content)",
        "ExpressionAttributeValues": { ":c": { "S": "{\"to\":{\"telegram\":\"ann\"}}" } },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
}

#[tokio::test]
async fn failing_notification_stops_no_other() {
    let (world, to) = World::with_ann().await;
    let shipped = world.parameter("templates/order_shipped");
    let templates = ["removed", "changed", "broken"];
    for code in templates {
        world.set_parameter(&format!("templates/{code}"), &shipped);
    }
    let at = now() + 6;
    let later = |id: &str| with(order(id, to.clone()), "send_at", at);
    for code in templates {
        let report = world.send(&with(later(code), "template", code)).await;
        assert_eq!(report["outcome"], "scheduled", "{report}");
    }
    for id in ["a", "unreadable", "m", "z"] {
        world.send(&later(id)).await;
    }
    assert!(now() < at, "this machine is too slow to say anything");

    world.aws.delete_parameter("templates/removed").await;
    let mut changed = shipped.clone();
    changed["fields"] = json!(["product", "time", "colour"]);
    world.set_parameter("templates/changed", &changed);
    world.set_parameter("templates/broken", "{}");
    spoil(&world, "unreadable").await;
    // Another process has never read the old ones.
    world.cloud.kill(&world.cloud.function("send")).await.unwrap();
    world.until("they are due", || now() >= at).await;
    assert_eq!(sweep(&world).await, (7, 0));
    assert_eq!(world.phone("ann").screen().await.len(), 3);
    for id in ["a", "m", "z"] {
        assert_eq!(row(&world, id).await["status"], "delivered");
    }
    for (id, word) in [
        ("removed", "template"),
        ("changed", "data.colour"),
        ("broken", "templates/broken"),
        ("unreadable", "can't be read"),
    ] {
        let row = row(&world, id).await;
        assert_eq!(row["status"], "retrying", "{row}");
        assert!(row["report"].as_str().unwrap().contains(word), "{id}: {row}");
    }
    assert_eq!(sweep(&world).await, (0, 0), "they are not retried at once");

    // An operator fixes the templates.
    for code in templates {
        world.set_parameter(&format!("templates/{code}"), &shipped);
        hurry(&world, code).await;
    }
    // The last one is of no use any more.
    hurry(&world, "unreadable").await;
    world.aws.set_time("unreadable", "first_at", now() - 2 * 24 * 3600).await;
    world.cloud.kill(&world.cloud.function("send")).await.unwrap();
    assert_eq!(sweep(&world).await, (4, 0));
    assert_eq!(world.phone("ann").screen().await.len(), 6);
    for code in templates {
        assert_eq!(row(&world, code).await["status"], "delivered");
    }
    let row = row(&world, "unreadable").await;
    assert_eq!(row["status"], "failed", "{row}");
    assert!(row["content"].is_null() && row["due_at"].is_null(), "{row}");
    assert_eq!(sweep(&world).await, (0, 0), "a failed notification is not retried");
}

#[tokio::test]
async fn notification_waits_for_the_next_sweep_when_dynamodb_fails() {
    let (world, _) = World::with_ann().await;
    let to = recipients(&world, 5).await;
    let at = now() + 5;
    let request = with(order("sale", to), "send_at", at);
    world.send_to_several(&request).await;
    world.until("they are due", || now() >= at).await;
    // The first that is written, as often as the SDK tries.
    let write = Fault::new("dynamodb", "UpdateItem").by(world.cloud.function("send"));
    let refused = write.on("hongyan-local-notifications").refuse("InternalServerError");
    let refused = world.cloud.aws.faults.inject(refused).unwrap();
    assert_eq!(sweep(&world).await, (0, 5));
    assert!(refused.fired() > 0);
    assert!(
        world.wechat.calls(TEMPLATE_SEND).await.is_empty(),
        "without a recorded intent nothing is sent"
    );
    refused.cancel();
    assert_eq!(sweep(&world).await, (5, 0));
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 5);
}

#[tokio::test]
async fn templates_schedule_runs_the_sweep() {
    let (world, to) = World::with_ann().await;
    let request = with(order("order-1", to), "send_at", now() + 1);
    assert_eq!(world.send(&request).await["outcome"], "scheduled");
    // It fires once a minute, and nothing else runs.
    let waiting = async {
        while row(&world, "order-1").await["status"] == "scheduled" {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, waiting).await.unwrap();
    world.idle().await;
    assert_eq!(row(&world, "order-1").await["status"], "delivered");
    assert_eq!(world.phone("ann").screen().await.len(), 1);
}

#[tokio::test]
async fn request_returns_to_the_queue_when_it_was_not_stored() {
    let world = World::changed(&[("VisibilityTimeout: 360", "VisibilityTimeout: 3")]).await;
    world.token_round().await;
    let to = recipients(&world, 3).await;
    let write = Fault::new("dynamodb", "UpdateItem").by(world.cloud.function("send"));
    let refused = write.on("hongyan-local-notifications").refuse("InternalServerError");
    let refused = world.cloud.aws.faults.inject(refused).unwrap();
    world.queue(&order("sale", to)).await;
    assert!(refused.fired() > 0);
    assert_eq!(world.cloud.aws.queues.length(QUEUE), Some(1), "it isn't lost");
    assert!(world.wechat.calls(TEMPLATE_SEND).await.is_empty());
    refused.cancel();
    world.until("the queue is empty", || world.cloud.aws.queues.length(QUEUE) == Some(0)).await;
    world.idle().await;
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 3);
    assert_eq!(count(&states(&world, "sale#").await), [("delivered", 3)]);
}

#[tokio::test]
async fn batch_is_stored_and_swept_when_time_runs_out() {
    let short = "CodeUri: ../../target/lambda/send/bootstrap.zip\n      # The function starts a channel only if 12 seconds are left.\n      Timeout: 60";
    let world = World::changed(&[(short, &short.replace("60", "40"))]).await;
    world.token_round().await;
    let to = recipients(&world, 1000).await;
    let slow = json!({ "path": TEMPLATE_SEND, "delay_ms": 3000, "times": 1000 });
    world.wechat.fault(slow).await;
    let reports = world.send_to_several(&order("sale", to)).await;
    assert_eq!(reports.len(), 1000);
    let (sent, waiting): (Vec<_>, Vec<_>) = reports
        .iter()
        .partition(|report| ["sent", "delivered"].iter().any(|it| report["outcome"] == *it));
    assert!(!sent.is_empty() && waiting.len() >= 500, "{} were sent", sent.len());
    for report in &waiting {
        assert_eq!(report["outcome"], "retrying", "{report}");
        assert_eq!(report["reason"], "the invocation has no time left for it");
    }
    assert_eq!(states(&world, "sale#").await.len(), 1000, "each is stored");
    world.wechat.heal().await;
    // A sweep has as little time, and leaves the rest to the next.
    let retrying = async || {
        states(&world, "sale#").await.iter().filter(|status| *status == "retrying").count()
    };
    let mut before = retrying().await;
    while sweep(&world).await != (0, 0) {
        let now = retrying().await;
        assert!(now < before || now == 0, "a sweep sent nothing: {now} are left");
        before = now;
    }
    assert_eq!(count(&states(&world, "sale#").await), [("delivered", 1000)]);
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 1000);
}
