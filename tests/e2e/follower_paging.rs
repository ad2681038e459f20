//! The list of followers, page by page, on WeChat's good days and bad.

use crate::followers::{
    BATCH, LIST, ROW, assert_true, follow_without_events, import, pages_of, resume, status, used,
};
use crate::world::World;
use serde_json::json;
use shared::clock::Timestamp;

#[tokio::test]
async fn list_of_any_length_is_read_exactly_to_its_end() {
    let world = World::start().await;
    pages_of(&world, 5).await;
    for (followers, lists) in [(0, 1), (1, 1), (4, 1), (5, 1), (6, 2), (10, 2), (11, 3), (0, 1)] {
        // No follower from before is known to WeChat any more, nor to us.
        follow_without_events(&world, followers).await;
        let done = import(&world).await;
        assert_eq!(done["state"], "done", "{followers}: {done}");
        assert_eq!((&done["listed"], &done["followers"]), (&json!(followers), &json!(followers)));
        assert_eq!(done["used"][LIST], lists, "{followers}: {done}");
        assert_true(&world).await;
    }
}

#[tokio::test]
async fn last_follower_of_a_page_may_unfollow_before_the_next_page() {
    let world = World::start().await;
    pages_of(&world, 5).await;
    follow_without_events(&world, 12).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 1 })).await;
    assert_eq!(import(&world).await["listed"], 5);
    world.wechat.post("apps/shop/synthetic_followers/4/unfollow", &json!({})).await;
    world.wechat.post("apps/shop/synthetic_followers/0/unfollow", &json!({})).await;
    world.idle().await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 500 })).await;
    let done = import(&world).await;
    assert_eq!((&done["state"], &done["listed"]), (&json!("done"), &json!(12)), "{done}");
    assert_eq!(used(&world, LIST).await, 3);
    assert_true(&world).await;
}

#[tokio::test]
async fn list_is_restarted_when_wechat_cannot_continue_it() {
    let world = World::start().await;
    pages_of(&world, 5).await;
    follow_without_events(&world, 12).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 1 })).await;
    import(&world).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 500 })).await;
    let batches = used(&world, BATCH).await;
    world.wechat.fault(json!({ "path": LIST, "errcode": 40003 })).await;
    let done = import(&world).await;
    assert_eq!((&done["state"], &done["listed"]), (&json!("done"), &json!(12)), "{done}");
    // The first page's are known, and not asked for again.
    assert_eq!(used(&world, BATCH).await, batches + 2);
    assert_true(&world).await;
}

#[tokio::test]
async fn list_is_read_again_when_the_cursor_is_unknown() {
    let world = World::start().await;
    pages_of(&world, 5).await;
    follow_without_events(&world, 12).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 1 })).await;
    import(&world).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 500 })).await;
    // Its days were over.
    let rows = world.aws.rows("notifications").await;
    let page = rows.iter().find(|row| row["hashes"].is_string()).unwrap();
    assert!(page["expires"].as_u64() > Some(Timestamp::now().0 + 6 * 86_400), "{page}");
    let delete =
        json!({ "TableName": "hongyan-local-notifications", "Key": { "id": { "S": page["id"] } } });
    world.aws.call_service("DynamoDB_20120810.DeleteItem", &delete).await;
    let done = import(&world).await;
    assert_eq!((&done["state"], &done["left"]), (&json!("done"), &json!(0)), "{done}");
    assert_eq!(used(&world, LIST).await, 6);
    assert_true(&world).await;
}

#[tokio::test]
async fn dropped_call_is_repeated_and_invalid_token_replaced() {
    for fault in [
        json!({ "errcode": -1, "times": 2 }),
        json!({ "reset": true, "times": 2 }),
        json!({ "status": 502, "times": 2 }),
        json!({ "errcode": 268_487_002 }),
        json!({ "errcode": 40001 }),
    ] {
        let world = World::start().await;
        follow_without_events(&world, 150).await;
        // Of two tokens called dead within half a minute, one can be replaced.
        let paths = if fault["errcode"] == 40001 { &[BATCH][..] } else { &[LIST, BATCH] };
        for path in paths {
            let mut fault = fault.clone();
            fault["path"] = json!(path);
            world.wechat.fault(fault).await;
        }
        let done = import(&world).await;
        assert_eq!(done["state"], "done", "{fault}: {done}");
        assert_true(&world).await;
    }
}

