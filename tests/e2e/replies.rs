//! What an app answers by itself.

use crate::world::World;
use serde_json::{Value, json};

/// Pushes once, and gives what came back.
async fn push(world: &World, app: &str, message: Value) -> Value {
    let mut order = json!({ "app": app, "message": message });
    order["message"]["from"] = "ann".into();
    world.wechat.push(order).await.remove(0)
}

fn text(content: &str) -> Value {
    json!({ "MsgType": "text", "Content": content })
}

#[tokio::test]
async fn example_rules_answer() {
    let world = World::with_example_replies().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.message("shop", "订单").await;
    let lines = ann.screen_of("passive_reply").await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0]["text"].as_str().unwrap().contains("欢迎"), "{lines:?}");
}

#[tokio::test]
async fn follower_is_welcomed_and_question_is_answered() {
    let world = World::start().await;
    let ann = world.phone("ann");
    world.set_replies(
        "shop",
        json!([
            { "on": { "scene": "poster" }, "reply": { "text": "You saw our poster!" } },
            { "on": "follow", "reply": { "text": "Welcome <to> & \"the\" shop ]]> 你好" } },
            { "on": { "keyword": "订单" },
              "reply": { "news": { "title": "Your orders", "url": "https://example.test/orders" } } },
            { "on": { "contains": "人工" }, "reply": { "customer_service": {} } },
            { "on": { "pattern": "^[0-9]{8}$" }, "reply": { "text": "An order number." } },
            { "on": { "menu": "ORDERS" }, "reply": { "image": { "media_id": "MEDIA" } } },
            { "on": "message", "reply": { "text": "Pardon?" } },
        ]),
    );
    ann.follow("shop").await;
    ann.message("shop", "订单").await;
    ann.message("shop", "请转人工").await;
    ann.message("shop", "20261120").await;
    ann.message("shop", "hello").await;
    ann.click("shop", "ORDERS").await;
    ann.click("shop", "OTHER").await;
    ann.scan("shop", "poster").await;
    let lines: Vec<_> = ann
        .screen_of("passive_reply")
        .await
        .into_iter()
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "Welcome <to> & \"the\" shop ]]> 你好",
            "Your orders\n\nhttps://example.test/orders",
            "An order number.",
            "Pardon?",
            "[image MEDIA]",
            "You saw our poster!",
        ]
    );
    assert!(ann.screen_of("system").await.is_empty(), "no line about a service that fails");
}

#[tokio::test]
async fn every_reply_type_is_accepted_in_every_mode_and_format() {
    let replies = [
        (json!({ "text": "你好" }), "你好"),
        (json!({ "image": { "media_id": "M" } }), "[image M]"),
        (json!({ "voice": { "media_id": "M" } }), "[voice M]"),
        (json!({ "video": { "media_id": "M", "title": "T" } }), "[video M]"),
        (json!({ "music": { "thumb_media_id": "M", "title": "T" } }), "[music M]"),
        (
            json!({ "news": { "title": "T", "description": "D", "url": "https://example.test/" } }),
            "T\nD\nhttps://example.test/",
        ),
        (json!({ "customer_service": { "account": "kf1@shop" } }), ""),
    ];
    for mode in ["plaintext", "compatible", "safe"] {
        let world = World::start().await;
        let mut settings = world.parameter("callback/shop");
        settings["mode"] = mode.into();
        world.set_parameter("callback/shop", &settings);
        let all: Vec<_> = replies
            .iter()
            .enumerate()
            .map(|(number, (reply, _))| json!({ "on": { "keyword": number.to_string() }, "reply": reply }))
            .collect();
        world.set_replies("shop", all.into());
        for format in ["xml", "json"] {
            for (number, (_, shown)) in replies.iter().enumerate() {
                let mut message = text(&number.to_string());
                message["from"] = "ann".into();
                let order =
                    json!({ "app": "shop", "message": message, "mode": mode, "format": format });
                let answer = world.wechat.push(order).await.remove(0);
                assert_eq!(answer["reply_valid"], true, "{mode}, {format}, {number}: {answer}");
                assert_ne!(answer["body"], "success");
                assert_eq!(answer["reply"].as_str().unwrap_or_default(), *shown);
                let open = answer["body"].as_str().unwrap().contains("FromUserName");
                assert_eq!(open, mode == "plaintext", "{mode}: {answer}");
            }
        }
    }
}

