use crate::fixture::{Fixture, MINI_LONG_TERM, MINI_TEMPLATE, errcode};
use serde_json::{Value, json};

#[tokio::test]
async fn consent_allows_one_message() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    assert_eq!(errcode(&fixture.send_subscribe(&bob, json!({})).await), 43101);
    for left in 1..=2 {
        let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
        assert_eq!(fixture.act("bob", "consent", with).await["left"], left);
        let event: Value = serde_json::from_str(
            &fixture.callback.take_single().decrypted(&fixture.app("shop-mini")),
        )
        .unwrap();
        assert_eq!(event["Event"], "subscribe_msg_popup_event");
        let item = json!({"TemplateId": MINI_TEMPLATE, "SubscribeStatusString": "accept", "PopupScene": "0"});
        assert_eq!(event["List"], item);
        assert!(event["CreateTime"].is_string());
    }
    let no = json!({"app": "shop-mini", "template_id": MINI_TEMPLATE, "accept": false});
    assert_eq!(fixture.act("bob", "consent", no).await["left"], 2);
    assert!(
        fixture.callback.take_single().decrypted(&fixture.app("shop-mini")).contains("\"reject\"")
    );

    let sent = fixture
        .send_subscribe(&bob, json!({"page": "pages/order?id=17", "miniprogram_state": "trial"}))
        .await;
    assert_eq!(sent["errcode"], 0);
    fixture.idle().await;
    let event: Value =
        serde_json::from_str(&fixture.callback.take_single().decrypted(&fixture.app("shop-mini")))
            .unwrap();
    assert_eq!(event["Event"], "subscribe_msg_sent_event");
    assert_eq!(event["List"]["MsgID"], sent["msgid"].to_string());
    assert_eq!(event["List"]["ErrorCode"], "0");
    let screen = fixture.screen("bob").await;
    assert_eq!(screen[0]["kind"], "subscribe");
    assert_eq!(screen[0]["jump"]["mini_program"]["state"], "trial");

    let empty = json!({"page": "pages/index", "miniprogram_state": "", "lang": ""});
    assert_eq!(errcode(&fixture.send_subscribe(&bob, empty).await), 0, "as if they were missing");
    assert_eq!(fixture.screen("bob").await[1]["jump"]["mini_program"]["state"], "formal");
    assert_eq!(errcode(&fixture.send_subscribe(&bob, json!({})).await), 43101);
    let ann = fixture.open_id("ann", "shop-mini");
    assert_eq!(
        errcode(&fixture.send_subscribe(&ann, json!({})).await),
        43101,
        "a consent belongs to one person"
    );
}

#[tokio::test]
async fn rejected_message_uses_no_consent() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    fixture.act("bob", "consent", with).await;
    let bad = json!({"data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "soon"}}});
    let refused = fixture.send_subscribe(&bob, bad).await;
    assert_eq!(refused["errcode"], 47003);
    assert!(
        refused["errmsg"]
            .as_str()
            .unwrap()
            .starts_with("argument invalid! data.time2.value invalid rid: ")
    );
    assert_eq!(
        errcode(&fixture.send_subscribe(&bob, json!({"miniprogram_state": "beta"})).await),
        40035
    );
    assert_eq!(
        errcode(&fixture.send_subscribe(&bob, json!({"template_id": "short"})).await),
        40037
    );
    let shop = fixture.open_id("bob", "shop");
    assert_eq!(
        errcode(&fixture.send_subscribe(&shop, json!({})).await),
        40003,
        "another app's openid"
    );
    assert_eq!(errcode(&fixture.send_subscribe(&bob, json!({})).await), 0);
}

#[tokio::test]
async fn turning_messages_off_is_pushed_and_rejects_sends() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    fixture.act("bob", "consent", with).await;
    fixture.callback.take_single();
    fixture.act("bob", "block", json!({"app": "shop-mini"})).await;
    let event: Value =
        serde_json::from_str(&fixture.callback.take_single().decrypted(&fixture.app("shop-mini")))
            .unwrap();
    assert_eq!(event["Event"], "subscribe_msg_change_event");
    assert_eq!(
        event["List"],
        json!({"TemplateId": MINI_TEMPLATE, "SubscribeStatusString": "reject"})
    );
    assert_eq!(errcode(&fixture.send_subscribe(&bob, json!({})).await), 43101);
}

