//! What AWS did without saying so is done once; what it refused because of
//! another write at the same time is done all the same.

use crate::phone::password;
use crate::world::{World, order};
use local_aws::services::{Fault, FaultHandle};
use serde_json::{Value, json};

const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";
const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";
const USERS: &str = "hongyan-local-users";

/// Writes of one function to the users table.
fn writes(world: &World, function: &str, operation: &str) -> Fault {
    Fault::new("dynamodb", operation).on(USERS).by(world.cloud.function(function))
}

fn given(world: &World, fault: Fault) -> FaultHandle {
    world.cloud.aws.faults.inject(fault).unwrap()
}

/// A world in which bob has given this many consents, and bob as a recipient.
async fn with_consents(times: usize) -> (World, Value) {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    for _ in 0..times {
        bob.consent("shop-mini", "order_shipped", true).await;
    }
    (world, json!({ "account": "bob" }))
}

/// A world in which ann has written, and ann as a recipient.
async fn with_message() -> (World, Value) {
    let (world, to) = World::with_ann().await;
    world.phone("ann").message("shop", "Where is my kettle?").await;
    (world, to)
}

fn answer_to(id: &str, to: &Value) -> Value {
    let mut request = order(id, to.clone());
    request["channels"] = json!(["customer_service"]);
    request
}

/// The states of the consents, in the order of the alphabet.
async fn consents(world: &World) -> Vec<String> {
    let rows = world.aws.rows("users").await;
    let consents = rows.iter().filter(|row| row["item"].as_str().unwrap().starts_with("consent#"));
    let mut states: Vec<_> =
        consents.map(|consent| consent["state"].as_str().unwrap().to_owned()).collect();
    states.sort_unstable();
    states
}

