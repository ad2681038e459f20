use crate::stage::{MINI_LONG_TERM, MINI_TEMPLATE, Stage, errcode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_consent_is_one_message() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({})).await), 43101);
    for left in 1..=2 {
        let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
        assert_eq!(stage.does("bob", "consent", with).await["left"], left);
        let event: Value =
            serde_json::from_str(&stage.callback.only().opened(&stage.app("shop-mini"))).unwrap();
        assert_eq!(event["Event"], "subscribe_msg_popup_event");
        let item = json!({"TemplateId": MINI_TEMPLATE, "SubscribeStatusString": "accept", "PopupScene": "0"});
        assert_eq!(event["List"], item);
        assert!(event["CreateTime"].is_string());
    }
    let no = json!({"app": "shop-mini", "template_id": MINI_TEMPLATE, "accept": false});
    assert_eq!(stage.does("bob", "consent", no).await["left"], 2);
    assert!(stage.callback.only().opened(&stage.app("shop-mini")).contains("\"reject\""));

    let sent = stage
        .send_subscribe(&bob, json!({"page": "pages/order?id=17", "miniprogram_state": "trial"}))
        .await;
    assert_eq!(sent["errcode"], 0);
    stage.idle().await;
    let event: Value =
        serde_json::from_str(&stage.callback.only().opened(&stage.app("shop-mini"))).unwrap();
    assert_eq!(event["Event"], "subscribe_msg_sent_event");
    assert_eq!(event["List"]["MsgID"], sent["msgid"].to_string());
    assert_eq!(event["List"]["ErrorCode"], "0");
    let screen = stage.screen("bob").await;
    assert_eq!(screen[0]["kind"], "subscribe");
    assert_eq!(screen[0]["jump"]["mini_program"]["state"], "trial");

    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({})).await), 0);
    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({})).await), 43101);
    let ann = stage.open_id("ann", "shop-mini");
    assert_eq!(
        errcode(&stage.send_subscribe(&ann, json!({})).await),
        43101,
        "consents are one person's own"
    );
}

#[tokio::test]
async fn what_is_refused_costs_no_consent() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    stage.does("bob", "consent", with).await;
    let bad = json!({"data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "soon"}}});
    let refused = stage.send_subscribe(&bob, bad).await;
    assert_eq!(refused["errcode"], 47003);
    assert!(
        refused["errmsg"]
            .as_str()
            .unwrap()
            .starts_with("argument invalid! data.time2.value invalid rid: ")
    );
    assert_eq!(
        errcode(&stage.send_subscribe(&bob, json!({"miniprogram_state": "beta"})).await),
        40035
    );
    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({"template_id": "short"})).await), 40037);
    let shop = stage.open_id("bob", "shop");
    assert_eq!(
        errcode(&stage.send_subscribe(&shop, json!({})).await),
        40003,
        "another app's openid"
    );
    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({})).await), 0);
}

#[tokio::test]
async fn turning_messages_off_is_told_and_refused() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    stage.does("bob", "consent", with).await;
    stage.callback.only();
    stage.does("bob", "block", json!({"app": "shop-mini"})).await;
    let event: Value =
        serde_json::from_str(&stage.callback.only().opened(&stage.app("shop-mini"))).unwrap();
    assert_eq!(event["Event"], "subscribe_msg_change_event");
    assert_eq!(
        event["List"],
        json!({"TemplateId": MINI_TEMPLATE, "SubscribeStatusString": "reject"})
    );
    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({})).await), 43101);
}

#[tokio::test]
async fn xml_nests_the_items() {
    let stage = Stage::new().await;
    stage.post("/sandbox/apps/shop-mini", json!({"format": "xml"})).await;
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    stage.does("bob", "consent", with).await;
    let event = stage.callback.only().opened(&stage.app("shop-mini"));
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
async fn a_long_term_consent_lasts_until_it_is_withdrawn() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    let long_term = json!({"template_id": MINI_LONG_TERM});
    let errcode = async || errcode(&stage.send_subscribe(&bob, long_term.clone()).await);
    assert_eq!(errcode().await, 43101);
    let with = json!({"app": "shop-mini", "template_id": "order_delayed", "accept": true});
    for _ in 0..2 {
        assert_eq!(stage.does("bob", "consent", with.clone()).await["left"], 1);
    }
    for _ in 0..3 {
        assert_eq!(errcode().await, 0);
    }
    assert_eq!(
        crate::stage::errcode(&stage.send_subscribe(&bob, json!({})).await),
        43101,
        "it is one template's own"
    );
    stage.idle().await;
    let which = json!({"app": "shop-mini", "template_id": "order_delayed"});
    stage.does("bob", "withdraw", which).await;
    let told = stage.callback.told();
    let event = told.last().unwrap().opened(&stage.app("shop-mini"));
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["Event"], "subscribe_msg_change_event");
    assert_eq!(
        event["List"],
        json!({"TemplateId": MINI_LONG_TERM, "SubscribeStatusString": "reject"})
    );
    assert_eq!(errcode().await, 43101);
}

#[tokio::test]
async fn nobody_is_sent_two_at_once() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.open_id("ann", "shop-mini"), stage.open_id("bob", "shop-mini"));
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    for name in ["ann", "bob", "bob"] {
        stage.does(name, "consent", with.clone()).await;
    }
    // The first waits before it takes effect, and, below, before it is answered.
    for after in [false, true] {
        let path = "/cgi-bin/message/subscribe/send";
        let fault = json!({"path": path, "delay_ms": 400, "after": after});
        stage.http.delete(stage.url("/sandbox/calls")).send().await.unwrap();
        stage.post("/sandbox/faults", fault).await;
        let meanwhile = async {
            loop {
                let calls = stage.get("/sandbox/calls").await;
                if calls["calls"].as_array().unwrap().iter().any(|call| call["path"] == path) {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let second = stage.send_subscribe(&bob, json!({})).await;
            (errcode(&second), errcode(&stage.send_subscribe(&ann, json!({})).await))
        };
        let (first, (second, of_ann)) =
            tokio::join!(stage.send_subscribe(&bob, json!({})), meanwhile);
        assert_eq!((errcode(&first), second), (0, 43108), "after: {after}");
        assert_eq!(of_ann, if after { 43101 } else { 0 }, "somebody else is not in the way");
    }
    assert_eq!(stage.screen("bob").await.len(), 2, "the refused one cost no consent");
    assert_eq!(errcode(&stage.send_subscribe(&bob, json!({})).await), 43101);
}