#[tokio::test]
async fn tokens_that_become_invalid_during_the_import_are_replaced() {
    let world = World::start().await;
    follow_without_events(&world, 150).await;
    world.wechat.revoke("shop").await;
    assert_eq!(import(&world).await["state"], "done");
    assert_true(&world).await;
}

#[tokio::test]
async fn import_waits_while_wechat_is_unavailable() {
    let world = World::start().await;
    follow_without_events(&world, 150).await;
    world.wechat.fault(json!({ "path": BATCH, "errcode": -1, "times": 100 })).await;
    let begun = Timestamp::now();
    let waiting = import(&world).await;
    assert_eq!((&waiting["state"], &waiting["listed"]), (&json!("listing"), &json!(0)));
    let at = waiting["continues_at"].as_u64().unwrap();
    assert!((begun.0 + 30..begun.0 + 120).contains(&at), "{waiting}");
    assert!(waiting["reason"].as_str().unwrap().contains("system error"), "{waiting}");
    world.wechat.heal().await;
    let calls = used(&world, LIST).await;
    assert_eq!(resume(&world).await, waiting, "a minute isn't over");
    assert_eq!(used(&world, LIST).await, calls);
    world.aws.set_time(ROW, "retry_at", 0).await;
    assert_eq!(resume(&world).await["state"], "done");
    assert_true(&world).await;
}

#[tokio::test]
async fn exhausted_daily_quota_is_reported_and_the_import_continues_the_next_day() {
    let world = World::start().await;
    pages_of(&world, 10).await;
    follow_without_events(&world, 45).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 2 })).await;
    let now = Timestamp::now();
    let waiting = import(&world).await;
    assert_eq!((&waiting["state"], &waiting["listed"]), (&json!("listing"), &json!(20)));
    assert!(waiting["reason"].as_str().unwrap().contains("45009"), "{waiting}");
    let at = waiting["continues_at"].as_u64().unwrap();
    assert_eq!((at + 8 * 3600) % 86_400, 0, "midnight in China: {waiting}");
    assert!(at > now.0 && at <= now.0 + 86_400 + 60, "{waiting}");
    assert_eq!(resume(&world).await, waiting);

    world.wechat.advance(86_400).await;
    world.aws.set_time(ROW, "retry_at", 0).await;
    let waiting = resume(&world).await;
    assert_eq!((&waiting["state"], &waiting["listed"]), (&json!("listing"), &json!(40)));
    // An operator who has cleared the quota needn't wait.
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 500 })).await;
    assert_eq!(import(&world).await["state"], "done");
    let done = status(&world).await;
    assert_eq!(done["reason"], json!(null));
    let all = world.invoke("followers", &json!({ "status": {} })).await.unwrap();
    assert_eq!(all, json!({ "accounts": [done] }));
    assert_true(&world).await;
}

#[tokio::test]
async fn cancelled_import_stops() {
    let world = World::start().await;
    pages_of(&world, 10).await;
    follow_without_events(&world, 25).await;
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 1 })).await;
    import(&world).await;
    let cancel = json!({ "cancel": { "app": "shop" } });
    let cancelled = world.invoke("followers", &cancel).await.unwrap();
    assert_eq!((&cancelled["state"], &cancelled["imported"]), (&json!("cancelled"), &json!(10)));
    world.wechat.post("apps/shop/quotas", &json!({ LIST: 500 })).await;
    assert_eq!(resume(&world).await, cancelled);
    // Nobody's openid is kept for it.
    let row = world.aws.row("notifications", "id", ROW).await;
    assert!(row.get("after").is_none() && row.get("lease_owner").is_none(), "{row}");
    assert_eq!(import(&world).await["state"], "done");
    assert_true(&world).await;
}
