//! `examples/keyword-bot`: rules, and what rules can't do.

use crate::world::{MAX_WAIT, World};
use serde_json::{Value, json};
use std::time::Duration;

/// The bot for the shop, with its rules, and one order.
async fn world() -> World {
    let world = World::beside(&["keyword-bot"]).await;
    let rules = World::example("keyword-bot/replies.json");
    world.set_replies("shop", serde_json::from_str(&rules).unwrap());
    let order = json!({ "number": { "S": "12345678" }, "state": { "S": "已发货" } });
    let put = json!({ "TableName": "bot-local-orders", "Item": order });
    world.aws.call_service("DynamoDB_20120810.PutItem", &put).await;
    world.phone("ann").follow("shop").await;
    world
}

/// What ann is told at once, and what she is told by customer service.
async fn messages(world: &World) -> [Vec<String>; 2] {
    let text = |message: Value| message["text"].as_str().unwrap().to_owned();
    let ann = world.phone("ann");
    let [at_once, later] =
        [ann.screen_of("passive_reply").await, ann.screen_of("customer_service").await];
    [at_once.into_iter().map(text).collect(), later.into_iter().map(text).collect()]
}

#[tokio::test]
async fn reply_rules_answer_first() {
    let world = world().await;
    let ann = world.phone("ann");
    for text in ["营业时间", "我的订单呢", "人工", "你好"] {
        ann.message("shop", text).await;
    }
    ann.click("shop", "ORDERS").await;
    let [at_once, later] = messages(&world).await;
    let begins = ["欢迎关注！", "每天 9:00", "请回复“订单”", "没听懂", "请回复“订单”"];
    assert_eq!(at_once.len(), begins.len(), "{at_once:?}");
    for (text, begin) in at_once.iter().zip(begins) {
        assert!(text.starts_with(begin), "{text}");
    }
    assert!(later.is_empty(), "{later:?}");
}

#[tokio::test]
async fn bot_answers_a_question_about_an_order() {
    let world = world().await;
    let ann = world.phone("ann");
    ann.message("shop", "订单 12345678").await;
    ann.message("shop", "订单87654321").await;
    let [at_once, later] = messages(&world).await;
    assert_eq!(at_once[1..], ["正在查询，请稍等……", "正在查询，请稍等……"]);
    assert_eq!(later, ["订单 12345678：已发货", "没有查到订单 87654321，请核对订单号。"]);
}

#[tokio::test]
async fn duplicate_event_is_answered_once() {
    let world = world().await;
    world.phone("ann").message("shop", "订单 12345678").await;
    let events = world.cloud.aws.buses.events("default");
    let event = events.iter().find(|event| event["detail"]["kind"] == "text").unwrap();
    world.invoke("keyword-bot", event).await.unwrap();
    assert_eq!(messages(&world).await[1].len(), 1);
}

#[tokio::test]
async fn bot_answers_later_when_the_message_is_not_applied_yet() {
    let world = world().await;
    let ann = world.phone("ann");
    // What was stored is not applied yet, and so no answer may be sent: the
    // window is taken away that following has opened.
    ann.unfollow("shop").await;
    let open_id = ann.open_id("shop").await;
    let event = json!({ "detail": {
        "app": "shop", "open_id": open_id, "event": "1795186923#msg-24000000000000001",
        "message": { "Content": "订单 12345678" },
    } });
    let answered = world.invoke("keyword-bot", &event);
    let follows = async {
        let refused = "bot/shop/1795186923/msg-24000000000000001/1";
        while !world.aws.rows("notifications").await.iter().any(|row| row["id"] == refused) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ann.follow("shop").await;
    };
    let both = async { tokio::join!(answered, follows) };
    let (answered, ()) = tokio::time::timeout(MAX_WAIT, both).await.unwrap();
    answered.unwrap();
    assert_eq!(messages(&world).await[1], ["订单 12345678：已发货"]);
}
