use crate::stage::{Stage, errcode};
use serde_json::json;

#[tokio::test]
async fn a_follower_gets_the_message_and_the_account_its_receipt() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.callback.only();
    let mini = stage.app("shop-mini").app_id;
    let sent = stage.send_template(&ann, json!({"url": "https://example.test/", "miniprogram": {"appid": mini, "pagepath": "pages/a?b=1"}})).await;
    assert_eq!(sent["errcode"], 0);
    let msgid = sent["msgid"].as_i64().unwrap();
    assert_eq!(msgid.to_string().len(), 19);

    let screen = stage.screen("ann").await;
    assert_eq!(screen.len(), 1);
    assert_eq!(screen[0]["app"], "shop");
    assert_eq!(screen[0]["kind"], "template");
    assert_eq!(screen[0]["title"], "order_shipped");
    assert_eq!(
        screen[0]["fields"][0],
        json!({"key": "thing1", "label": "商品名称", "value": "Blue kettle"})
    );
    assert_eq!(screen[0]["jump"]["mini_program"]["page"], "pages/a?b=1");

    stage.idle().await;
    let receipt = stage.callback.only().opened(&stage.app("shop"));
    let field = |name| crate::callback::field(&receipt, name).unwrap();
    assert_eq!(field("Event"), "TEMPLATESENDJOBFINISH");
    assert_eq!(field("MsgID"), msgid.to_string());
    assert_eq!(field("Status"), "success");
    assert_eq!(field("FromUserName"), ann);
}

#[tokio::test]
async fn who_blocks_the_account_gets_nothing_and_the_receipt_says_so() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.does("ann", "block", json!({"app": "shop"})).await;
    stage.callback.only();
    assert_eq!(errcode(&stage.send_template(&ann, json!({})).await), 0);
    stage.idle().await;
    let receipt = stage.callback.only().opened(&stage.app("shop"));
    assert_eq!(crate::callback::field(&receipt, "Status").unwrap(), "failed:user block");
    assert!(stage.screen("ann").await.is_empty());
    stage.does("ann", "block", json!({"app": "shop", "blocked": false})).await;
    stage.send_template(&ann, json!({})).await;
    assert_eq!(stage.screen("ann").await.len(), 1);
}

#[tokio::test]
async fn checks_come_in_a_fixed_order() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    // Everything is wrong; what is checked first is named, and mended.
    let bad_data = json!({"data": {"time2": {"value": "soon"}, "thing1": {"value": ""}}});
    let with = |more: serde_json::Value| {
        let mut all = bad_data.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let nobody = with(json!({"template_id": "short"}));
    assert_eq!(errcode(&stage.send_template("oNobody", nobody).await), 40003);
    assert_eq!(
        errcode(&stage.send_template(&ann, with(json!({"template_id": "short"}))).await),
        40036
    );
    let unknown = with(json!({"template_id": "x".repeat(43)}));
    assert_eq!(errcode(&stage.send_template(&ann, unknown).await), 40037);
    assert_eq!(errcode(&stage.send_template(&ann, with(json!({}))).await), 43004);
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    let refused = stage.send_template(&ann, with(json!({}))).await;
    assert_eq!(refused["errcode"], 47003);
    let errmsg = refused["errmsg"].as_str().unwrap();
    assert!(errmsg.starts_with("argument invalid! data.thing1.value is empty rid: "), "{errmsg}");
    let unbound = json!({"miniprogram": {"appid": "wxffffffffffffffff"}});
    assert_eq!(errcode(&stage.send_template(&ann, unbound).await), 40013);
    assert!(stage.screen("ann").await.is_empty());
    stage.idle().await;
    assert_eq!(stage.callback.told().len(), 1, "only of the follow");
}

#[tokio::test]
async fn a_client_msg_id_is_sent_once_in_ten_minutes() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.callback.only();
    let first = stage.send_template(&ann, json!({"client_msg_id": "order-17"})).await;
    stage.advance(590).await;
    let second = stage.send_template(&ann, json!({"client_msg_id": "order-17"})).await;
    assert_eq!(second, first);
    let other = stage.send_template(&ann, json!({"client_msg_id": "order-18"})).await;
    assert_ne!(other["msgid"], first["msgid"]);
    assert_eq!(stage.screen("ann").await.len(), 2);
    stage.idle().await;
    assert_eq!(stage.callback.told().len(), 2, "a repeated send has no receipt of its own");
    stage.advance(10).await;
    let third = stage.send_template(&ann, json!({"client_msg_id": "order-17"})).await;
    assert_ne!(third["msgid"], first["msgid"]);
    let long = stage.send_template(&ann, json!({"client_msg_id": "x".repeat(33)})).await;
    assert_eq!(errcode(&long), 40035);
}

#[tokio::test]
async fn the_profile_of_a_follower_and_of_a_stranger() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    let token = stage.token("shop").await;
    let path = format!("/cgi-bin/user/info?access_token={token}&openid={ann}&lang=zh_CN");
    assert_eq!(stage.get(&path).await, json!({"subscribe": 0, "openid": ann}));
    let followed = stage.does("ann", "scan", json!({"app": "shop", "scene": "user_42"})).await;
    assert_eq!(followed["pushes"][0]["status"], 200);
    let event = stage.callback.only().opened(&stage.app("shop"));
    let field = |name| crate::callback::field(&event, name).unwrap();
    assert_eq!([field("Event"), field("EventKey")], ["subscribe", "qrscene_user_42"]);
    assert!(field("Ticket").len() > 90);
    let profile = stage.get(&path).await;
    assert_eq!(profile["subscribe"], 1);
    assert_eq!(profile["subscribe_time"].to_string(), field("CreateTime"));
    assert_eq!(
        profile["unionid"],
        json!(stage.sandbox.world().person("ann").unwrap().union_ids["hongyan"])
    );
    assert_eq!(profile["qr_scene_str"], "user_42");
    assert!(profile.get("nickname").is_none());
    stage.does("ann", "scan", json!({"app": "shop", "scene": 7})).await;
    let event = stage.callback.only().opened(&stage.app("shop"));
    assert!(
        event.contains("<Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[7]]></EventKey>"),
        "{event}"
    );
}
