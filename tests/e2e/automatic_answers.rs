//! A mini program answers by itself, in messages of customer service.

use crate::world::World;
use serde_json::{Value, json};

const SEND: &str = "/cgi-bin/message/custom/send";

async fn with_rules() -> World {
    let world = World::start().await;
    world.set_replies(
        "shop-mini",
        json!([
            { "on": "enter_session", "reply": { "text": "How can we help?" } },
            { "on": { "keyword": "订单" },
              "reply": { "link": { "title": "Your orders", "url": "https://example.test/orders" } } },
        ]),
    );
    world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
    world
}

/// Pushes what bob did, this many seconds ago, and waits until it is
/// effect.
async fn push(world: &World, message: Value, seconds_ago: u64) {
    push_at(world, message, world.wechat.now().await - seconds_ago).await;
}

async fn push_at(world: &World, mut message: Value, at: u64) {
    message["from"] = "bob".into();
    let push = json!({ "app": "shop-mini", "message": message, "create_time": at, "times": 3 });
    for answer in world.wechat.push(push).await {
        assert_eq!(answer["body"], "success", "there is no passive reply");
    }
    world.idle().await;
}

fn enter() -> Value {
    json!({ "MsgType": "event", "Event": "user_enter_tempsession", "SessionFrom": "order-17" })
}

fn text(content: &str) -> Value {
    json!({ "MsgType": "text", "Content": content, "MsgId": 24_000_000_000_000_005_i64 })
}

/// The one event's row.
async fn event(world: &World) -> Value {
    let rows = world.aws.rows("events").await;
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    row.clone()
}

/// The windows that the function has counted, by their item: how many messages
/// are left in each.
async fn left(world: &World, window: &str) -> u64 {
    let row = world.aws.row("users", "item", window).await;
    let taken = row["reserved_by"].as_array().map_or(0, Vec::len);
    row["messages"].as_u64().unwrap() - taken as u64
}

/// Stored events are applied again, also those that the sweep would find.
async fn replay(world: &World) -> Value {
    let request = json!({ "replay": { "from": 1, "to": "2100-01-01T00:00:00Z" } });
    let replayed = world.invoke("events", &request).await.unwrap();
    world.idle().await;
    replayed
}

#[tokio::test]
async fn welcome_is_sent_once_when_a_user_enters_customer_service() {
    let world = with_rules().await;
    world.phone("bob").enter("shop-mini").await;
    let row = event(&world).await;
    assert_eq!(row["auto_reply"]["state"], "sent", "{row}");
    for _ in 0..2 {
        assert_eq!(replay(&world).await["applied"], 1);
    }
    let lines = world.phone("bob").screen_of("customer_service").await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&line["app"], &line["text"]), (&json!("shop-mini"), &json!("How can we help?")));
    assert_eq!(left(&world, "window#enter").await, 1, "of two");
    assert_eq!(event(&world).await, row);
}

#[tokio::test]
async fn matching_message_is_answered_once_and_others_are_not() {
    let world = with_rules().await;
    world.phone("bob").message("shop-mini", "订单").await;
    let lines = world.phone("bob").screen_of("customer_service").await;
    assert_eq!(lines[0]["text"], "Your orders\n", "{lines:?}");
    assert_eq!(lines[0]["jump"]["url"], "https://example.test/orders", "{lines:?}");
    assert_eq!(left(&world, "window#message").await, 4, "of five");

    world.phone("bob").message("shop-mini", "hello").await;
    assert_eq!(world.phone("bob").screen_of("customer_service").await.len(), 1);
    let rows = world.aws.rows("events").await;
    assert_eq!(rows.iter().filter(|row| row["auto_reply"].is_object()).count(), 1, "{rows:#?}");
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "{rows:#?}");
}

#[tokio::test]
async fn late_message_is_not_answered() {
    for (message, seconds_ago) in [(enter(), 58), (text("订单"), 11 * 60)] {
        let world = with_rules().await;
        push(&world, message, seconds_ago).await;
        let row = event(&world).await;
        assert_eq!(row["auto_reply"]["state"], "too_late", "{row}");
        assert!(row["applied_at"].is_number(), "{row}");
        assert!(world.wechat.calls(SEND).await.is_empty());
    }
}

