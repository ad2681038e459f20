//! Stored events can be applied again without changing anything.

use crate::sandbox::CHANGE_SIDE_FIELDS;
use crate::world::World;
use local_aws::InvokeFailure;
use serde_json::{Value, json};

const TEMPLATE: &str = "SandboxTemplateOfMini-order-shipped-0000001";

/// What everything that ever came in is found by.
fn all() -> Value {
    json!({ "from": 1, "to": "2100-01-01T00:00:00Z" })
}

async fn replay(world: &World, request: Value) -> Value {
    let answer = world.invoke("events", &json!({ "replay": request })).await.unwrap();
    world.idle().await;
    answer
}

fn outcome(applied: u64, failed: u64, skipped: u64) -> Value {
    json!({ "applied": applied, "failed": failed, "skipped": skipped, "next_token": null })
}

/// All rows of all tables.
async fn everything(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for table in ["users", "mappings", "events", "notifications"] {
        let mut rows = world.aws.rows(table).await;
        rows.sort_by_key(|row| format!("{} {} {}", row["user"], row["item"], row));
        all.extend(rows);
    }
    all
}

/// An event of each kind, of ann.
fn messages() -> Vec<(&'static str, Value)> {
    let message = |of: &str, more: Value| {
        let mut message = json!({ "from": "ann", "MsgType": of });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };
    let event = |name: &str, more: Value| {
        let mut event = message("event", more);
        event["Event"] = name.into();
        event
    };
    let answer = |status: &str| json!({ "List": { "TemplateId": TEMPLATE, "SubscribeStatusString": status } });
    let place =
        json!({ "Location_X": "31.2", "Location_Y": "121.4", "Scale": "16", "Label": "here" });
    let scan =
        json!({ "EventKey": "k", "ScanCodeInfo": { "ScanType": "qrcode", "ScanResult": "r" } });
    let sent = json!({ "List": { "TemplateId": TEMPLATE, "MsgID": "33", "ErrorCode": "0", "ErrorStatus": "success" } });
    vec![
        ("shop", message("text", json!({ "Content": "hi" }))),
        ("shop", message("image", json!({ "PicUrl": "https://example.test/p", "MediaId": "M" }))),
        ("shop", message("location", place)),
        ("shop", event("CLICK", json!({ "EventKey": "ORDERS" }))),
        ("shop", event("VIEW", json!({ "EventKey": "https://example.test/" }))),
        ("shop", event("SCAN", json!({ "EventKey": "poster", "Ticket": "T" }))),
        ("shop", event("scancode_waitmsg", scan)),
        ("shop", event("LOCATION", json!({ "Latitude": "1", "Longitude": "2", "Precision": "3" }))),
        ("shop", event("TEMPLATESENDJOBFINISH", json!({ "MsgID": "12", "Status": "success" }))),
        ("shop", event("something_new", json!({ "Key": "value" }))),
        ("shop-mini", message("text", json!({ "Content": "hi" }))),
        ("shop-mini", event("user_enter_tempsession", json!({ "SessionFrom": "order-17" }))),
        ("shop-mini", event("subscribe_msg_popup_event", answer("accept"))),
        ("shop-mini", event("subscribe_msg_change_event", answer("reject"))),
        ("shop-mini", event("subscribe_msg_sent_event", sent)),
        (
            "shop-mini",
            event("user_authorization_revoke", json!({ "OpenID": "oSomebody", "RevokeInfo": "8" })),
        ),
    ]
}

/// A world in which an event of each kind was stored and applied.
async fn eventful() -> World {
    let world = World::start().await;
    world.wechat.chaos_without(CHANGE_SIDE_FIELDS).await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    ann.log_in("shop-mini").await;
    for follows in [true, false, true] {
        if follows { ann.follow("shop").await } else { ann.unfollow("shop").await }
    }
    bob.follow("shop").await;
    bob.unfollow("shop").await;
    for phone in [&ann, &bob] {
        phone.consent("shop-mini", "order_shipped", true).await;
    }
    let now = world.wechat.now().await;
    for (at, (app, message)) in messages().into_iter().enumerate() {
        let create_time = now + 10 + u64::try_from(at).unwrap();
        let push = json!({ "app": app, "message": message, "create_time": create_time });
        assert_eq!(world.wechat.push(push).await[0]["body"], "success", "{message}");
    }
    world.idle().await;
    world
}

