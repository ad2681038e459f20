//! An operator sends and cancels notifications.

use crate::world::World;
use serde_json::{Value, json};

const TO_ANN: [&str; 8] = [
    "send",
    "order_shipped",
    "--to",
    "account=ann",
    "--data",
    "product=Blue kettle",
    "--data",
    "time=2026-11-20 15:04",
];

/// As [`TO_ANN`], and more.
fn to_ann<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [TO_ANN.as_slice(), more].concat()
}

#[tokio::test]
async fn notification_is_sent_once_and_its_report_shown() {
    let (world, _) = World::with_ann().await;
    let sent = world.hongyan(&TO_ANN, "").await.json();
    let id = sent["id"].as_str().unwrap().to_owned();
    assert_eq!(sent["generated_id"], true, "{sent}");
    let report = &sent["notifications"][0];
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
    world.idle().await;
    let words = world.hongyan_in_words(&to_ann(&["--id", &id]), "").await;
    assert_eq!(words.status, 0, "{words:?}");
    for expected in [&format!("{id}: delivered"), "through       template of shop"] {
        assert!(words.out.contains(expected), "{expected}: {words:?}");
    }
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 1, "the same id is sent once");

    let other = ["--id", &id, "--channels", "customer_service"];
    let said = world.hongyan(&to_ann(&other), "").await;
    let (kind, words) = said.error();
    assert_eq!((said.status, kind.as_str()), (1, "conflict"), "{words}");
    assert!(words.contains(&format!("hongyan notification show {id}")), "{words}");
}

#[tokio::test]
async fn fields_are_read_from_a_pipe_for_several_recipients() {
    let (world, _) = World::with_ann().await;
    let open_id = world.phone("ann").open_id("shop").await;
    let user = format!("app=shop,open_id={open_id}");
    let send = ["send", "order_shipped", "--to", &user, "--to", "account=unknown", "--id", "two"];
    let fields = json!({ "product": "Blue kettle", "time": "2026-11-20 15:04" }).to_string();
    let said = world.hongyan(&[&send[..], &["--data-file", "-"]].concat(), &fields).await;
    assert_eq!(said.status, 1, "one of them isn't accepted: {said:?}");
    let told = said.any_json();
    let outcomes: Vec<_> = told["notifications"].as_array().unwrap().iter().collect();
    assert_eq!((&outcomes[0]["id"], &outcomes[0]["outcome"]), (&json!("two#0"), &json!("sent")));
    assert_eq!(outcomes[1]["outcome"], "unreachable", "{told}");
    world.idle().await;
    let words = world.hongyan_in_words(&[&send[..], &["--data-file", "-"]].concat(), &fields).await;
    for expected in ["not through   subscribe of shop-mini", "1 of 2 accepted", "hongyan person"] {
        assert!(words.out.contains(expected), "{expected}: {words:?}");
    }
    assert!(!words.out.contains(&open_id), "{words:?}");
}

#[tokio::test]
async fn dry_run_shows_the_message_and_does_nothing() {
    let (world, _) = World::with_ann().await;
    let told = world.hongyan(&to_ann(&["--dry-run"]), "").await.json();
    assert_eq!(told["notifications"][0]["outcome"], "would_send", "{told}");
    assert!(told["notifications"][0]["message"].to_string().contains("Blue kettle"), "{told}");
    assert!(world.aws.rows("notifications").await.is_empty());
    assert!(world.phone("ann").screen_of("template").await.is_empty());
}

#[tokio::test]
async fn invalid_request_gives_advice() {
    let (world, _) = World::with_ann().await;
    let one_field = &TO_ANN[..6];
    let no_template = [&["send", "order_lost"], &TO_ANN[2..]].concat();
    let [past, later] = ["--send-at", "--expires-at"].map(|name| [name, "2026-11-20T15:04:00Z"]);
    for (arguments, input, expected) in [
        (one_field.to_vec(), "", ["data.time", "hongyan template list"]),
        (no_template, "", ["order_lost", "hongyan template list"]),
        (to_ann(&[past, later].concat()), "", ["expires_at", "correct what"]),
        (to_ann(&["--data", "time=now"]), "", ["time is given twice", "each field once"]),
        ([&TO_ANN[..4], &["--data-file", "-"]].concat(), "[1]", ["no object", "JSON object"]),
    ] {
        let said = world.hongyan(&arguments, input).await;
        let (_, words) = said.error();
        assert_eq!(said.status, 2, "{words}");
        for expected in expected {
            assert!(words.contains(expected), "{expected}: {words}");
        }
    }
    assert!(world.aws.rows("notifications").await.is_empty());
}

#[tokio::test]
async fn waiting_notification_can_be_cancelled() {
    let (world, _) = World::with_ann().await;
    let tomorrow = (world.wechat.now().await + 24 * 3600).to_string();
    let later = to_ann(&["--id", "later", "--send-at", &tomorrow]);
    let told = world.hongyan(&later, "").await.json();
    assert_eq!(told["notifications"][0]["outcome"], "scheduled", "{told}");
    let cancelled = world.hongyan(&["send", "cancel", "later"], "").await.json();
    assert_eq!(cancelled["outcome"], "cancelled", "{cancelled}");
    assert_eq!(world.aws.row("notifications", "id", "later").await["status"], "cancelled");
    let error = async |id: &str| world.hongyan(&["send", "cancel", id], "").await.error();
    let screen: Vec<Value> = world.phone("ann").screen().await;
    assert!(screen.is_empty(), "{screen:?}");
    world.hongyan(&to_ann(&["--id", "now"]), "").await.json();
    let (kind, words) = error("now").await;
    assert!(kind == "conflict" && words.contains("notification show now"), "{kind} {words}");
    let (kind, words) = error("never").await;
    assert!(kind == "not_found" && words.contains("ID#0"), "{kind} {words}");
}