#[tokio::test]
async fn xml_nests_the_items() {
    let fixture = Fixture::new().await;
    fixture.post("/sandbox/apps/shop-mini", json!({"format": "xml"})).await;
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    fixture.act("bob", "consent", with).await;
    let event = fixture.callback.take_single().decrypted(&fixture.app("shop-mini"));
    assert!(
        event.contains("<SubscribeMsgPopupEvent><List><TemplateId><![CDATA[SandboxTemplate"),
        "{event}"
    );
    assert!(
        event.contains("<PopupScene>0</PopupScene></List></SubscribeMsgPopupEvent></xml>"),
        "{event}"
    );
}

#[tokio::test]
async fn long_term_consent_lasts_until_withdrawn() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let long_term = json!({"template_id": MINI_LONG_TERM});
    let errcode = async || errcode(&fixture.send_subscribe(&bob, long_term.clone()).await);
    assert_eq!(errcode().await, 43101);
    let with = json!({"app": "shop-mini", "template_id": "order_delayed", "accept": true});
    for _ in 0..2 {
        assert_eq!(fixture.act("bob", "consent", with.clone()).await["left"], 1);
    }
    for _ in 0..3 {
        assert_eq!(errcode().await, 0);
    }
    assert_eq!(
        crate::fixture::errcode(&fixture.send_subscribe(&bob, json!({})).await),
        43101,
        "the consent is for one template"
    );
    fixture.idle().await;
    let which = json!({"app": "shop-mini", "template_id": "order_delayed"});
    fixture.act("bob", "withdraw", which).await;
    let received = fixture.callback.received();
    let event = received.last().unwrap().decrypted(&fixture.app("shop-mini"));
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["Event"], "subscribe_msg_change_event");
    assert_eq!(
        event["List"],
        json!({"TemplateId": MINI_LONG_TERM, "SubscribeStatusString": "reject"})
    );
    assert_eq!(errcode().await, 43101);
}

#[tokio::test]
async fn concurrent_message_to_the_same_user_is_rejected() {
    let fixture = Fixture::new().await;
    let (ann, bob) = (fixture.open_id("ann", "shop-mini"), fixture.open_id("bob", "shop-mini"));
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    for name in ["ann", "bob", "bob"] {
        fixture.act(name, "consent", with.clone()).await;
    }
    // The fault delays the first call before its effect, then before its answer.
    for after in [false, true] {
        let path = "/cgi-bin/message/subscribe/send";
        let fault = json!({"path": path, "delay_ms": 400, "after": after});
        fixture.http.delete(fixture.url("/sandbox/calls")).send().await.unwrap();
        fixture.post("/sandbox/faults", fault).await;
        let meanwhile = async {
            loop {
                let calls = fixture.get("/sandbox/calls").await;
                if calls["calls"].as_array().unwrap().iter().any(|call| call["path"] == path) {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let second = fixture.send_subscribe(&bob, json!({})).await;
            (errcode(&second), errcode(&fixture.send_subscribe(&ann, json!({})).await))
        };
        let (first, (second, of_ann)) =
            tokio::join!(fixture.send_subscribe(&bob, json!({})), meanwhile);
        assert_eq!((errcode(&first), second), (0, 43108), "after: {after}");
        assert_eq!(of_ann, if after { 43101 } else { 0 }, "another user is not affected");
    }
    assert_eq!(fixture.screen("bob").await.len(), 2, "the rejected message used no consent");
    assert_eq!(errcode(&fixture.send_subscribe(&bob, json!({})).await), 43101);
}
