//! Follows and unfollows without an event, and while the list is read.

use crate::followers::{
    BATCH, LIST, assert_true, follow_without_events, import, next_second, reconcile, used,
};
use crate::world::{World, order};
use serde_json::{Value, json};

#[tokio::test]
async fn unfollow_without_an_event_is_detected_at_night() {
    let world = World::start().await;
    follow_without_events(&world, 300).await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.message("shop", "hello").await;
    import(&world).await;
    let user = format!("wx0000000000005a01#{}", ann.open_id("shop").await);
    let rows =
        |rows: Vec<Value>| rows.into_iter().filter(|row| row["user"] == user.as_str()).count();
    assert!(rows(world.aws.rows("users").await) > 1, "her windows");

    ann.unfollow_unseen("shop").await;
    for number in [7, 260] {
        let path = format!("apps/shop/synthetic_followers/{number}/unfollow");
        world.wechat.post(&path, &json!({ "silently": true })).await;
    }
    next_second(&world).await;
    let batches = used(&world, BATCH).await;
    let night = reconcile(&world).await;
    assert_eq!((&night["left"], &night["imported"]), (&json!(3), &json!(0)), "{night}");
    assert_eq!(used(&world, BATCH).await, batches + 1);
    assert_true(&world).await;
    // As her event would have done.
    let subject = format!("union#{}", ann.union_id().await);
    assert_eq!(world.aws.row("mappings", "subject", &subject).await["follows"], false);
    let left = world.aws.row("users", "user", &user).await;
    assert_eq!((&left["follows"], &left["state_from"]), (&json!(false), &json!("unsubscribe")));
    assert!(left.get("union_id").is_none() && left["left_at"].is_u64(), "{left}");
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "unreachable");

    // Who comes back is back, whether we are told or not.
    ann.follow("shop").await;
    world.wechat.post("apps/shop/synthetic_followers/7/follow", &json!({ "silently": true })).await;
    assert_eq!(reconcile(&world).await["imported"], 1);
    assert_true(&world).await;
    let request = order("order-2", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "sent");
}

/// Lets WeChat answer one call only when `meanwhile` is over, with what was true
/// before it.
async fn with_late_answer(world: &World, path: &str, event: Value, meanwhile: impl AsyncFn()) {
    let before = world.wechat.calls(path).await.len();
    let late = json!({ "path": path, "delay_ms": 3000, "after": true });
    world.wechat.fault(late).await;
    let during = async {
        while world.wechat.calls(path).await.len() == before {
            tokio::task::yield_now().await;
        }
        meanwhile().await;
    };
    let (done, ()) = tokio::join!(world.invoke("followers", &event), during);
    done.unwrap();
    world.idle().await;
}

/// A synthetic follower acts; returns when the event is applied.
async fn act(world: &World, number: usize, action: &str) {
    world
        .wechat
        .post(&format!("apps/shop/synthetic_followers/{number}/{action}"), &json!({}))
        .await;
    let (from, wanted) = match action {
        "follow" => ("subscribe", true),
        _ => ("unsubscribe", false),
    };
    let mut tries = 0;
    loop {
        let rows = world.aws.rows("users").await;
        let digits = format!("{number:013}");
        let is_done = rows.iter().any(|row| {
            row["user"].as_str().unwrap().ends_with(&digits)
                && row["state_from"] == from
                && row["follows"] == wanted
        });
        if is_done {
            return;
        }
        tries += 1;
        assert!(tries < 20_000, "the event of {action} has no effect");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn unfollow_event_wins_over_a_stale_list() {
    let world = World::start().await;
    follow_without_events(&world, 3).await;
    let event = json!({ "import": { "app": "shop" } });
    with_late_answer(&world, BATCH, event, async || act(&world, 1, "unfollow").await).await;
    assert_true(&world).await;
    let rows = world.aws.rows("users").await;
    assert_eq!(rows.iter().filter(|row| row["follows"] == false).count(), 1);
}

#[tokio::test]
async fn follow_event_wins_over_a_stale_list() {
    let world = World::start().await;
    follow_without_events(&world, 3).await;
    let event = json!({ "import": { "app": "shop" } });
    with_late_answer(&world, BATCH, event, async || {
        act(&world, 1, "unfollow").await;
        act(&world, 1, "follow").await;
    })
    .await;
    assert_true(&world).await;
    let rows = world.aws.rows("users").await;
    let back = rows.iter().find(|row| row["user"].as_str().unwrap().ends_with("1")).unwrap();
    assert_eq!(back["state_from"], "subscribe");
    assert!(back["state_time"].as_u64() > back["left_at"].as_u64(), "{back}");
}

#[tokio::test]
async fn follow_during_the_listing_is_no_unfollow() {
    let world = World::start().await;
    follow_without_events(&world, 3).await;
    import(&world).await;
    let ann = world.phone("ann");
    for number in [0, 1] {
        let path = format!("apps/shop/synthetic_followers/{number}/unfollow");
        world.wechat.post(&path, &json!({ "silently": true })).await;
    }
    world.aws.set_time(crate::followers::ROW, "begun_at", 0).await;
    let night = json!({ "reconcile": {} });
    with_late_answer(&world, LIST, night, async || {
        world.wechat.post("people/ann/follow", &json!({ "app": "shop" })).await;
        world.wechat.post("apps/shop/synthetic_followers/1/follow", &json!({})).await;
    })
    .await;
    assert_true(&world).await;
    let subject = format!("union#{}", ann.union_id().await);
    assert_eq!(world.aws.row("mappings", "subject", &subject).await["follows"], true);
    let rows = world.aws.rows("users").await;
    let gone = rows.iter().filter(|row| row["follows"] == false).count();
    assert_eq!(gone, 1, "{rows:?}");
}

#[tokio::test]
async fn empty_list_unfollows_nobody() {
    let world = World::start().await;
    follow_without_events(&world, 30).await;
    import(&world).await;
    let empty = json!({ "total": 0, "count": 0, "next_openid": "" }).to_string();
    world.wechat.fault(json!({ "path": LIST, "body": empty })).await;
    let night = reconcile(&world).await;
    assert_eq!((&night["state"], &night["left"]), (&json!("done"), &json!(0)), "{night}");
    assert_true(&world).await;
}