#[tokio::test]
async fn answer_is_not_repeated_when_wechat_may_have_sent_it() {
    for fault in [
        json!({ "reset": true, "after": true }),
        json!({ "reset": true }),
        json!({ "errcode": -1 }),
    ] {
        let world = with_rules().await;
        let mut ordered = fault.clone();
        ordered["path"] = SEND.into();
        world.wechat.fault(ordered).await;
        push(&world, text("订单"), 0).await;
        let row = event(&world).await;
        assert_eq!(row["auto_reply"]["state"], "unknown", "{fault}: {row}");
        assert!(row["auto_reply"]["reason"].is_string(), "{fault}: {row}");
        assert!(row["applied_at"].is_number(), "{fault}: {row}");
        assert_eq!(replay(&world).await["applied"], 1);
        assert_eq!(world.wechat.calls(SEND).await.len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn answer_is_sent_by_a_later_attempt_when_wechat_did_not_accept_it() {
    let world = with_rules().await;
    let bob = world.phone("bob");
    // Too many calls in this minute.
    world.wechat.fault(json!({ "path": SEND, "times": 1, "errcode": 45011 })).await;
    bob.message("shop-mini", "订单").await;
    let row = event(&world).await;
    assert!(row["auto_reply"].is_null() && row["pending"].is_string(), "{row}");
    assert!(row["problem"].as_str().unwrap().contains("45011"), "{row}");
    assert_eq!(left(&world, "window#message").await, 5, "it used up nothing");
    assert_eq!(replay(&world).await["applied"], 1);
    assert_eq!(event(&world).await["auto_reply"]["state"], "sent");
    assert_eq!(left(&world, "window#message").await, 4);
    assert_eq!(bob.screen_of("customer_service").await.len(), 1);
}

#[tokio::test]
async fn welcome_is_sent_at_once_or_never() {
    for (times, state, tries, left_over) in [(2, "sent", 3, 1), (100, "not_sent", 5, 2)] {
        let world = with_rules().await;
        world.wechat.fault(json!({ "path": SEND, "times": times, "errcode": 45011 })).await;
        world.phone("bob").enter("shop-mini").await;
        let row = event(&world).await;
        assert_eq!(row["auto_reply"]["state"], state, "{row}");
        assert!(row["applied_at"].is_number(), "the sweep would be too late: {row}");
        let calls = world.wechat.calls(SEND).await.len();
        assert!(calls >= tries, "{calls} calls: {row}");
        assert_eq!(left(&world, "window#enter").await, left_over, "{state}");
        world.wechat.heal().await;
        assert_eq!(replay(&world).await["applied"], 1);
        assert_eq!(event(&world).await["auto_reply"]["state"], state);
    }
}

/// Another invocation has claimed the answer to the one event, `ago` seconds ago.
async fn claimed_by_another(world: &World, ago: u64) {
    let row = event(world).await;
    let at = row["received_at"].as_u64().unwrap() - ago;
    let claim = json!({ "M": {
        "state": { "S": "sending" }, "at": { "N": at.to_string() }, "owner": { "S": "another" },
    } });
    let update = json!({
        "TableName": "hongyan-local-events",
        "Key": { "user": { "S": row["user"] }, "event": { "S": row["event"] } },
        "UpdateExpression": "SET auto_reply = :claim, pending = app_id, due_at = :past REMOVE applied_at",
        "ExpressionAttributeValues": { ":claim": claim, ":past": { "N": "1" } },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
}

#[tokio::test]
async fn answer_stays_undecided_while_another_invocation_sends_it() {
    let world = with_rules().await;
    push(&world, text("订单"), 0).await;
    let calls = world.wechat.calls(SEND).await.len();
    claimed_by_another(&world, 0).await;
    assert_eq!(replay(&world).await["failed"], 1);
    let row = event(&world).await;
    assert!(row["pending"].is_string() && row["applied_at"].is_null(), "{row}");
    assert!(row["problem"].as_str().unwrap().contains("another invocation"), "{row}");
    assert_eq!(row["auto_reply"]["owner"], "another", "{row}");

    // The invocation that was sending it crashed: it may have been sent.
    claimed_by_another(&world, 120).await;
    assert_eq!(replay(&world).await["applied"], 1);
    assert_eq!(event(&world).await["auto_reply"]["state"], "sending");
    assert_eq!(world.wechat.calls(SEND).await.len(), calls);
}

#[tokio::test]
async fn answer_follows_the_rules_of_the_time_of_the_message() {
    let world = with_rules().await;
    let bob = world.phone("bob");
    bob.message("shop-mini", "hello").await;
    world.wechat.fault(json!({ "path": SEND, "times": 1, "errcode": 45011 })).await;
    bob.message("shop-mini", "订单").await;
    world.set_replies(
        "shop-mini",
        json!([{ "on": "default", "reply": { "text": "We have moved." } }]),
    );
    for function in ["callback", "events"] {
        world.cloud.kill(&world.cloud.function(function)).await.unwrap();
    }
    assert_eq!(replay(&world).await["applied"], 2);
    let lines = bob.screen_of("customer_service").await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["text"], "Your orders\n");
}

#[tokio::test]
async fn refused_answer_is_recorded_with_wechats_code() {
    let world = with_rules().await;
    // The sandbox knows of no window: what was pushed, bob has never done.
    push(&world, enter(), 0).await;
    let row = event(&world).await;
    assert_eq!(
        (&row["auto_reply"]["state"], &row["auto_reply"]["code"]),
        (&json!("refused"), &json!(45015))
    );
    assert!(row["applied_at"].is_number(), "{row}");
    assert_eq!(replay(&world).await["applied"], 1);
    assert_eq!(world.wechat.calls(SEND).await.len(), 1);
}

#[tokio::test]
async fn answer_is_not_sent_when_the_window_is_exhausted() {
    let world = with_rules().await;
    let at = world.wechat.now().await;
    // All in one second: they share a window of two messages.
    for order in 0..3 {
        let mut message = enter();
        message["SessionFrom"] = format!("order-{order}").into();
        push_at(&world, message, at).await;
    }
    let rows = world.aws.rows("events").await;
    let mut states: Vec<_> =
        rows.iter().map(|row| row["auto_reply"]["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["no_window", "refused", "refused"]);
}
