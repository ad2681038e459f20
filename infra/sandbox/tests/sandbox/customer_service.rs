use crate::stage::{Stage, errcode};
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
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": ""}}), 40007),
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": "M"}}), 40007),
        (json!({"touser": bob, "msgtype": "image", "image": {"media_id": "picture"}}), 0),
        (json!({"touser": bob, "msgtype": "news", "news": {"articles": []}}), 40008),
        (json!({"touser": bob, "msgtype": "link", "link": {"title": "t", "url": "u"}}), 0),
    ] {
        let answer = stage.call("shop-mini", "/cgi-bin/message/custom/send", body.clone()).await;
        assert_eq!(answer["errcode"], code, "{body}");
    }
}

#[tokio::test]
async fn an_account_sends_cards_and_menus() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    let mini = stage.app("shop-mini").app_id;
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
        let answer = stage.call("shop", "/cgi-bin/message/custom/send", body.clone()).await;
        assert_eq!(answer["errcode"], 0, "{body}: {answer}");
    }
    let screen = stage.screen("ann").await;
    let lines: Vec<_> = screen[1..].iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(lines, ["Kettles\nAll of them", "Your order", "Content?\n· Yes"]);
    assert_eq!(screen[1]["jump"]["url"], "https://example.test/");
    assert_eq!(screen[2]["jump"]["mini_program"]["page"], "pages/order?id=17");
}

#[tokio::test]
async fn typing_shows_for_15_seconds_to_who_was_in_touch() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    let bob = stage.open_id("bob", "shop-mini");
    let typing = async |app: &str, path: &str, to: &str, command: &str| {
        let path = format!("/cgi-bin/message/custom/{path}");
        errcode(&stage.call(app, &path, json!({"touser": to, "command": command})).await)
    };
    let shows = async || {
        let state = stage.get("/sandbox/state").await;
        state["people"][0]["apps"]["shop"]["typing"].as_bool().unwrap()
    };
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 45080, "nobody has said a word");
    stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(typing("shop", "business/typing", &ann, "Typing").await, 40200);
    assert_eq!(typing("shop-mini", "typing", &bob, "Typing").await, 40200);
    assert_eq!(typing("shop", "typing", "oNobody", "Typing").await, 40003);
    assert_eq!(typing("shop", "typing", &ann, "Sleeping").await, 45072);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 0);
    assert!(shows().await);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 45081);
    assert_eq!(typing("shop", "typing", &ann, "CancelTyping").await, 0);
    assert!(!shows().await);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 0);
    stage.advance(16).await;
    assert!(!shows().await);
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 0, "the last one is over");
    assert_eq!(stage.send_text("shop", &ann).await, 0);
    assert!(!shows().await, "what was typed is there");
    stage.advance(35).await;
    assert_eq!(typing("shop", "typing", &ann, "Typing").await, 45080);

    stage.does("bob", "message", json!({"app": "shop-mini", "text": "hi"})).await;
    assert_eq!(typing("shop-mini", "business/typing", &bob, "Typing").await, 0);
}
