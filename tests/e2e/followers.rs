//! A business that turns Hongyan on already has followers.

use crate::world::{World, order};
use local_aws::InvokeFailure;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::collections::BTreeSet;

pub(crate) const LIST: &str = "/cgi-bin/user/get";
pub(crate) const BATCH: &str = "/cgi-bin/user/info/batchget";
/// The row that says how far the import of the shop's followers is.
pub(crate) const ROW: &str = "followers#wx0000000000005a01";

/// Brings the shop's followers in, as far as one invocation gets.
pub(crate) async fn import(world: &World) -> Value {
    let import = json!({ "import": { "app": "shop" } });
    let done = world.invoke("followers", &import).await.unwrap();
    world.idle().await;
    done
}

/// What the schedule does every minute.
pub(crate) async fn resume(world: &World) -> Value {
    world.invoke("followers", &json!({ "continue": {} })).await.unwrap();
    world.idle().await;
    status(world).await
}

/// What the schedule does every night; the last import counts as long past.
pub(crate) async fn reconcile(world: &World) -> Value {
    let rows = world.aws.rows("notifications").await;
    if rows.iter().any(|row| row["id"] == ROW) {
        world.aws.set_time(ROW, "begun_at", 0).await;
    }
    let mut done = world.invoke("followers", &json!({ "reconcile": {} })).await.unwrap();
    world.idle().await;
    assert_eq!(done["accounts"].as_array().unwrap().len(), 1, "{done}");
    done["accounts"][0].take()
}

pub(crate) async fn status(world: &World) -> Value {
    world.invoke("followers", &json!({ "status": { "app": "shop" } })).await.unwrap()
}

/// Gives the shop this many followers without an event.
pub(crate) async fn follow_without_events(world: &World, count: usize) {
    world.wechat.post("apps/shop/synthetic_followers", &json!({ "count": count })).await;
}

/// The followers of a page of the list.
pub(crate) async fn pages_of(world: &World, so_many: usize) {
    world.wechat.post("apps/shop", &json!({ "list_page": so_many })).await;
}

/// How often WeChat says that an API was called today.
pub(crate) async fn used(world: &World, path: &str) -> u64 {
    world.wechat.get("apps/shop/quotas").await["used"][path].as_u64().unwrap_or_default()
}

/// Expects that exactly those are known to follow who do.
pub(crate) async fn assert_true(world: &World) {
    let truth = world.wechat.get("apps/shop/followers").await;
    let truth: BTreeSet<String> = serde_json::from_value(truth["open_ids"].clone()).unwrap();
    let app = "wx0000000000005a01";
    let follow = |row: &&Value| row["follows"] == true;
    let users = world.aws.rows("users").await;
    let profiles = users.iter().filter(|row| row["item"] == "profile").filter(follow);
    let known = profiles.filter_map(|row| row["user"].as_str()?.strip_prefix(&format!("{app}#")));
    assert_eq!(known.map(str::to_owned).collect::<BTreeSet<_>>(), truth);
    let mappings = world.aws.rows("mappings").await;
    let mapped = mappings.iter().filter(|row| row["app_id"] == app).filter(follow);
    let mapped = mapped.map(|row| row["open_id"].as_str().unwrap().to_owned());
    assert_eq!(mapped.collect::<BTreeSet<_>>(), truth);
}

/// Waits until the clock shows another second than now.
pub(crate) async fn next_second(world: &World) {
    let now = Timestamp::now();
    world.until("the next second", || Timestamp::now() > now).await;
}

/// The kind and the message of the error of what is refused.
async fn refused(world: &World, event: &Value) -> (String, String) {
    match world.invoke("followers", event).await {
        Err(InvokeFailure::Failed { error, .. }) => {
            let text = |name: &str| error[name].as_str().unwrap().to_owned();
            (text("errorType"), text("errorMessage"))
        }
        other => panic!("{event} wasn't refused: {other:?}"),
    }
}

#[tokio::test]
async fn imported_follower_is_reachable_without_an_event() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow_unseen("shop").await;
    ann.log_in("shop-mini").await;
    let to = json!({ "account": "ann" });
    let mut request = order("order-1", to.clone());
    request["channels"] = json!(["template"]);
    assert_eq!(world.send(&request).await["outcome"], "unreachable");

    let done = import(&world).await;
    assert_eq!(done["state"], "done", "{done}");
    for (name, value) in
        [("followers", 1), ("listed", 1), ("imported", 1), ("without_union_id", 0), ("left", 0)]
    {
        assert_eq!(done[name], value, "{name}: {done}");
    }
    assert_eq!(done["used"], json!({ LIST: 1, BATCH: 1 }));
    assert!(done["ended_at"].as_u64() >= done["begun_at"].as_u64(), "{done}");
    assert_eq!(status(&world).await, done);

    request["id"] = json!("order-2");
    let report = world.send(&request).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
    assert_eq!(ann.screen_of("template").await.len(), 1);
    assert!(world.aws.rows("events").await.iter().all(|row| row["kind"] != "subscribe"));
    assert_true(&world).await;
}