/// Faults 26, 82.
#[tokio::test]
async fn replay_of_everything_changes_nothing() {
    let world = eventful().await;
    let before = everything(&world).await;
    let events = world.aws.rows("events").await;
    let waiting: Vec<_> = events.iter().filter(|row| !row["applied_at"].is_number()).collect();
    assert!(waiting.is_empty(), "{waiting:#?}");

    let count = u64::try_from(events.len()).unwrap();
    for _ in 0..2 {
        assert_eq!(replay(&world, all()).await, outcome(count, 0, 0));
        let after = everything(&world).await;
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(after, before);
        }
        assert_eq!(after.len(), before.len());
    }
}

/// What stored events tell of users: what logins wrote is lost with the table,
/// until they log in again. A consent that was taken back may as well not be there.
async fn known_from_events(world: &World) -> Vec<Value> {
    let mut rows = world.aws.rows("users").await;
    rows.retain(|row| {
        let user = row["user"].as_str().unwrap();
        let others = ["login_code#", "password_attempts#", "person#", "last_pushes#"];
        let by_login = others.iter().any(|it| user.starts_with(it));
        !by_login && row["logged_in_at"].is_null() && row["state"] != "revoked"
    });
    for row in &mut rows {
        // How often it was written.
        row.as_object_mut().unwrap().remove("version");
    }
    rows.sort_by_key(|row| format!("{} {}", row["user"], row["item"]));
    rows
}

/// Fault 82.
#[tokio::test]
async fn lost_users_are_rebuilt_from_stored_events() {
    let world = eventful().await;
    let before = known_from_events(&world).await;
    assert!(before.iter().any(|row| row["follows"] == true), "{before:#?}");
    assert!(before.iter().any(|row| row["state"] == "free"), "{before:#?}");
    for row in world.aws.rows("users").await {
        let key = json!({ "user": { "S": row["user"] }, "item": { "S": row["item"] } });
        let delete = json!({ "TableName": "hongyan-local-users", "Key": key });
        world.aws.call_service("DynamoDB_20120810.DeleteItem", &delete).await;
    }
    assert_eq!(world.aws.rows("users").await, Vec::<Value>::new());

    let events = u64::try_from(world.aws.rows("events").await.len()).unwrap();
    assert_eq!(replay(&world, all()).await, outcome(events, 0, 0));
    let after = known_from_events(&world).await;
    for (after, before) in after.iter().zip(&before) {
        assert_eq!(after, before);
    }
    assert_eq!(after.len(), before.len());
}

#[tokio::test]
async fn quarantined_events_are_requeued() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let event = world.aws.row("events", "kind", "subscribe").await;
    // As it stands after ten tries.
    let quarantined = json!({
        "TableName": "hongyan-local-events",
        "Key": { "user": { "S": event["user"] }, "event": { "S": event["event"] } },
        "UpdateExpression": "SET attempts = :ten, problem = :why, quarantined_at = :at REMOVE applied_at",
        "ExpressionAttributeValues": {
            ":ten": { "N": "10" }, ":why": { "S": "WeChat was busy" }, ":at": { "N": "1795190000" },
        },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &quarantined).await;
    ann.message("shop", "hello").await;

    let only = |only: &str| {
        let mut request = all();
        request["only"] = only.into();
        request
    };
    world.wechat.fault(json!({ "path": "/cgi-bin/user/info", "times": 100, "errcode": -1 })).await;
    // It was explained already, so that WeChat isn't asked.
    let erase = json!({
        "TableName": "hongyan-local-users",
        "Key": { "user": { "S": event["user"] }, "item": { "S": "profile" } },
        "UpdateExpression": "REMOVE profile_fetched",
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &erase).await;
    assert_eq!(replay(&world, only("quarantined")).await, outcome(0, 1, 1));
    let row = world.aws.row("events", "kind", "subscribe").await;
    assert_eq!((&row["attempts"], row["quarantined_at"].is_null()), (&json!(1), true), "{row}");
    assert!(row["pending"].is_string() && row["due_at"].is_number(), "the sweep's again: {row}");

    world.wechat.heal().await;
    assert_eq!(replay(&world, only("quarantined")).await, outcome(0, 0, 2));
    assert_eq!(replay(&world, only("pending")).await, outcome(1, 0, 1));
    let row = world.aws.row("events", "kind", "subscribe").await;
    assert!(row["applied_at"].is_number() && row["pending"].is_null(), "{row}");
    assert_eq!(replay(&world, only("pending")).await, outcome(0, 0, 2));
}

/// Fault 82.
#[tokio::test]
async fn replay_is_limited_to_the_selection() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.message("shop-mini", "hello").await;
    let received = world.aws.rows("events").await[0]["received_at"].as_u64().unwrap();
    let mut of_mini = all();
    of_mini["app"] = "shop-mini".into();
    assert_eq!(replay(&world, of_mini).await, outcome(1, 0, 0));
    let before = json!({ "from": received - 100, "to": received - 50 });
    assert_eq!(replay(&world, before).await, outcome(0, 0, 0));
    let listed = replay(&world, listing()).await;
    let mut one = all();
    one["key"] = listed["events"][0]["key"].clone();
    assert_eq!(replay(&world, one).await, outcome(1, 0, 1));
}

