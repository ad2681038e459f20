use crate::callback::field;
use crate::stage::{SHOP_NOTIFICATION, Stage, errcode};
use serde_json::{Value, json};

const PATH: &str = "/cgi-bin/message/subscribe/bizsend";

async fn send(stage: &Stage, app: &str, to: &str, more: Value) -> Value {
    let mut body = json!({
        "touser": to, "template_id": SHOP_NOTIFICATION,
        "data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "2026-11-22 09:30"}},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stage.call(app, PATH, body).await
}

fn yes(popup_scene: u8) -> Value {
    json!({
        "app": "shop", "template_id": "order_arrived", "accept": true, "popup_scene": popup_scene,
    })
}

#[tokio::test]
async fn who_consented_gets_one_message_without_following() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop");
    assert_eq!(errcode(&send(&stage, "shop", &bob, json!({})).await), 43101);

    assert_eq!(stage.does("bob", "consent", yes(2)).await["left"], 1);
    let popup = stage.callback.only().opened(&stage.app("shop"));
    assert_eq!(field(&popup, "Event").unwrap(), "subscribe_msg_popup_event");
    assert_eq!(field(&popup, "FromUserName").unwrap(), bob);
    let item = format!(
        "<List><TemplateId><![CDATA[{SHOP_NOTIFICATION}]]></TemplateId>\
         <SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString>\
         <PopupScene>2</PopupScene></List>"
    );
    assert!(popup.contains(&item), "{popup}");

    let sent = send(&stage, "shop", &bob, json!({"page": "https://example.test/order"})).await;
    assert_eq!(sent["errcode"], 0);
    let msgid = sent["msgid"].to_string();
    assert_eq!(msgid.len(), 19);
    stage.idle().await;
    let receipt = stage.callback.only().opened(&stage.app("shop"));
    assert_eq!(field(&receipt, "Event").unwrap(), "subscribe_msg_sent_event");
    assert!(receipt.contains(&format!("<MsgID>{msgid}</MsgID><ErrorCode>0</ErrorCode>")));
    let screen = stage.screen("bob").await;
    assert_eq!((screen.len(), &screen[0]["kind"]), (1, &json!("bizsend")));
    assert_eq!(screen[0]["jump"]["url"], "https://example.test/order");
    assert_eq!(screen[0]["fields"][0]["value"], "Blue kettle");

    assert_eq!(errcode(&send(&stage, "shop", &bob, json!({})).await), 43101, "it is used up");
}

#[tokio::test]
async fn a_refusal_and_a_withdrawal_are_told() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop");
    let mut no = yes(1);
    no["accept"] = false.into();
    assert_eq!(stage.does("bob", "consent", no).await["left"], 0);
    let popup = stage.callback.only().opened(&stage.app("shop"));
    assert!(popup.contains("[reject]]></SubscribeStatusString><PopupScene>1<"), "{popup}");
    assert_eq!(errcode(&send(&stage, "shop", &bob, json!({})).await), 43101);

    let which = json!({"app": "shop", "template_id": "order_arrived"});
    assert_eq!(stage.does("bob", "withdraw", which.clone()).await["changed"], false);
    stage.does("bob", "consent", yes(1)).await;
    stage.callback.only();
    stage.does("bob", "withdraw", which).await;
    let change = stage.callback.only().opened(&stage.app("shop"));
    assert!(change.contains("subscribe_msg_change_event"), "{change}");
    assert!(change.contains("[reject]]></SubscribeStatusString></List>"), "{change}");
    assert_eq!(errcode(&send(&stage, "shop", &bob, json!({})).await), 43101);
}

#[tokio::test]
async fn what_is_refused_costs_no_consent() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop");
    stage.does("bob", "consent", yes(1)).await;
    let in_the_program = stage.open_id("bob", "shop-mini");
    for (to, more, code) in [
        (in_the_program.as_str(), json!({}), 40003),
        (&bob, json!({"touser": ""}), 40003),
        (&bob, json!({"template_id": crate::stage::SHOP_TEMPLATE}), 40037),
        (&bob, json!({"data": {"thing1": {"value": "x"}, "time2": {"value": "soon"}}}), 47003),
        (&bob, json!({"miniprogram": {"appid": "wxffffffffffffffff"}}), 40013),
        (&bob, json!({"client_msg_id": "x".repeat(33)}), 40035),
    ] {
        let answer = send(&stage, "shop", to, more.clone()).await;
        assert_eq!(answer["errcode"], code, "{more}");
    }
    assert_eq!(
        errcode(&send(&stage, "shop-mini", &in_the_program, json!({})).await),
        48001,
        "only a service account"
    );
    assert_eq!(errcode(&send(&stage, "shop", &bob, json!({})).await), 0);
    let (status, error) = stage.refused("/sandbox/people/bob/consent", yes(0)).await;
    assert_eq!(status, 400);
    assert!(error.contains("popup_scene"), "{error}");
}

#[tokio::test]
async fn a_client_msg_id_is_sent_once_and_uses_one_consent() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop");
    stage.does("bob", "consent", yes(1)).await;
    let id = json!({"client_msg_id": "order-17"});
    let first = send(&stage, "shop", &bob, id.clone()).await;
    assert_eq!(first["errcode"], 0);
    assert_eq!(send(&stage, "shop", &bob, id.clone()).await, first, "though no consent is left");
    stage.does("bob", "consent", yes(1)).await;
    stage.advance(590).await;
    assert_eq!(send(&stage, "shop", &bob, id.clone()).await, first);
    assert_eq!(stage.screen("bob").await.len(), 1);
    // A template message under the same id is another message.
    stage.does("bob", "follow", json!({"app": "shop"})).await;
    assert_ne!(stage.send_template(&bob, id.clone()).await["msgid"], first["msgid"]);
    stage.advance(10).await;
    assert_ne!(send(&stage, "shop", &bob, id).await["msgid"], first["msgid"]);
}
