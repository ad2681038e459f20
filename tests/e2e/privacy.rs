//! Who goes takes along what was known of them.

use crate::sandbox::CHANGE_SIDE_FIELDS;
use crate::world::{World, order};
use serde_json::{Value, json};

const SHOP: &str = "wx0000000000005a01";
const SHOP_MINI: &str = "wx0000000000005a02";
const TEMPLATE: &str = "SandboxTemplateOfMini-order-shipped-0000001";

/// The rows of the users table that belong to a user of one app, by item.
async fn rows(world: &World, app_id: &str, open_id: &str) -> Vec<Value> {
    let user = format!("{app_id}#{open_id}");
    let mut rows = world.aws.rows("users").await;
    rows.retain(|row| row["user"] == user);
    rows.sort_by_key(|row| row["item"].to_string());
    rows
}

fn items(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["item"].as_str().unwrap()).collect()
}

async fn push_at(world: &World, app: &str, message: Value, at: u64) {
    let push = json!({ "app": app, "message": message, "create_time": at });
    assert_eq!(world.wechat.push(push).await[0]["body"], "success");
    world.idle().await;
}

/// An account's own consents exist where it may send subscription messages.
fn consent(from: &str) -> Value {
    let list = json!({ "TemplateId": TEMPLATE, "SubscribeStatusString": "accept" });
    json!({ "from": from, "MsgType": "event", "Event": "subscribe_msg_popup_event", "List": list })
}

fn text(from: &str) -> Value {
    json!({ "from": from, "MsgType": "text", "Content": "hello" })
}

#[tokio::test]
async fn unfollow_deletes_everything_except_the_unfollow() {
    let world = World::start().await;
    world.wechat.chaos_without(CHANGE_SIDE_FIELDS).await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.message("shop", "hello").await;
    let (open_id, union_id) = (ann.open_id("shop").await, ann.union_id().await);
    let profile = rows(&world, SHOP, &open_id).await.remove(0);
    let since = profile["state_time"].as_u64().unwrap();
    push_at(&world, "shop", consent(&open_id), since).await;
    let known = rows(&world, SHOP, &open_id).await;
    let prefix = format!("consent#{TEMPLATE}#");
    assert!(items(&known)[0].starts_with(&prefix), "{known:#?}");
    assert_eq!(items(&known)[1..], ["profile", "window#follow", "window#message"]);
    assert_eq!((&profile["union_id"], profile["scene"].is_string()), (&json!(union_id), true));

    ann.unfollow("shop").await;
    let left = rows(&world, SHOP, &open_id).await;
    let [profile] = left.as_slice() else { panic!("{left:#?}") };
    assert_eq!(profile["follows"], false);
    assert!(profile["union_id"].is_null() && profile["scene"].is_null(), "{profile}");
    let left_at = profile["left_at"].as_u64().unwrap();
    let mapping = world.aws.row("mappings", "subject", &format!("union#{union_id}")).await;
    assert_eq!((&mapping["follows"], &mapping["state_time"]), (&json!(false), &json!(left_at)));

    // What is older comes too late, also in the same second.
    let follows = json!({ "from": open_id, "MsgType": "event", "Event": "subscribe" });
    push_at(&world, "shop", follows, left_at - 1).await;
    for at in [left_at - 1, left_at] {
        push_at(&world, "shop", text(&open_id), at).await;
        push_at(&world, "shop", consent(&open_id), at).await;
    }
    assert_eq!(rows(&world, SHOP, &open_id).await, left);

    ann.follow("shop").await;
    let back = rows(&world, SHOP, &open_id).await;
    assert_eq!(items(&back), ["profile", "window#follow"]);
    assert_eq!((&back[0]["follows"], &back[0]["union_id"]), (&json!(true), &json!(union_id)));
    let report = world.send(&order("order-1", json!({ "union_id": union_id }))).await;
    assert_eq!(report["channel"], "template", "{report}");
}

/// WeChat tells of it in the name of its own user, and names the one it is
/// about beside.
fn cancellation(app_id: &str, open_id: &str) -> Value {
    json!({
        "from": "oSystem", "MsgType": "event", "Event": "user_authorization_cancellation",
        "OpenID": open_id, "AppID": app_id, "RevokeInfo": "301",
    })
}

