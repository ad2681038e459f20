use crate::callback::field;
use crate::fixture::{Fixture, SHOP_NOTIFICATION, errcode, order};
use serde_json::{Value, json};

const PATH: &str = "/cgi-bin/message/subscribe/bizsend";

async fn send(fixture: &Fixture, app: &str, to: &str, more: Value) -> Value {
    fixture.call(app, PATH, order(to, SHOP_NOTIFICATION, &more)).await
}

fn yes(popup_scene: u8) -> Value {
    json!({
        "app": "shop", "template_id": "order_arrived", "accept": true, "popup_scene": popup_scene,
    })
}

#[tokio::test]
async fn consent_allows_one_notification_without_following() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop");
    assert_eq!(errcode(&send(&fixture, "shop", &bob, json!({})).await), 43101);

    assert_eq!(fixture.act("bob", "consent", yes(2)).await["left"], 1);
    let popup = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    assert_eq!(field(&popup, "Event").unwrap(), "subscribe_msg_popup_event");
    assert_eq!(field(&popup, "FromUserName").unwrap(), bob);
    let item = format!(
        "<List><TemplateId><![CDATA[{SHOP_NOTIFICATION}]]></TemplateId>\
         <SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString>\
         <PopupScene>2</PopupScene></List>"
    );
    assert!(popup.contains(&item), "{popup}");

    let sent = send(&fixture, "shop", &bob, json!({"page": "https://example.test/order"})).await;
    assert_eq!(sent["errcode"], 0);
    let msgid = sent["msgid"].to_string();
    assert_eq!(msgid.len(), 19);
    fixture.idle().await;
    let receipt = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    assert_eq!(field(&receipt, "Event").unwrap(), "subscribe_msg_sent_event");
    assert!(receipt.contains(&format!("<MsgID>{msgid}</MsgID><ErrorCode>0</ErrorCode>")));
    let screen = fixture.screen("bob").await;
    assert_eq!((screen.len(), &screen[0]["kind"]), (1, &json!("bizsend")));
    assert_eq!(screen[0]["jump"]["url"], "https://example.test/order");
    assert_eq!(screen[0]["fields"][0]["value"], "Blue kettle");

    assert_eq!(errcode(&send(&fixture, "shop", &bob, json!({})).await), 43101, "it is used up");
}

#[tokio::test]
async fn rejection_and_withdrawal_are_pushed() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop");
    let mut no = yes(1);
    no["accept"] = false.into();
    assert_eq!(fixture.act("bob", "consent", no).await["left"], 0);
    let popup = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    assert!(popup.contains("[reject]]></SubscribeStatusString><PopupScene>1<"), "{popup}");
    assert_eq!(errcode(&send(&fixture, "shop", &bob, json!({})).await), 43101);

    let which = json!({"app": "shop", "template_id": "order_arrived"});
    assert_eq!(fixture.act("bob", "withdraw", which.clone()).await["changed"], false);
    fixture.act("bob", "consent", yes(1)).await;
    fixture.callback.take_single();
    fixture.act("bob", "withdraw", which).await;
    let change = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    assert!(change.contains("subscribe_msg_change_event"), "{change}");
    assert!(change.contains("[reject]]></SubscribeStatusString></List>"), "{change}");
    assert_eq!(errcode(&send(&fixture, "shop", &bob, json!({})).await), 43101);
}

#[tokio::test]
async fn rejected_notification_uses_no_consent() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop");
    fixture.act("bob", "consent", yes(1)).await;
    let in_the_program = fixture.open_id("bob", "shop-mini");
    for (to, more, code) in [
        (in_the_program.as_str(), json!({}), 40003),
        (&bob, json!({"touser": ""}), 40003),
        (&bob, json!({"template_id": crate::fixture::SHOP_TEMPLATE}), 40037),
        (&bob, json!({"data": {"thing1": {"value": "x"}, "time2": {"value": "soon"}}}), 47003),
        (&bob, json!({"miniprogram": {"appid": "wxffffffffffffffff"}}), 40013),
        (&bob, json!({"client_msg_id": "x".repeat(33)}), 40035),
    ] {
        let answer = send(&fixture, "shop", to, more.clone()).await;
        assert_eq!(answer["errcode"], code, "{more}");
    }
    assert_eq!(
        errcode(&send(&fixture, "shop-mini", &in_the_program, json!({})).await),
        48001,
        "only a service account"
    );
    assert_eq!(errcode(&send(&fixture, "shop", &bob, json!({})).await), 0);
    let (status, error) = fixture.control_error("/sandbox/people/bob/consent", yes(0)).await;
    assert_eq!(status, 400);
    assert!(error.contains("popup_scene"), "{error}");
}

#[tokio::test]
async fn client_msg_id_is_sent_once_and_uses_one_consent() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop");
    fixture.act("bob", "consent", yes(1)).await;
    let id = json!({"client_msg_id": "order-17"});
    let first = send(&fixture, "shop", &bob, id.clone()).await;
    assert_eq!(first["errcode"], 0);
    assert_eq!(send(&fixture, "shop", &bob, id.clone()).await, first, "though no consent is left");
    fixture.act("bob", "consent", yes(1)).await;
    fixture.advance(590).await;
    assert_eq!(send(&fixture, "shop", &bob, id.clone()).await, first);
    assert_eq!(fixture.screen("bob").await.len(), 1);
    // A template message under the same id is another message.
    fixture.act("bob", "follow", json!({"app": "shop"})).await;
    assert_ne!(fixture.send_template(&bob, id.clone()).await["msgid"], first["msgid"]);
    fixture.advance(10).await;
    assert_ne!(send(&fixture, "shop", &bob, id).await["msgid"], first["msgid"]);
}
