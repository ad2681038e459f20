use crate::fixture::Fixture;
use serde_json::json;
use shared::wechat::crypto::{EncodingAesKey, encrypt};
use shared::wechat::signature::sign;
use wechat_sandbox::App;

const FAILS: &str = "该公众号提供的服务出现故障，请稍后再试";

fn reply(fixture: &Fixture, content: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[{}]]></ToUserName><FromUserName><![CDATA[gh_000000005a01]]></FromUserName>\
         <CreateTime>1700000001</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content></xml>",
        fixture.open_id("ann", "shop")
    )
}

fn encrypted(app: &App, token: &str, reply: &str) -> String {
    let key = EncodingAesKey::parse(app.encoding_aes_key.expose()).unwrap();
    let encrypt = encrypt(&key, &app.app_id, [7; 16], reply.as_bytes());
    let signature = sign(&[token, "1700000001", "123456", &encrypt]);
    format!(
        "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>\
         <TimeStamp>1700000001</TimeStamp><Nonce><![CDATA[123456]]></Nonce></xml>"
    )
}

/// The line that ann sees after this answer to her message, and whether the answer was valid.
async fn answered(fixture: &Fixture, body: &str) -> (Option<String>, bool) {
    fixture.callback.answer_next(200, body);
    let before = fixture.screen("ann").await.len();
    let answer = fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(answer["pushes"].as_array().unwrap().len(), 1, "an invalid answer is not retried");
    let shown = fixture.screen("ann").await.split_off(before + 1);
    assert!(shown.len() <= 1, "{shown:?}");
    let text = shown.first().map(|it| it["text"].as_str().unwrap().to_owned());
    (text, answer["pushes"][0]["reply_valid"].as_bool().unwrap())
}

#[tokio::test]
async fn encrypted_reply_is_decrypted_and_shown() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let shop = fixture.app("shop");
    let token = shop.callback_token.expose();
    assert_eq!(answered(&fixture, "").await, (None, true));
    assert_eq!(answered(&fixture, "success").await, (None, true));
    let good = encrypted(&shop, token, &reply(&fixture, "hello ann"));
    assert_eq!(answered(&fixture, &good).await, (Some("hello ann".to_owned()), true));

    let failed = (Some(FAILS.to_owned()), false);
    assert_eq!(
        answered(&fixture, &encrypted(&shop, "wrongtoken", &reply(&fixture, "x"))).await,
        failed
    );
    assert_eq!(answered(&fixture, &good.replace("123456", "654321")).await, failed);
    let mut other = shop.clone();
    other.app_id = fixture.app("shop-mini").app_id;
    assert_eq!(answered(&fixture, &encrypted(&other, token, &reply(&fixture, "x"))).await, failed);
    assert_eq!(answered(&fixture, &encrypted(&shop, token, &reply(&fixture, ""))).await, failed);
    assert_eq!(answered(&fixture, &reply(&fixture, "x")).await, failed, "plain, in safe mode");
    assert_eq!(answered(&fixture, "OK").await, failed);
}

#[tokio::test]
async fn plaintext_mode_accepts_plain_replies_and_compatible_mode_both() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let shop = fixture.app("shop");
    let plain = reply(&fixture, "plain");
    let closed = encrypted(&shop, shop.callback_token.expose(), &reply(&fixture, "closed"));
    fixture.post("/sandbox/apps/shop", json!({"mode": "plaintext"})).await;
    assert_eq!(answered(&fixture, &plain).await, (Some("plain".to_owned()), true));
    assert_eq!(answered(&fixture, &closed).await, (Some(FAILS.to_owned()), false));
    fixture.post("/sandbox/apps/shop", json!({"mode": "compatible"})).await;
    assert_eq!(answered(&fixture, &plain).await, (Some("plain".to_owned()), true));
    assert_eq!(answered(&fixture, &closed).await, (Some("closed".to_owned()), true));
}