/// How many messages were taken out of the window that a message opened.
async fn taken(world: &World) -> usize {
    let window = world.aws.row("users", "item", "window#message").await;
    assert_eq!(window["messages"], 5, "{window}");
    window["reserved_by"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn one_consent_is_used_when_its_reservation_is_not_confirmed() {
    let (world, to) = with_consents(2).await;
    // The reservation, and then that it is used up.
    for _ in 0..2 {
        given(&world, writes(&world, "send", "TransactWriteItems").reset().after().once());
    }
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert_eq!(consents(&world).await, ["free", "used"]);
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 1);
}

#[tokio::test]
async fn only_consent_is_found_when_its_reservation_is_not_confirmed() {
    let (world, to) = with_consents(1).await;
    let lost = given(&world, writes(&world, "send", "TransactWriteItems").reset().after().once());
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert_eq!(lost.fired(), 1);
    assert_eq!(consents(&world).await, ["used"]);
}

#[tokio::test]
async fn window_slot_is_used_once_when_its_reservation_is_not_confirmed() {
    let (world, to) = with_message().await;
    let lost = given(&world, writes(&world, "send", "TransactWriteItems").reset().after().once());
    assert_eq!(world.send(&answer_to("answer-1", &to)).await["outcome"], "sent");
    assert_eq!((lost.fired(), taken(&world).await), (1, 1));
}

#[tokio::test]
async fn window_slot_is_released_when_wechat_certainly_did_not_accept_the_message() {
    let (world, to) = with_message().await;
    // WeChat can't read it, and then has no quota for it; of neither it counts one.
    for (at, (code, outcome)) in [(40008, "failed"), (45009, "retrying")].into_iter().enumerate() {
        world.wechat.fault(json!({ "path": CUSTOM_SEND, "errcode": code })).await;
        let report = world.send(&answer_to(&format!("answer-{at}"), &to)).await;
        assert_eq!(report["outcome"], outcome, "{report}");
        assert_eq!(taken(&world).await, at, "{code}");
        if at == 0 {
            assert_eq!(world.send(&answer_to("answer-2", &to)).await["outcome"], "sent");
        }
    }
}

#[tokio::test]
async fn window_slot_is_kept_when_wechat_may_have_counted_the_message() {
    let (world, to) = with_message().await;
    for (at, code) in [-1, 45047, 45015].into_iter().enumerate() {
        world.wechat.fault(json!({ "path": CUSTOM_SEND, "errcode": code })).await;
        world.send(&answer_to(&format!("answer-{at}"), &to)).await;
        assert_eq!(taken(&world).await, at + 1, "{code}");
    }
}

#[tokio::test]
async fn write_is_repeated_when_a_transaction_holds_the_item() {
    let (world, to) = World::with_ann().await;
    let conflict = |function, operation| {
        let write = Fault::new("dynamodb", operation).by(world.cloud.function(function));
        given(&world, write.refuse("TransactionConflictException").times(5))
    };
    // A notification's claim.
    let met = conflict("send", "UpdateItem");
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert_eq!(met.fired(), 5);

    // What was hers is deleted when she goes.
    let ann = world.phone("ann");
    ann.message("shop", "Where is my kettle?").await;
    let met = conflict("events", "DeleteItem");
    ann.unfollow("shop").await;
    assert_eq!(met.fired(), 5);
    let rows = world.aws.rows("users").await;
    assert!(!rows.iter().any(|row| row["item"] == "window#message"), "{rows:#?}");

    let met = conflict("login", "UpdateItem");
    world.account("carol").await;
    assert_eq!(met.fired(), 5);
    world.phone("carol").log_in("shop-mini").await;
}

#[tokio::test]
async fn timed_out_transaction_is_repeated_until_it_is_confirmed() {
    let (world, to) = with_consents(0).await;
    let grant = writes(&world, "events", "TransactWriteItems");
    let met = given(&world, grant.refuse("TransactionInProgressException").times(5));
    world.phone("bob").consent("shop-mini", "order_shipped", true).await;
    assert_eq!((met.fired(), consents(&world).await), (5, vec!["free".to_owned()]));

    // It has written everything, and its confirmation is lost as well.
    let sent = Fault::new("dynamodb", "TransactWriteItems").by(world.cloud.function("send"));
    let lost = given(&world, sent.reset().after().once());
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert_eq!(lost.fired(), 1);
    assert_eq!(world.aws.row("notifications", "id", "order-1").await["status"], "delivered");
}

#[tokio::test]
async fn erasure_completes_when_no_write_is_confirmed_for_a_while() {
    let (world, _) = with_consents(0).await;
    let lost = given(&world, writes(&world, "events", "TransactWriteItems").reset().after());
    let closed = json!({
        "from": "oSystem", "MsgType": "event", "Event": "user_authorization_cancellation",
        "OpenID": world.phone("bob").open_id("shop-mini").await, "RevokeInfo": "301",
    });
    world.wechat.push(json!({ "app": "shop-mini", "message": closed })).await;
    world.idle().await;
    lost.cancel();
    let gone = world.aws.row("users", "item", "profile").await;
    assert!(gone["left_at"].is_number() && gone["id"].is_null(), "{gone}");
    let mut rows = world.aws.rows("mappings").await;
    rows.retain(|row| row["app_id"] != "#password");
    assert_eq!(rows, [] as [Value; 0]);
}

#[tokio::test]
async fn account_is_created_when_its_write_is_not_confirmed() {
    let world = World::start().await;
    let put = Fault::new("dynamodb", "UpdateItem").by(world.cloud.function("login"));
    let lost = given(&world, put.reset().after().once());
    let create = json!({
        "create_account": { "username": "carol", "password": password("carol") },
    });
    world.invoke("login", &create).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lost.fired(), 1);
    // A second one of that name isn't.
    assert!(world.invoke("login", &create).await.is_err());
}

