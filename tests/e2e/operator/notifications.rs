//! The outcome of a notification, as an operator reads it.

use crate::world::{World, order};
use serde_json::json;

#[tokio::test]
async fn history_does_not_name_the_recipient() {
    let (world, to) = World::with_ann().await;
    world.send(&order("there", to.clone())).await;
    let told = world.hongyan(&["notification", "show", "there"], "").await.json();
    assert_eq!((&told["status"], &told["receipt"]), (&json!("delivered"), &json!("received")));
    assert_eq!((&told["attempts"], &told["channel"]), (&json!(1), &json!("template")), "{told}");
    assert!(told["message_id"].is_string() && told["first_at"].is_number(), "{told}");

    let quota = json!({ "path": "/cgi-bin/message/template/send", "errcode": 45009, "times": 9 });
    world.wechat.fault(quota).await;
    let open_id = world.phone("ann").open_id("shop").await;
    let waits = order("waits", json!({ "app": "shop", "open_id": open_id }));
    assert_eq!(world.send(&waits).await["outcome"], "retrying");
    let show = ["notification", "show", "waits"];
    let words = world.hongyan_in_words(&show, "").await.out;
    for expected in [
        "waits: retrying",
        "One attempt,",
        "template of shop",
        "WeChat's code is 45009",
        "retried within a minute after",
        "hongyan send cancel waits",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(!words.contains("kettle"), "{words}");
    let with_content = world.hongyan(&[&show[..], &["--content"]].concat(), "").await.json();
    assert_eq!(with_content["content"]["data"]["product"], "Blue kettle", "{with_content}");
    assert_eq!(with_content["content"]["to"], json!({ "app": "shop" }));
    assert!(!format!("{words}{with_content}").contains(&open_id));
}

#[tokio::test]
async fn bulk_request_is_counted() {
    let (world, to) = World::with_ann().await;
    world.send_to_several(&order("news", json!([to, { "account": "unknown" }]))).await;
    let told = world.hongyan(&["notification", "show", "news"], "").await.json();
    let expected = json!({ "delivered": ["news#0"], "unreachable": ["news#1"] });
    assert_eq!((&told["recipients"], &told["outcomes"]), (&json!(2), &expected));
    let one = world.hongyan_in_words(&["notification", "show", "news#1"], "").await.out;
    assert!(one.contains("news#1: unreachable") && one.contains("never been seen"), "{one}");
}

#[tokio::test]
async fn unknown_notification_is_reported() {
    let world = World::start().await;
    let said = world.hongyan(&["notification", "show", "never"], "").await;
    let (kind, words) = said.error();
    assert_eq!((said.status, kind.as_str()), (1, "not_found"));
    assert!(words.contains("30 days") && words.contains("stage local"), "{words}");
    // No other row of the table can be asked for.
    let said = world.hongyan(&["notification", "show", "token_refresh#shop"], "").await;
    assert_eq!(said.error().0, "usage");
}
