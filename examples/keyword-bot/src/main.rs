//! What a bot by keywords can't answer by rules, because it has to look something up:
//! who writes "订单 12345678" is told where that order is.
//!
//! The rules in `replies.json` answer everything else, and say here that the order is
//! being looked up. This function is told of each text by EventBridge, and answers as
//! customer service.

mod hongyan;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, error::DisplayErrorContext, types::AttributeValue};
use hongyan::{Hongyan, Report};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The template that says whatever text it is given.
const TEMPLATE: &str = "bot_answer";

/// How often Hongyan is asked to answer, a second apart.
const TRIES: u32 = 5;

struct Bot {
    hongyan: Hongyan,
    orders: Client,
    table: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let bot = Bot {
        hongyan: Hongyan::new(&config, std::env::var("SEND_FUNCTION")?),
        orders: Client::new(&config),
        table: std::env::var("ORDERS_TABLE")?,
    };
    lambda_runtime::run(service_fn(|event| handle(&bot, event))).await
}

/// A message that Hongyan has recorded, as EventBridge delivers it.
#[derive(Deserialize)]
struct Recorded {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    /// The account's short name.
    app: String,
    open_id: String,
    /// The message's name, unique in its account.
    event: String,
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    content: String,
}

/// What fails here because AWS does, Lambda tries twice more.
async fn handle(bot: &Bot, event: LambdaEvent<Recorded>) -> Result<(), Error> {
    let Detail { app, open_id, event, message } = event.payload.detail;
    let Some(number) = order_asked_for(&message.content) else { return Ok(()) };
    let text = bot.look_up(number).await?;
    for attempt in 1..=TRIES {
        // EventBridge may deliver twice, and the same id is sent once.
        let id = format!("bot/{app}/{}/{attempt}", event.replace('#', "/"));
        let request = json!({
            "id": id, "to": { "app": app, "open_id": open_id },
            "template": TEMPLATE, "data": { "text": text },
        });
        let Report { outcome, reason } = bot.hongyan.send(&request).await?;
        if outcome != "unreachable" {
            tracing::info!(id, outcome, reason, "answered");
            return Ok(());
        }
        // Whoever has just written may be answered. But they may be so new that Hongyan
        // is still busy with their message: nothing was sent, so another id is no repeat.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tracing::warn!(event, "the customer can't be answered");
    Ok(())
}

/// The number in "订单 12345678", or in "order 12345678".
fn order_asked_for(text: &str) -> Option<&str> {
    let text = text.trim();
    let number = text.strip_prefix("订单").or_else(|| text.strip_prefix("order"))?.trim();
    (number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

impl Bot {
    /// What is said about an order. Who knows a number is told this much, so there is
    /// nothing in it that only the customer may know.
    async fn look_up(&self, number: &str) -> Result<String, Error> {
        let key = AttributeValue::S(number.to_owned());
        let get = self.orders.get_item().table_name(&self.table).key("number", key);
        let found = get.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let state = found.item().and_then(|order| order.get("state"));
        Ok(match state.and_then(|state| state.as_s().ok()) {
            Some(state) => format!("订单 {number}：{state}"),
            None => format!("没有查到订单 {number}，请核对订单号。"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_order_number_asks_for_an_order() {
        for text in ["订单12345678", " 订单 12345678 ", "order 12345678"] {
            assert_eq!(order_asked_for(text), Some("12345678"), "{text}");
        }
        for text in ["订单", "12345678", "订单 1234567", "订单 123456789", "订单 1234567八", ""]
        {
            assert_eq!(order_asked_for(text), None, "{text}");
        }
    }
}
