use crate::callback::field;
use crate::stage::Stage;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn three_modes_in_two_formats() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.callback.only();
    stage.advance(86_400).await;
    for format in ["xml", "json"] {
        for mode in ["plaintext", "compatible", "safe"] {
            stage.post("/sandbox/apps/shop", json!({"mode": mode, "format": format})).await;
            let shop = stage.app("shop");
            let now = stage.now().await;
            let answer = stage
                .does("ann", "message", json!({"app": "shop", "text": "你好 <b> & ]]> \"x\""}))
                .await;
            assert_eq!(answer["pushes"][0]["reply_valid"], true, "{answer}");
            let told = stage.callback.only();

            assert_eq!(told.app, "shop");
            assert_eq!(told.headers["content-type"], "text/xml", "whatever it is");
            assert!(told.headers.contains_key("content-length"));
            assert_eq!(told.query["openid"], stage.open_id("ann", "shop"));
            assert!(told.is_signed(&shop), "{mode} {format}");
            let timestamp: i64 = told.query["timestamp"].parse().unwrap();
            assert!(
                (now - 86_400 - 5..=now - 86_400 + 5).contains(&timestamp),
                "signed at the wall's time"
            );

            let start = if format == "xml" { "<xml>" } else { "{" };
            assert!(told.body.starts_with(start), "{}", told.body);
            let message = match mode {
                "plaintext" => {
                    assert!(!told.query.contains_key("encrypt_type"));
                    assert!(!told.query.contains_key("msg_signature"));
                    told.body.clone()
                }
                "compatible" => {
                    assert_eq!(told.field("MsgId"), field(&told.opened(&shop), "MsgId"));
                    assert!(told.body.contains("你好"));
                    told.opened(&shop)
                }
                _ => {
                    assert!(!told.body.contains("FromUserName"), "{}", told.body);
                    assert_eq!(told.field("ToUserName").unwrap(), shop.original_id);
                    told.opened(&shop)
                }
            };
            assert!(message.starts_with(start), "{message}");
            assert_eq!(field(&message, "ToUserName").unwrap(), shop.original_id);
            assert_eq!(field(&message, "FromUserName").unwrap(), stage.open_id("ann", "shop"));
            assert_eq!(field(&message, "MsgType").unwrap(), "text");
            assert_eq!(field(&message, "MsgId").unwrap().len(), 17);
            let content = field(&message, "Content").unwrap().replace("]]]]><![CDATA[>", "]]>");
            assert_eq!(content, "你好 <b> & ]]> \"x\"");
            let create_time: i64 = field(&message, "CreateTime").unwrap().parse().unwrap();
            // Six messages follow one another within a second: each has a
            // second of its own.
            assert!(
                (now..now + 10).contains(&create_time),
                "{create_time} is not the sandbox's {now}"
            );
        }
    }
}

#[tokio::test]
async fn a_callback_that_fails_is_asked_three_times() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.callback.only();
    stage.post("/sandbox/pushing", json!({"timeout_ms": 1000})).await;
    stage.callback.say(500, "");
    stage.callback.say_after(Duration::from_secs(30));
    let answer = stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    let pushes = answer["pushes"].as_array().unwrap();
    assert_eq!(pushes.len(), 3);
    assert_eq!(
        [&pushes[0]["status"], &pushes[1]["status"], &pushes[2]["status"]],
        [&json!(500), &Value::Null, &json!(200)]
    );
    assert_eq!(pushes[1]["error"], "no answer within 1000 ms");
    assert!(pushes[1]["duration_ms"].as_u64().unwrap() >= 1000);
    assert_eq!(pushes[2]["reply_valid"], true);
    let shop = stage.app("shop");
    let told = stage.callback.told();
    let messages: Vec<_> = told.iter().map(|it| it.opened(&shop)).collect();
    assert_eq!(messages[0], messages[1]);
    assert_eq!(messages[0], messages[2]);
    assert_ne!(told[0].body, told[2].body, "encrypted anew");
    let screen = stage.screen("ann").await;
    assert_eq!(screen.len(), 1, "it was answered in the end: {screen:?}");
}

#[tokio::test]
async fn after_the_last_delivery_the_person_is_told() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.callback.only();
    for _ in 0..8 {
        stage.callback.say(503, "");
    }
    stage.post("/sandbox/pushing", json!({"deliveries": 2})).await;
    stage.does("ann", "click", json!({"app": "shop", "key": "K"})).await;
    assert_eq!(stage.callback.told().len(), 2);
    let screen = stage.screen("ann").await;
    assert_eq!(screen.last().unwrap()["text"], "该公众号提供的服务出现故障，请稍后再试");
    stage.does("ann", "message", json!({"app": "shop-mini", "text": "hi"})).await;
    let screen = stage.screen("ann").await;
    assert_eq!(screen.last().unwrap()["text"], "该小程序客服暂时无法提供服务，请稍后再试");
    // Nobody waits for an answer to having left.
    let before = screen.len();
    stage.does("ann", "unfollow", json!({"app": "shop"})).await;
    stage.send_template(&stage.open_id("ann", "shop"), json!({})).await;
    assert_eq!(stage.screen("ann").await.len(), before);
}

#[tokio::test]
async fn two_acts_of_one_person_never_share_a_second() {
    let stage = Stage::new().await;
    let mut times = Vec::new();
    for _ in 0..2 {
        for action in ["follow", "unfollow"] {
            stage.does("ann", action, json!({"app": "shop"})).await;
            let event = stage.callback.only().opened(&stage.app("shop"));
            times.push(field(&event, "CreateTime").unwrap().parse::<i64>().unwrap());
        }
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[tokio::test]
async fn anything_can_be_pushed_several_times_at_once() {
    let stage = Stage::new().await;
    stage.callback.say(403, "no");
    let order = json!({
        "app": "shop", "times": 5, "create_time": 1_700_000_000, "mode": "plaintext", "format": "json",
        "message": {"from": "bob", "MsgType": "event", "Event": "LOCATION", "Latitude": 31.25, "Deep": {"A": [1, 2]}},
    });
    let answers = stage.post("/sandbox/push", order).await;
    let mut statuses: Vec<_> = answers["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["status"].as_u64().unwrap())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 403]);
    let told = stage.callback.told();
    assert_eq!(told.len(), 5, "each once, whatever the answer");
    assert!(told.iter().all(|it| it.body == told[0].body));
    assert_eq!(
        serde_json::from_str::<Value>(&told[0].body).unwrap(),
        json!({
            "ToUserName": "gh_000000005a01", "FromUserName": stage.open_id("bob", "shop"), "CreateTime": 1_700_000_000,
            "MsgType": "event", "Event": "LOCATION", "Latitude": 31.25, "Deep": {"A": [1, 2]},
        })
    );
    assert!(stage.screen("bob").await.is_empty());
}