/// One send fails for certain and is about to give its consent back, when
/// `meanwhile` happens: the states of the consents afterwards.
async fn given_back_after(world: &World, to: &Value, meanwhile: impl AsyncFnOnce()) -> Vec<String> {
    // Another message to bob is under way, each time that it is tried.
    let met = json!({ "path": SUBSCRIBE_SEND, "errcode": 43108, "times": 3 });
    world.wechat.fault(met).await;
    let request = order("order-1", to.clone());
    let meanwhile = async {
        let asked = async || world.wechat.calls(SUBSCRIBE_SEND).await.len();
        while asked().await == 0 {
            tokio::task::yield_now().await;
        }
        // What is reserved is written; the next of its kind gives it back.
        let held = given(world, writes(world, "send", "TransactWriteItems").hold().once());
        held.holds(1).await;
        meanwhile().await;
        assert!(consents(world).await.contains(&"reserved".to_owned()));
        held.release();
    };
    let (answer, ()) = tokio::join!(world.invoke("send", &request), meanwhile);
    let report = &answer.unwrap_or_else(|error| panic!("{error}"))["notifications"][0];
    assert_eq!(report["outcome"], "retrying", "{report}");
    consents(world).await
}

/// How many events of the mini program have been applied.
fn applied(world: &World) -> usize {
    let is_told = |line: &&String| line.contains("INFO applied") && line.contains("shop-mini");
    world.lines().iter().filter(is_told).count()
}

/// Fault 49.
#[tokio::test]
async fn released_consent_can_be_used_again() {
    let (world, to) = with_consents(1).await;
    assert_eq!(given_back_after(&world, &to, async || {}).await, ["free"]);
    assert_eq!(world.send(&order("order-2", to)).await["outcome"], "sent");
}

#[tokio::test]
async fn reserved_consent_is_not_released_after_a_withdrawal() {
    let (world, to) = with_consents(1).await;
    let withdraw = async || {
        let before = applied(&world);
        world.wechat.post("people/bob/block", &json!({ "app": "shop-mini" })).await;
        world.until("the withdrawal is applied", || applied(&world) > before).await;
    };
    assert_eq!(given_back_after(&world, &to, withdraw).await, ["revoked"]);
    assert_eq!(world.send(&order("order-2", to)).await["outcome"], "no_consent");
}

#[tokio::test]
async fn reserved_consent_is_not_released_when_wechat_knows_no_consent() {
    let (world, to) = with_consents(0).await;
    // WeChat tells of two consents that it doesn't remember.
    let yes = json!({
        "TemplateId": "SandboxTemplateOfMini-order-shipped-0000001",
        "SubscribeStatusString": "accept", "PopupScene": "0",
    });
    let popup = json!({
        "from": "bob", "MsgType": "event", "Event": "subscribe_msg_popup_event",
        "List": [yes, yes],
    });
    world.wechat.push(json!({ "app": "shop-mini", "message": popup })).await;
    world.idle().await;
    let other = async || {
        let report = world.invoke("send", &order("order-2", to.clone())).await;
        let report = &report.unwrap_or_else(|error| panic!("{error}"))["notifications"][0];
        assert_eq!(report["outcome"], "no_consent", "{report}");
        assert_eq!(consents(&world).await, ["invalid", "reserved"]);
    };
    assert_eq!(given_back_after(&world, &to, other).await, ["invalid", "revoked"]);
    assert_eq!(world.send(&order("order-3", to.clone())).await["outcome"], "no_consent");
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 4, "WeChat isn't asked again");

    // A consent of later counts.
    world.phone("bob").consent("shop-mini", "order_shipped", true).await;
    assert_eq!(world.send(&order("order-4", to)).await["outcome"], "sent");
}

#[tokio::test]
async fn reserved_consent_is_not_released_after_the_account_is_closed() {
    let (world, to) = with_consents(1).await;
    // They are gone, and what they had is not deleted yet.
    let erasing = given(&world, writes(&world, "events", "DeleteItem").hold());
    let close = async || {
        let closed = json!({
            "from": "oSystem", "MsgType": "event", "Event": "user_authorization_cancellation",
            "OpenID": world.phone("bob").open_id("shop-mini").await, "RevokeInfo": "301",
        });
        world.wechat.push(json!({ "app": "shop-mini", "message": closed })).await;
        erasing.holds(1).await;
    };
    assert_eq!(given_back_after(&world, &to, close).await, ["revoked"]);
    erasing.cancel();
    world.idle().await;
    assert!(consents(&world).await.is_empty());
}
