use crate::stage::Stage;
use serde_json::json;

#[tokio::test]
async fn an_account_may_answer_for_a_while() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    assert_eq!(stage.send_text("shop", &ann).await, 45015);
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    for _ in 0..3 {
        assert_eq!(stage.send_text("shop", &ann).await, 0);
    }
    assert_eq!(stage.send_text("shop", &ann).await, 45047);
    stage.advance(70).await;
    assert_eq!(stage.send_text("shop", &ann).await, 45015);
    stage.does("ann", "click", json!({"app": "shop", "key": "ORDERS"})).await;
    assert_eq!(stage.send_text("shop", &ann).await, 0);
    stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    stage.advance(47 * 3600).await;
    for _ in 0..5 {
        assert_eq!(stage.send_text("shop", &ann).await, 0);
    }
    assert_eq!(stage.send_text("shop", &ann).await, 45047);
    stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    stage.does("ann", "unfollow", json!({"app": "shop"})).await;
    assert_eq!(stage.send_text("shop", &ann).await, 45015);
    let kinds: Vec<_> = stage
        .screen("ann")
        .await
        .iter()
        .map(|it| it["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.iter().filter(|it| *it == "customer_service").count(), 9);
    assert_eq!(kinds.iter().filter(|it| *it == "sent").count(), 2);
}

#[tokio::test]
async fn a_mini_program_may_answer_who_enters() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    assert_eq!(stage.send_text("shop-mini", &bob).await, 45015);
    stage.does("bob", "enter", json!({"app": "shop-mini", "session_from": "order-17"})).await;
    let event = stage.callback.only().opened(&stage.app("shop-mini"));
    assert!(
        event.ends_with(r#""Event":"user_enter_tempsession","SessionFrom":"order-17"}"#),
        "{event}"
    );
    assert_eq!(stage.send_text("shop-mini", &bob).await, 0);
    assert_eq!(stage.send_text("shop-mini", &bob).await, 0);
    assert_eq!(stage.send_text("shop-mini", &bob).await, 45047);
}

#[tokio::test]
async fn what_can_be_sent_is_checked() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    stage.does("bob", "message", json!({"app": "shop-mini", "text": "hi"})).await;
    for (body, code) in [
        (json!({"touser": "oNobody", "msgtype": "text"}), 40003),
        (json!({"touser": bob, "msgtype": "poem"}), 40008),
        (json!({"touser": bob, "msgtype": "text", "text": {"content": ""}}), 44004),
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": "x"}}), 40007),
        (json!({"touser": bob, "msgtype": "link", "link": {"title": "t", "url": "u"}}), 0),
    ] {
        let answer = stage.call("shop-mini", "/cgi-bin/message/custom/send", body.clone()).await;
        assert_eq!(answer["errcode"], code, "{body}");
    }
}