#[tokio::test]
async fn closed_wechat_account_is_erased_in_the_mini_program() {
    let world = World::start().await;
    let bob = world.phone("bob");
    let session = bob.log_in("shop-mini").await;
    bob.consent("shop-mini", "order_shipped", true).await;
    bob.message("shop-mini", "hello").await;
    let open_id = bob.open_id("shop-mini").await;
    assert_eq!(items(&rows(&world, SHOP_MINI, &open_id).await).len(), 3);
    let now = world.wechat.now().await + 5;

    push_at(&world, "shop-mini", cancellation(SHOP_MINI, &open_id), now).await;
    let gone = rows(&world, SHOP_MINI, &open_id).await;
    let [profile] = gone.as_slice() else { panic!("{gone:#?}") };
    let mut kept: Vec<_> = profile.as_object().unwrap().keys().map(String::as_str).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["item", "left_at", "user"], "{profile}");
    let mappings = world.aws.rows("mappings").await;
    assert!(mappings.iter().all(|row| row["app_id"] == "#password"), "{mappings:#?}");
    let report = world.send(&order("order-1", json!({ "account": "bob" }))).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");
    let held = json!({ "refresh_token": session["refresh_token"] });
    let refresh = world.client.post(world.url("/session/refresh")).json(&held);
    assert_eq!(refresh.send().await.unwrap().status(), 401, "his session has ended");

    for _ in 0..2 {
        push_at(&world, "shop-mini", cancellation(SHOP_MINI, &open_id), now).await;
        push_at(&world, "shop-mini", consent(&open_id), now).await;
        assert_eq!(rows(&world, SHOP_MINI, &open_id).await, gone);
    }

    let again = bob.log_in("shop-mini").await;
    assert_eq!(again["account"], session["account"], "{again}");
    let rows = rows(&world, SHOP_MINI, &open_id).await;
    assert_eq!(rows[0]["account"], "bob", "{rows:#?}");
}

#[tokio::test]
async fn closed_account_event_is_ignored_after_a_newer_login() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    let open_id = bob.open_id("shop-mini").await;
    let before = rows(&world, SHOP_MINI, &open_id).await;
    let mappings = world.aws.rows("mappings").await;
    let at = before[0]["logged_in_at"].as_u64().unwrap() - 60;
    push_at(&world, "shop-mini", cancellation(SHOP_MINI, &open_id), at).await;
    let after = rows(&world, SHOP_MINI, &open_id).await;
    assert_eq!(after[0]["left_at"], at);
    for kept in ["id", "account", "union_id", "logged_in_at"] {
        assert_eq!(after[0][kept], before[0][kept], "{kept}");
    }
    assert_eq!(world.aws.rows("mappings").await, mappings);
}

#[tokio::test]
async fn closed_wechat_account_is_unlinked_in_official_accounts() {
    for leaves_first in [false, true] {
        let world = World::start().await;
        let (ann, bob) = (world.phone("ann"), world.phone("bob"));
        ann.follow("shop").await;
        bob.follow("shop").await;
        ann.log_in("shop-mini").await;
        let (open_id, union_id) = (ann.open_id("shop").await, ann.union_id().await);
        if leaves_first {
            ann.unfollow("shop").await;
        }
        let subject = format!("union#{union_id}");
        let of_ann = async || {
            let rows = world.aws.rows("mappings").await;
            let hers = rows.iter().filter(|row| row["subject"] == subject);
            let mut apps: Vec<_> =
                hers.map(|row| row["app_id"].as_str().unwrap().to_owned()).collect();
            apps.sort_unstable();
            apps
        };
        assert_eq!(of_ann().await, ["#person", SHOP, SHOP_MINI]);
        let now = world.wechat.now().await + 5;
        for _ in 0..2 {
            push_at(&world, "shop", cancellation(SHOP, &open_id), now).await;
            assert_eq!(of_ann().await, ["#person", SHOP_MINI], "leaves first: {leaves_first}");
        }
        // What is older comes too late.
        let leaves = json!({ "from": open_id, "MsgType": "event", "Event": "unsubscribe" });
        push_at(&world, "shop", leaves, now - 1).await;
        assert_eq!(of_ann().await, ["#person", SHOP_MINI]);
        let profile = rows(&world, SHOP, &open_id).await;
        assert_eq!((items(&profile), &profile[0]["follows"]), (vec!["profile"], &json!(false)));

        let open_id = ann.open_id("shop-mini").await;
        push_at(&world, "shop-mini", cancellation(SHOP_MINI, &open_id), now).await;
        assert_eq!(of_ann().await, [""; 0]);
        let bobs = format!("union#{}", bob.union_id().await);
        assert_eq!(world.aws.row("mappings", "subject", &bobs).await["follows"], true);
    }
}