#[tokio::test]
async fn known_followers_are_neither_requested_nor_written() {
    let world = World::start().await;
    follow_without_events(&world, 250).await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let done = import(&world).await;
    assert_eq!((&done["listed"], &done["imported"]), (&json!(251), &json!(250)), "{done}");
    assert_eq!((used(&world, LIST).await, used(&world, BATCH).await), (1, 3));
    assert_true(&world).await;

    let (users, mappings) = (world.aws.rows("users").await, world.aws.rows("mappings").await);
    let night = reconcile(&world).await;
    assert_eq!((&night["state"], &night["listed"]), (&json!("done"), &json!(251)), "{night}");
    assert_eq!((&night["imported"], &night["left"]), (&json!(0), &json!(0)), "{night}");
    assert_eq!(night["used"], json!({ LIST: 1, BATCH: 0 }));
    assert_eq!((used(&world, LIST).await, used(&world, BATCH).await), (2, 3));
    assert_eq!(world.aws.rows("users").await, users);
    assert_eq!(world.aws.rows("mappings").await, mappings);
    // An import of this day is tonight's as well.
    world.invoke("followers", &json!({ "reconcile": {} })).await.unwrap();
    assert_eq!(used(&world, LIST).await, 2);
}

#[tokio::test]
async fn nightly_reconciliation_imports_accounts_that_were_never_imported() {
    let world = World::start().await;
    follow_without_events(&world, 20).await;
    assert_eq!(status(&world).await["state"], "none");
    assert_eq!(resume(&world).await["state"], "none");
    assert_eq!(used(&world, LIST).await, 0, "it was not requested");
    assert_eq!(reconcile(&world).await["imported"], 20);
    assert_true(&world).await;
}

#[tokio::test]
async fn import_adds_the_unionid_when_it_appears_later() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow_unseen("shop").await;
    follow_without_events(&world, 120).await;
    world.wechat.post("apps/shop", &json!({ "open_platform": null })).await;
    let done = import(&world).await;
    assert_eq!((&done["imported"], &done["without_union_id"]), (&json!(121), &json!(121)));
    let lines = world.lines();
    assert!(lines.iter().any(|line| line.contains("bind the account to an open-platform account")));
    let (batches, mappings) = (used(&world, BATCH).await, world.aws.rows("mappings").await);
    assert!(mappings.is_empty(), "{mappings:?}");

    world.wechat.post("apps/shop", &json!({ "open_platform": "hongyan" })).await;
    reconcile(&world).await;
    assert_eq!(used(&world, BATCH).await, batches, "at night it isn't asked for in vain");
    let done = import(&world).await;
    assert_eq!((&done["imported"], &done["without_union_id"]), (&json!(121), &json!(0)));
    assert_true(&world).await;
    let subject = format!("union#{}", ann.union_id().await);
    assert_eq!(world.aws.row("mappings", "subject", &subject).await["follows"], true);
}

#[tokio::test]
async fn erased_follower_returns_as_a_new_user() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow_unseen("shop").await;
    ann.log_in("shop-mini").await;
    import(&world).await;
    let user = format!("wx0000000000005a01#{}", ann.open_id("shop").await);
    let erase = json!({ "erase": { "account": "ann" } });
    assert_eq!(world.ask_login(&erase).await.unwrap()["complete"], true);
    import(&world).await;
    let profile = world.aws.row("users", "user", &user).await;
    assert!(profile.get("union_id").is_none() && profile.get("follows").is_none(), "{profile}");
    assert!(world.aws.rows("mappings").await.iter().all(|row| row["open_id"].is_null()));

    // A day later the mark is gone that keeps late events from undoing it.
    let key = json!({ "user": { "S": user }, "item": { "S": "profile" } });
    let delete = json!({ "TableName": "hongyan-local-users", "Key": key });
    world.aws.call_service("DynamoDB_20120810.DeleteItem", &delete).await;
    assert_eq!(reconcile(&world).await["imported"], 1);
    let profile = world.aws.row("users", "user", &user).await;
    assert_eq!(profile["union_id"], ann.union_id().await);
    assert!(profile.get("id").is_none() && profile.get("account").is_none(), "{profile}");
    assert_true(&world).await;
}

#[tokio::test]
async fn invalid_import_command_is_rejected_and_changes_nothing() {
    let world = World::start().await;
    follow_without_events(&world, 5).await;
    for (event, words) in [
        (json!({ "import": { "app": "shopp" } }), "there is no \"shopp\" under /apps"),
        (json!({ "import": { "app": "shop-mini" } }), "shop-mini is a mini program"),
        (json!({ "status": { "app": "shop-mini" } }), "shop-mini is a mini program"),
        (json!({ "cancel": { "app": "unknown" } }), "there is no \"unknown\""),
        (json!({ "import": {} }), "missing field `app`"),
        (json!({ "import": { "app": "shop", "all": true } }), "unknown field `all`"),
        (json!({ "import": { "app": "shop" }, "status": {} }), "nothing beside it"),
        (json!({ "improt": { "app": "shop" } }), "unknown variant `improt`"),
        (json!({}), "this function takes"),
        (json!("import"), "this function takes"),
    ] {
        let (kind, message) = refused(&world, &event).await;
        assert_eq!(kind, "InvalidRequest", "{event}");
        assert!(message.contains(words) && message.contains("nothing"), "{event}: {message}");
    }
    assert!(world.aws.rows("notifications").await.is_empty());
    assert!(world.aws.rows("users").await.is_empty());
    assert_eq!(used(&world, LIST).await, 0);
}

#[tokio::test]
async fn unauthorized_account_gets_advice() {
    let world = World::start().await;
    follow_without_events(&world, 5).await;
    world.wechat.fault(json!({ "path": LIST, "errcode": 48001 })).await;
    let failed = import(&world).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("48001") && reason.contains("see its permissions"), "{reason}");
    // It isn't retried every minute, and an operator may import again.
    assert_eq!(resume(&world).await["state"], "failed");
    assert_eq!(import(&world).await["state"], "done");
    assert_true(&world).await;
}
