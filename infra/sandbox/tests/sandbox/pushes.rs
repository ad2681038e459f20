use crate::callback::field;
use crate::fixture::Fixture;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn push_supports_three_modes_in_two_formats() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    fixture.advance(86_400).await;
    for format in ["xml", "json"] {
        for mode in ["plaintext", "compatible", "safe"] {
            fixture.post("/sandbox/apps/shop", json!({"mode": mode, "format": format})).await;
            let shop = fixture.app("shop");
            let now = fixture.now().await;
            let answer = fixture
                .act("ann", "message", json!({"app": "shop", "text": "你好 <b> & ]]> \"x\""}))
                .await;
            assert_eq!(answer["pushes"][0]["reply_valid"], true, "{answer}");
            let received = fixture.callback.take_single();

            assert_eq!(received.app, "shop");
            assert_eq!(received.headers["content-type"], "text/xml", "whatever it is");
            assert!(received.headers.contains_key("content-length"));
            assert_eq!(received.query["openid"], fixture.open_id("ann", "shop"));
            assert!(received.is_signed(&shop), "{mode} {format}");
            let timestamp: i64 = received.query["timestamp"].parse().unwrap();
            assert!(
                (now - 86_400 - 5..=now - 86_400 + 5).contains(&timestamp),
                "signed at the system time"
            );

            let start = if format == "xml" { "<xml>" } else { "{" };
            assert!(received.body.starts_with(start), "{}", received.body);
            let message = match mode {
                "plaintext" => {
                    assert!(!received.query.contains_key("encrypt_type"));
                    assert!(!received.query.contains_key("msg_signature"));
                    received.body.clone()
                }
                "compatible" => {
                    assert_eq!(received.field("MsgId"), field(&received.decrypted(&shop), "MsgId"));
                    assert!(received.body.contains("你好"));
                    received.decrypted(&shop)
                }
                _ => {
                    assert!(!received.body.contains("FromUserName"), "{}", received.body);
                    assert_eq!(received.field("ToUserName").unwrap(), shop.original_id);
                    received.decrypted(&shop)
                }
            };
            assert!(message.starts_with(start), "{message}");
            assert_eq!(field(&message, "ToUserName").unwrap(), shop.original_id);
            assert_eq!(field(&message, "FromUserName").unwrap(), fixture.open_id("ann", "shop"));
            assert_eq!(field(&message, "MsgType").unwrap(), "text");
            assert_eq!(field(&message, "MsgId").unwrap().len(), 17);
            let content = field(&message, "Content").unwrap().replace("]]]]><![CDATA[>", "]]>");
            assert_eq!(content, "你好 <b> & ]]> \"x\"");
            let create_time: i64 = field(&message, "CreateTime").unwrap().parse().unwrap();
            // Six messages within one second get one second each.
            assert!(
                (now..now + 10).contains(&create_time),
                "{create_time} is not the sandbox's {now}"
            );
        }
    }
}

#[tokio::test]
async fn failed_push_is_delivered_three_times() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    fixture.post("/sandbox/pushing", json!({"timeout_ms": 1000})).await;
    fixture.callback.answer_next(500, "");
    fixture.callback.answer_after(Duration::from_secs(30));
    let answer = fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    let pushes = answer["pushes"].as_array().unwrap();
    assert_eq!(pushes.len(), 3);
    assert_eq!(
        [&pushes[0]["status"], &pushes[1]["status"], &pushes[2]["status"]],
        [&json!(500), &Value::Null, &json!(200)]
    );
    assert_eq!(pushes[1]["error"], "no answer within 1000 ms");
    assert!(pushes[1]["duration_ms"].as_u64().unwrap() >= 1000);
    assert_eq!(pushes[2]["reply_valid"], true);
    let shop = fixture.app("shop");
    let received = fixture.callback.received();
    let messages: Vec<_> = received.iter().map(|it| it.decrypted(&shop)).collect();
    assert_eq!(messages[0], messages[1]);
    assert_eq!(messages[0], messages[2]);
    assert_ne!(received[0].body, received[2].body, "encrypted anew");
    let screen = fixture.screen("ann").await;
    assert_eq!(screen.len(), 1, "the last delivery succeeded: {screen:?}");
}

#[tokio::test]
async fn person_sees_the_failure_after_the_last_delivery() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    for _ in 0..8 {
        fixture.callback.answer_next(503, "");
    }
    fixture.post("/sandbox/pushing", json!({"deliveries": 2})).await;
    fixture.act("ann", "click", json!({"app": "shop", "key": "K"})).await;
    assert_eq!(fixture.callback.received().len(), 2);
    let screen = fixture.screen("ann").await;
    assert_eq!(screen.last().unwrap()["text"], "该公众号提供的服务出现故障，请稍后再试");
    fixture.act("ann", "message", json!({"app": "shop-mini", "text": "hi"})).await;
    let screen = fixture.screen("ann").await;
    assert_eq!(screen.last().unwrap()["text"], "该小程序客服暂时无法提供服务，请稍后再试");
    // An unfollow and a receipt show no failure.
    let before = screen.len();
    fixture.act("ann", "unfollow", json!({"app": "shop"})).await;
    fixture.send_template(&fixture.open_id("ann", "shop"), json!({})).await;
    assert_eq!(fixture.screen("ann").await.len(), before);
}

#[tokio::test]
async fn events_of_one_person_never_share_a_second() {
    let fixture = Fixture::new().await;
    let mut times = Vec::new();
    for _ in 0..2 {
        for action in ["follow", "unfollow"] {
            fixture.act("ann", action, json!({"app": "shop"})).await;
            let event = fixture.callback.take_single().decrypted(&fixture.app("shop"));
            times.push(field(&event, "CreateTime").unwrap().parse::<i64>().unwrap());
        }
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[tokio::test]
async fn arbitrary_message_is_pushed_several_times_at_once() {
    let fixture = Fixture::new().await;
    fixture.callback.answer_next(403, "no");
    let order = json!({
        "app": "shop", "times": 5, "create_time": 1_700_000_000, "mode": "plaintext", "format": "json",
        "message": {"from": "bob", "MsgType": "event", "Event": "LOCATION", "Latitude": 31.25, "Deep": {"A": [1, 2]}},
    });
    let answers = fixture.post("/sandbox/push", order).await;
    let mut statuses: Vec<_> = answers["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["status"].as_u64().unwrap())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 403]);
    let received = fixture.callback.received();
    assert_eq!(received.len(), 5, "each once, with any answer");
    assert!(received.iter().all(|it| it.body == received[0].body));
    assert_eq!(
        serde_json::from_str::<Value>(&received[0].body).unwrap(),
        json!({
            "ToUserName": "gh_000000005a01", "FromUserName": fixture.open_id("bob", "shop"), "CreateTime": 1_700_000_000,
            "MsgType": "event", "Event": "LOCATION", "Latitude": 31.25, "Deep": {"A": [1, 2]},
        })
    );
    assert!(fixture.screen("bob").await.is_empty());
}
