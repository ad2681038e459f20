use crate::stage::Stage;
use serde_json::json;
use shared::wechat::crypto::{EncodingAesKey, encrypt};
use shared::wechat::signature::sign;
use wechat_sandbox::App;

const FAILS: &str = "该公众号提供的服务出现故障，请稍后再试";

fn reply(stage: &Stage, content: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[{}]]></ToUserName><FromUserName><![CDATA[gh_000000005a01]]></FromUserName>\
         <CreateTime>1700000001</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content></xml>",
        stage.open_id("ann", "shop")
    )
}

fn sealed(app: &App, token: &str, reply: &str) -> String {
    let key = EncodingAesKey::parse(app.encoding_aes_key.expose()).unwrap();
    let encrypt = encrypt(&key, &app.app_id, [7; 16], reply.as_bytes());
    let signature = sign(&[token, "1700000001", "123456", &encrypt]);
    format!(
        "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>\
         <TimeStamp>1700000001</TimeStamp><Nonce><![CDATA[123456]]></Nonce></xml>"
    )
}

/// What ann sees after her message was answered so, and whether it was valid.
async fn answered(stage: &Stage, body: &str) -> (Option<String>, bool) {
    stage.callback.say(200, body);
    let before = stage.screen("ann").await.len();
    let answer = stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(
        answer["pushes"].as_array().unwrap().len(),
        1,
        "a bad answer is not asked for again"
    );
    let shown = stage.screen("ann").await.split_off(before + 1);
    assert!(shown.len() <= 1, "{shown:?}");
    let text = shown.first().map(|it| it["text"].as_str().unwrap().to_owned());
    (text, answer["pushes"][0]["reply_valid"].as_bool().unwrap())
}

#[tokio::test]
async fn an_encrypted_reply_is_opened_and_shown() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    let shop = stage.app("shop");
    let token = shop.callback_token.expose();
    assert_eq!(answered(&stage, "").await, (None, true));
    assert_eq!(answered(&stage, "success").await, (None, true));
    let good = sealed(&shop, token, &reply(&stage, "hello ann"));
    assert_eq!(answered(&stage, &good).await, (Some("hello ann".to_owned()), true));

    let failed = (Some(FAILS.to_owned()), false);
    assert_eq!(answered(&stage, &sealed(&shop, "wrongtoken", &reply(&stage, "x"))).await, failed);
    assert_eq!(answered(&stage, &good.replace("123456", "654321")).await, failed);
    let mut other = shop.clone();
    other.app_id = stage.app("shop-mini").app_id;
    assert_eq!(answered(&stage, &sealed(&other, token, &reply(&stage, "x"))).await, failed);
    assert_eq!(answered(&stage, &sealed(&shop, token, &reply(&stage, ""))).await, failed);
    assert_eq!(answered(&stage, &reply(&stage, "x")).await, failed, "plain, in safe mode");
    assert_eq!(answered(&stage, "OK").await, failed);
}

#[tokio::test]
async fn plaintext_mode_takes_plain_replies_and_compatible_mode_both() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    let shop = stage.app("shop");
    let plain = reply(&stage, "plain");
    let closed = sealed(&shop, shop.callback_token.expose(), &reply(&stage, "closed"));
    stage.post("/sandbox/apps/shop", json!({"mode": "plaintext"})).await;
    assert_eq!(answered(&stage, &plain).await, (Some("plain".to_owned()), true));
    assert_eq!(answered(&stage, &closed).await, (Some(FAILS.to_owned()), false));
    stage.post("/sandbox/apps/shop", json!({"mode": "compatible"})).await;
    assert_eq!(answered(&stage, &plain).await, (Some("plain".to_owned()), true));
    assert_eq!(answered(&stage, &closed).await, (Some("closed".to_owned()), true));
}