/// Fault 1.
#[tokio::test]
async fn three_concurrent_deliveries_store_one_event_and_get_equal_replies() {
    let world = World::start().await;
    world.wechat.end_chaos().await;
    world.set_replies("shop", json!([{ "on": "message", "reply": { "text": "Got it." } }]));
    let mut message = text("hi");
    message["from"] = "ann".into();
    message["MsgId"] = 24_000_000_000_000_002_i64.into();
    let order =
        json!({ "app": "shop", "message": message, "times": 3, "create_time": 1_795_186_923 });
    let answers = world.wechat.push(order.clone()).await;
    assert_eq!(answers.len(), 3);
    for answer in &answers {
        assert_eq!(answer["reply"], "Got it.", "{answer}");
        assert_eq!(answer["body"], answers[0]["body"], "the same to the last byte");
    }
    world.idle().await;
    assert_eq!(world.aws.rows("events").await.len(), 1);

    // What is sent again is answered as before, whatever the rules say now.
    world.set_replies("shop", json!([{ "on": "message", "reply": { "text": "Changed." } }]));
    world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
    let later = world.wechat.push(order).await;
    assert!(later.iter().all(|answer| answer["body"] == answers[0]["body"]), "{later:?}");
    message["MsgId"] = 24_000_000_000_000_003_i64.into();
    let new = world.wechat.push(json!({ "app": "shop", "message": message })).await;
    assert_eq!(new[0]["reply"], "Changed.", "a new message by the new rules");
}

#[tokio::test]
async fn late_push_gets_no_reply() {
    let world = World::start().await;
    world.set_replies(
        "shop",
        json!([{ "on": "follow", "reply": { "text": "x" } }, { "on": "message", "reply": { "text": "x" } }]),
    );
    for event in ["unsubscribe", "TEMPLATESENDJOBFINISH", "VIEW", "something_new"] {
        let message = json!({ "MsgType": "event", "Event": event, "EventKey": "", "MsgID": 1, "Status": "success" });
        assert_eq!(push(&world, "shop", message).await["body"], "success", "{event}");
    }
}

#[tokio::test]
async fn reply_uses_the_key_of_the_request_during_a_rotation() {
    let world = World::start().await;
    world.set_replies("shop", json!([{ "on": "message", "reply": { "text": "Got it." } }]));
    let mut settings = world.parameter("callback/shop");
    settings["previous_token"] = settings["token"].take();
    settings["previous_encoding_aes_key"] = settings["encoding_aes_key"].take();
    settings["token"] = "newtoken".into();
    settings["encoding_aes_key"] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG".into();
    world.set_parameter("callback/shop", &settings);
    let answer = push(&world, "shop", text("hi")).await;
    assert_eq!((&answer["reply_valid"], &answer["reply"]), (&json!(true), &json!("Got it.")));
}

#[tokio::test]
async fn invalid_rule_is_named_and_affects_no_other() {
    let world = World::start().await;
    world.set_replies(
        "shop",
        json!([
            { "on": { "pattern": "(" }, "reply": { "text": "x" } },
            { "on": "message", "reply": { "text": "Got it." } },
        ]),
    );
    assert_eq!(push(&world, "shop", text("hi")).await["reply"], "Got it.");
    let named = |line: &String| {
        line.contains("/hongyan/local/apps/shop") && line.contains("rule 1 of its replies")
    };
    assert!(world.lines().iter().any(named), "{:#?}", world.lines());
}

#[tokio::test]
async fn mini_program_transfers_to_customer_service_in_the_passive_reply() {
    let world = World::start().await;
    world.set_replies(
        "shop-mini",
        json!([
            { "on": { "contains": "人工" }, "reply": { "customer_service": {} } },
            { "on": "message", "reply": { "text": "One minute, please." } },
        ]),
    );
    let answer = push(&world, "shop-mini", text("转人工")).await;
    assert_eq!(answer["reply_valid"], true, "{answer}");
    assert_ne!(answer["body"], "success");
    let answer = push(&world, "shop-mini", text("hello")).await;
    assert_eq!(answer["body"], "success", "its own answers come by customer service");
}
