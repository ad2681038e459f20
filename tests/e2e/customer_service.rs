//! Customer service may write to a person who has written lately.

use crate::world::{World, order};
use serde_json::{Value, json};

const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";

/// A notification that only customer service is to say.
fn answer_to(id: &str, to: &Value) -> Value {
    let mut request = order(id, to.clone());
    request["channels"] = json!(["customer_service"]);
    request
}

#[tokio::test]
async fn reply_is_sent_until_the_window_closes() {
    let (world, to) = World::with_ann().await;
    let ann = world.phone("ann");
    ann.message("shop", "Where is my kettle?").await;
    let answer = |id: &str| answer_to(id, &to);
    let report = world.send(&answer("answer-1")).await;
    assert_eq!(
        (&report["outcome"], &report["channel"]),
        (&json!("sent"), &json!("customer_service"))
    );
    let lines = ann.screen_of("customer_service").await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0]["text"].as_str().unwrap().contains("Blue kettle"), "{lines:?}");

    // WeChat's clock says that 48 hours are over, ours doesn't.
    world.wechat.advance(48 * 3600 + 60).await;
    let report = world.send(&answer("answer-2")).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");
    assert_eq!(report["skipped"][0]["code"], 45015);
    assert_eq!(ann.screen_of("customer_service").await.len(), 1);
}

/// Fault 51.
#[tokio::test]
async fn reply_is_not_sent_when_the_window_has_closed() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let old = json!({ "from": "ann", "MsgType": "text", "Content": "Hello?" });
    let push = async |seconds_ago: u64| {
        let at = world.wechat.now().await - seconds_ago;
        world.wechat.push(json!({ "app": "shop", "message": old, "create_time": at })).await;
        world.idle().await;
    };
    let to = json!({ "app": "shop", "open_id": ann.open_id("shop").await });
    let answer = |id: &str| answer_to(id, &to);
    push(48 * 3600 + 10).await;
    let report = world.send(&answer("answer-1")).await;
    assert_eq!(report["outcome"], "unreachable");
    let reason = report["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("window"), "{reason}");
    assert!(world.wechat.calls(CUSTOM_SEND).await.is_empty(), "WeChat need not be asked");
}

#[tokio::test]
async fn window_allows_its_number_of_messages() {
    let (world, to) = World::with_ann().await;
    let ann = world.phone("ann");
    ann.message("shop", "Hello!").await;
    let mut outcomes = Vec::new();
    // Five for the message; three for following, within its minute.
    for at in 0..9 {
        let id = format!("answer-{at}");
        let request = answer_to(&id, &to);
        outcomes.push(world.send(&request).await["outcome"].clone());
    }
    assert_eq!(outcomes[..8], vec![json!("sent"); 8]);
    assert_eq!(outcomes[8], "unreachable");
    assert_eq!(world.wechat.calls(CUSTOM_SEND).await.len(), 8);
    assert_eq!(ann.screen_of("customer_service").await.len(), 8);
}
