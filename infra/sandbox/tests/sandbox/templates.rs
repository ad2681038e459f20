use crate::fixture::{Fixture, errcode};
use serde_json::json;

#[tokio::test]
async fn follower_gets_the_message_and_the_account_its_receipt() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    let mini = fixture.app("shop-mini").app_id;
    let sent = fixture.send_template(&ann, json!({"url": "https://example.test/", "miniprogram": {"appid": mini, "pagepath": "pages/a?b=1"}})).await;
    assert_eq!(sent["errcode"], 0);
    let msgid = sent["msgid"].as_i64().unwrap();
    assert_eq!(msgid.to_string().len(), 19);

    let screen = fixture.screen("ann").await;
    assert_eq!(screen.len(), 1);
    assert_eq!(screen[0]["app"], "shop");
    assert_eq!(screen[0]["kind"], "template");
    assert_eq!(screen[0]["title"], "order_shipped");
    assert_eq!(
        screen[0]["fields"][0],
        json!({"key": "thing1", "label": "商品名称", "value": "Blue kettle"})
    );
    assert_eq!(screen[0]["jump"]["mini_program"]["page"], "pages/a?b=1");

    fixture.idle().await;
    let receipt = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    let field = |name| crate::callback::field(&receipt, name).unwrap();
    assert_eq!(field("Event"), "TEMPLATESENDJOBFINISH");
    assert_eq!(field("MsgID"), msgid.to_string());
    assert_eq!(field("Status"), "success");
    assert_eq!(field("FromUserName"), ann);
}

#[tokio::test]
async fn blocked_message_does_not_arrive_and_the_receipt_reports_it() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.act("ann", "block", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    assert_eq!(errcode(&fixture.send_template(&ann, json!({})).await), 0);
    fixture.idle().await;
    let receipt = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    assert_eq!(crate::callback::field(&receipt, "Status").unwrap(), "failed:user block");
    assert!(fixture.screen("ann").await.is_empty());
    fixture.act("ann", "block", json!({"app": "shop", "blocked": false})).await;
    fixture.send_template(&ann, json!({})).await;
    assert_eq!(fixture.screen("ann").await.len(), 1);
}

#[tokio::test]
async fn checks_come_in_a_fixed_order() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    // Everything is invalid; each step fixes the error that is reported first.
    let bad_data = json!({"data": {"time2": {"value": "soon"}, "thing1": {"value": ""}}});
    let with = |more: serde_json::Value| {
        let mut all = bad_data.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let unknown_user = with(json!({"template_id": "short"}));
    assert_eq!(errcode(&fixture.send_template("oUnknown", unknown_user).await), 40003);
    assert_eq!(
        errcode(&fixture.send_template(&ann, with(json!({"template_id": "short"}))).await),
        40036
    );
    let unknown = with(json!({"template_id": "x".repeat(43)}));
    assert_eq!(errcode(&fixture.send_template(&ann, unknown).await), 40037);
    assert_eq!(errcode(&fixture.send_template(&ann, with(json!({}))).await), 43004);
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let refused = fixture.send_template(&ann, with(json!({}))).await;
    assert_eq!(refused["errcode"], 47003);
    let errmsg = refused["errmsg"].as_str().unwrap();
    assert!(errmsg.starts_with("argument invalid! data.thing1.value is empty rid: "), "{errmsg}");
    let unbound = json!({"miniprogram": {"appid": "wxffffffffffffffff"}});
    assert_eq!(errcode(&fixture.send_template(&ann, unbound).await), 40013);
    let nameless = json!({"miniprogram": {"appid": "", "pagepath": "pages/index"}});
    assert_eq!(errcode(&fixture.send_template(&ann, nameless).await), 40013);
    assert!(fixture.screen("ann").await.is_empty());
    fixture.idle().await;
    assert_eq!(fixture.callback.received().len(), 1, "only of the follow");
}

#[tokio::test]
async fn client_msg_id_is_sent_once_in_ten_minutes() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    let first = fixture.send_template(&ann, json!({"client_msg_id": "order-17"})).await;
    fixture.advance(590).await;
    let second = fixture.send_template(&ann, json!({"client_msg_id": "order-17"})).await;
    assert_eq!(second, first);
    let other = fixture.send_template(&ann, json!({"client_msg_id": "order-18"})).await;
    assert_ne!(other["msgid"], first["msgid"]);
    assert_eq!(fixture.screen("ann").await.len(), 2);
    fixture.idle().await;
    assert_eq!(fixture.callback.received().len(), 2, "a repeated send has no receipt of its own");
    fixture.advance(10).await;
    let third = fixture.send_template(&ann, json!({"client_msg_id": "order-17"})).await;
    assert_ne!(third["msgid"], first["msgid"]);
    let long = fixture.send_template(&ann, json!({"client_msg_id": "x".repeat(33)})).await;
    assert_eq!(errcode(&long), 40035);
}

#[tokio::test]
async fn profile_depends_on_following() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/user/info?access_token={token}&openid={ann}&lang=zh_CN");
    assert_eq!(fixture.get(&path).await, json!({"subscribe": 0, "openid": ann}));
    let followed = fixture.act("ann", "scan", json!({"app": "shop", "scene": "user_42"})).await;
    assert_eq!(followed["pushes"][0]["status"], 200);
    let event = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    let field = |name| crate::callback::field(&event, name).unwrap();
    assert_eq!([field("Event"), field("EventKey")], ["subscribe", "qrscene_user_42"]);
    assert!(field("Ticket").len() > 90);
    let profile = fixture.get(&path).await;
    assert_eq!(profile["subscribe"], 1);
    assert_eq!(profile["subscribe_time"].to_string(), field("CreateTime"));
    assert_eq!(
        profile["unionid"],
        json!(fixture.sandbox.world().person("ann").unwrap().union_ids["hongyan"])
    );
    assert_eq!(profile["qr_scene_str"], "user_42");
    assert!(profile.get("nickname").is_none());
    fixture.act("ann", "scan", json!({"app": "shop", "scene": 7})).await;
    let event = fixture.callback.take_single().decrypted(&fixture.app("shop"));
    assert!(
        event.contains("<Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[7]]></EventKey>"),
        "{event}"
    );
}

#[tokio::test]
async fn mini_program_of_empty_texts_is_none() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let more =
        json!({"url": "https://shop.example/17", "miniprogram": {"appid": "", "pagepath": ""}});
    assert_eq!(errcode(&fixture.send_template(&ann, more).await), 0);
    assert_eq!(fixture.screen("ann").await[0]["jump"]["url"], "https://shop.example/17");
}