/// As [`all`], to be listed only.
fn listing() -> Value {
    let mut request = all();
    request["dry_run"] = true.into();
    request
}

#[tokio::test]
async fn event_list_contains_no_personal_data() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.message("shop-mini", "Where is my kettle?").await;
    let poison =
        json!({ "from": "ann", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 });
    world.wechat.push(json!({ "app": "shop", "message": poison })).await;
    world.idle().await;
    let before = everything(&world).await;

    let listed = replay(&world, listing()).await;
    assert_eq!(everything(&world).await, before, "nothing is done");
    let text = listed.to_string();
    for hidden in [ann.open_id("shop").await, ann.open_id("shop-mini").await, "kettle".to_owned()] {
        assert!(!text.contains(&hidden), "{hidden}: {text}");
    }
    assert!(listed["next_token"].is_null(), "{listed}");
    let events = listed["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{listed}");
    let of = |app: &str| events.iter().find(|event| event["app"] == app).unwrap();
    let (applied, poison) = (of("shop-mini"), of("shop"));
    assert_eq!((&applied["kind"], &applied["attempts"]), (&json!("text"), &json!(0)), "{applied}");
    assert!(applied["applied_at"].is_number() && applied["problem"].is_null(), "{applied}");
    assert_eq!((&poison["problem"], &poison["attempts"]), (&json!("Status is missing"), &json!(1)));
    assert!(poison["quarantined_at"].is_number() && poison["received_at"].is_number(), "{poison}");

    // The log calls it so as well.
    let key = poison["key"].as_str().unwrap();
    let lines = world.lines();
    assert!(
        lines.iter().any(|line| line.contains("quarantined") && line.contains(key)),
        "{lines:#?}"
    );
    let mut quarantined = listing();
    quarantined["only"] = "quarantined".into();
    let listed = replay(&world, quarantined).await;
    assert_eq!(listed["events"], json!([poison]));
}

/// In so little time a replay tries one event, and the stream none.
pub(crate) const HURRIED: (&str, &str) = (
    "CodeUri: ../../target/lambda/events/bootstrap.zip\n      Timeout: 60",
    "CodeUri: ../../target/lambda/events/bootstrap.zip\n      Timeout: 20",
);

#[tokio::test]
async fn replay_continues_at_its_cursor() {
    let world = World::changed(&[HURRIED]).await;
    let mut open_ids = Vec::new();
    for name in ["ann", "bob", "carol"] {
        world.phone(name).message("shop-mini", "hello").await;
        open_ids.push(world.phone(name).open_id("shop-mini").await);
    }
    let mut request = all();
    for nth in 1..=3 {
        let answer = replay(&world, request.clone()).await;
        assert_eq!(answer["applied"], 1, "the {nth}. time: {answer}");
        let text = answer.to_string();
        assert!(!open_ids.iter().any(|open_id| text.contains(open_id)), "{text}");
        request["next_token"] = answer["next_token"].clone();
        if nth < 3 {
            assert!(answer["next_token"].is_string(), "the {nth}. time: {answer}");
        }
    }
    let rows = world.aws.rows("events").await;
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "{rows:#?}");
}

#[tokio::test]
async fn invalid_replay_command_explains_the_error() {
    let world = World::start().await;
    let cases = [
        (json!({ "from": 1, "to": 2, "app": "unknown" }), "shop-mini"),
        (json!({ "from": 2, "to": 2 }), "later than from"),
        (json!({ "from": "yesterday", "to": 2 }), "RFC 3339"),
        (json!({ "from": 1 }), "missing field `to`"),
        (json!({ "from": 1, "to": 2, "since": 3 }), "unknown field `since`"),
        (json!({ "from": 1, "to": 2, "next_token": "there" }), "next_token: not a token"),
        (json!({ "from": 1, "to": 2, "only": "failed" }), "quarantined"),
    ];
    for (request, word) in cases {
        match world.invoke("events", &json!({ "replay": request })).await {
            Err(InvokeFailure::Failed { error, .. }) => {
                assert_eq!(error["errorType"], "InvalidRequest", "{error}");
                assert!(error["errorMessage"].as_str().unwrap().contains(word), "{word}: {error}");
            }
            other => panic!("{request} was taken: {other:?}"),
        }
    }
}
