use crate::fixture::{Fixture, errcode};
use serde_json::json;

#[tokio::test]
async fn account_sends_while_a_reply_window_is_open() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    assert_eq!(fixture.send_text("shop", &ann).await, 45015);
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    for _ in 0..3 {
        assert_eq!(fixture.send_text("shop", &ann).await, 0);
    }
    assert_eq!(fixture.send_text("shop", &ann).await, 45047);
    fixture.advance(70).await;
    assert_eq!(fixture.send_text("shop", &ann).await, 45015);
    fixture.act("ann", "click", json!({"app": "shop", "key": "ORDERS"})).await;
    assert_eq!(fixture.send_text("shop", &ann).await, 0);
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    fixture.advance(47 * 3600).await;
    for _ in 0..5 {
        assert_eq!(fixture.send_text("shop", &ann).await, 0);
    }
    assert_eq!(fixture.send_text("shop", &ann).await, 45047);
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    fixture.act("ann", "unfollow", json!({"app": "shop"})).await;
    assert_eq!(fixture.send_text("shop", &ann).await, 45015);
    let kinds: Vec<_> = fixture
        .screen("ann")
        .await
        .iter()
        .map(|it| it["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.iter().filter(|it| *it == "customer_service").count(), 9);
    assert_eq!(kinds.iter().filter(|it| *it == "sent").count(), 2);
}

#[tokio::test]
async fn mini_program_sends_after_a_user_enters_customer_service() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    assert_eq!(fixture.send_text("shop-mini", &bob).await, 45015);
    fixture.act("bob", "enter", json!({"app": "shop-mini", "session_from": "order-17"})).await;
    let event = fixture.callback.take_single().decrypted(&fixture.app("shop-mini"));
    assert!(
        event.ends_with(r#""Event":"user_enter_tempsession","SessionFrom":"order-17"}"#),
        "{event}"
    );
    assert_eq!(fixture.send_text("shop-mini", &bob).await, 0);
    assert_eq!(fixture.send_text("shop-mini", &bob).await, 0);
    assert_eq!(fixture.send_text("shop-mini", &bob).await, 45047);
}

#[tokio::test]
async fn invalid_customer_service_message_is_rejected() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    fixture.act("bob", "message", json!({"app": "shop-mini", "text": "hi"})).await;
    for (body, code) in [
        (json!({"touser": "oUnknown", "msgtype": "text"}), 40003),
        (json!({"touser": bob, "msgtype": "poem"}), 40008),
        (json!({"touser": bob, "msgtype": "text", "text": {"content": ""}}), 44004),
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": ""}}), 40007),
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": "M"}}), 40007),
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": "picture"}}), 0),
        (json!({"touser": bob, "msgtype": "news", "news": {"articles": []}}), 40008),
        (json!({"touser": bob, "msgtype": "link", "link": {"title": "t", "url": "u"}}), 0),
    ] {
        let answer = fixture.call("shop-mini", "/cgi-bin/message/custom/send", body.clone()).await;
        assert_eq!(answer["errcode"], code, "{body}");
    }
}

#[tokio::test]
async fn account_sends_cards_and_menus() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    let mini = fixture.app("shop-mini").app_id;
    for body in [
        json!({"msgtype": "news", "news": {"articles": [
            {"title": "Kettles", "description": "All of them", "url": "https://example.test/", "picurl": ""},
        ]}}),
        json!({"msgtype": "miniprogrampage", "miniprogrampage": {
            "title": "Your order", "appid": mini, "pagepath": "pages/order?id=17", "thumb_media_id": "thumb",
        }}),
        json!({"msgtype": "msgmenu", "msgmenu": {
            "head_content": "Content?", "list": [{"id": "1", "content": "Yes"}], "tail_content": "",
        }}),
    ] {
        let mut body = body;
        body["touser"] = ann.clone().into();
        let answer = fixture.call("shop", "/cgi-bin/message/custom/send", body.clone()).await;
        assert_eq!(answer["errcode"], 0, "{body}: {answer}");
    }
    let screen = fixture.screen("ann").await;
    let lines: Vec<_> = screen[1..].iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(lines, ["Kettles\nAll of them", "Your order", "Content?\n· Yes"]);
    assert_eq!(screen[1]["jump"]["url"], "https://example.test/");
    assert_eq!(screen[2]["jump"]["mini_program"]["page"], "pages/order?id=17");
}

#[tokio::test]
async fn typing_shows_for_15_seconds_after_a_recent_message() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    let bob = fixture.open_id("bob", "shop-mini");
    let typing = async |app: &str, path: &str, to: &str, command: &str| {
        let path = format!("/cgi-bin/message/custom/{path}");
        errcode(&fixture.call(app, &path, json!({"touser": to, "command": command})).await)
    };
    let shows = async || {
        let state = fixture.get("/sandbox/state").await;
        state["people"][0]["apps"]["shop"]["typing"].as_bool().unwrap()
    };
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 45080, "no message yet");
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(typing("shop", "business/typing", &ann, "Typing").await, 40200);
    assert_eq!(typing("shop-mini", "typing", &bob, "Typing").await, 40200);
    assert_eq!(typing("shop", "typing", "oUnknown", "Typing").await, 40003);
    assert_eq!(typing("shop", "typing", &ann, "Sleeping").await, 45072);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 0);
    assert!(shows().await);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 45081);
    assert_eq!(typing("shop", "typing", &ann, "CancelTyping").await, 0);
    assert!(!shows().await);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 0);
    fixture.advance(16).await;
    assert!(!shows().await);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 0, "the last one has ended");
    assert_eq!(fixture.send_text("shop", &ann).await, 0);
    assert!(!shows().await, "the message has arrived");
    fixture.advance(35).await;
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 45080);

    fixture.act("bob", "message", json!({"app": "shop-mini", "text": "hi"})).await;
    assert_eq!(typing("shop-mini", "business/typing", &bob, "Typing").await, 0);
}
