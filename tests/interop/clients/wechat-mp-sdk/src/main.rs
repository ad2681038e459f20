//! Calls WeChat with the crate wechat-mp-sdk.
//!
//! Reads one request per line, in JSON, and answers each with one line. Nothing in
//! here knows how a call looks on the wire: that is wechat-mp-sdk's part. It is for
//! Mini Programs, and knows nothing of followers and template messages.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use wechat_mp_sdk::WechatMp;
use wechat_mp_sdk::api::customer_service::{Message, TextMessage};
use wechat_mp_sdk::api::subscribe::{SubscribeMessageOptions, SubscribeMessageValue};
use wechat_mp_sdk::types::{AppId, AppSecret, OpenId};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut clients = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = answer(&mut clients, &request).await;
        let answer = answer.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

async fn answer(
    clients: &mut HashMap<String, WechatMp>,
    request: &Value,
) -> Result<Value, Box<dyn Error>> {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    if text("do") == "identify" {
        return Ok(json!({ "peer": "wechat-mp-sdk 0.3.0", "runtime": "Rust" }));
    }
    // One for each app, which keeps its token.
    let app = |name: &str| request["app"][name].as_str().unwrap_or_default();
    if !clients.contains_key(app("app_id")) {
        let client = WechatMp::builder()
            .appid(AppId::new(app("app_id"))?)
            .secret(AppSecret::new(app("secret"))?)
            .base_url(app("base"))
            .build()?;
        clients.insert(app("app_id").to_owned(), client);
    }
    let client = &clients[app("app_id")];
    match text("do") {
        "token" => {
            let granted = client.get_stable_access_token(false).await?;
            Ok(json!({ "token": granted.access_token }))
        }
        "login" => {
            let user = client.auth_login(text("code")).await?;
            Ok(json!({ "open_id": user.openid, "union_id": user.unionid }))
        }
        "subscribe" => {
            let fields = request["fields"].as_object().into_iter().flatten();
            let data = fields.map(|(key, value)| {
                (key.clone(), SubscribeMessageValue::new(value.as_str().unwrap_or_default()))
            });
            let message = SubscribeMessageOptions {
                touser: OpenId::new(text("open_id"))?,
                template_id: text("template_id").to_owned(),
                data: data.collect(),
                page: Some(text("page").to_owned()),
                miniprogram_state: None,
                lang: None,
            };
            client.send_subscribe_message(message).await?;
            Ok(json!({}))
        }
        "customer_service" => {
            let message = Message::Text { text: TextMessage::new(text("text")) };
            client.send_customer_service_message(text("open_id"), message).await?;
            Ok(json!({}))
        }
        other => Err(format!("wechat-mp-sdk does not know how to {other}").into()),
    }
}
