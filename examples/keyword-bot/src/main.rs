//! Answers "订单 12345678" with the state of that order.
//!
//! The rules in `replies.json` answer all other messages, and here reply that the order is
//! being looked up. EventBridge invokes this function for each text message, and it answers
//! with a customer-service message.

mod hongyan;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, error::DisplayErrorContext, types::AttributeValue};
use hongyan::{Hongyan, NotificationResult};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The template that consists of one text field.
const TEMPLATE: &str = "bot_answer";

/// Attempts to answer a message, a second apart.
const MAX_ATTEMPTS: u32 = 5;

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

/// An event that Hongyan forwards to EventBridge.
#[derive(Deserialize)]
struct ForwardedEvent {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    /// The app's alias.
    app: String,
    open_id: String,
    /// The event's id, unique in its app.
    event: String,
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    content: String,
}

/// Lambda retries twice if this fails, for instance because an AWS call does.
async fn handle(bot: &Bot, event: LambdaEvent<ForwardedEvent>) -> Result<(), Error> {
    let Detail { app, open_id, event, message } = event.payload.detail;
    let Some(number) = requested_order(&message.content) else { return Ok(()) };
    let text = bot.describe_order(number).await?;
    for attempt in 1..=MAX_ATTEMPTS {
        // EventBridge may deliver an event twice; the id prevents a second answer.
        let id = format!("bot/{app}/{}/{attempt}", event.replace('#', "/"));
        let request = json!({
            "id": id, "to": { "app": app, "open_id": open_id },
            "template": TEMPLATE, "data": { "text": text },
        });
        let NotificationResult { outcome, reason } = bot.hongyan.send(&request).await?;
        if outcome != "unreachable" {
            tracing::info!(id, outcome, reason, "answered");
            return Ok(());
        }
        // A message opens the customer's reply window, but Hongyan may not have applied this
        // one yet. `unreachable` means that nothing was sent, so a new id can't duplicate it.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tracing::warn!(event, "the customer is unreachable");
    Ok(())
}

/// The number in "订单 12345678" or "order 12345678".
fn requested_order(text: &str) -> Option<&str> {
    let text = text.trim();
    let number = text.strip_prefix("订单").or_else(|| text.strip_prefix("order"))?.trim();
    (number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

impl Bot {
    /// The answer about an order. Anyone who knows the number gets it, so it must not contain
    /// personal data.
    async fn describe_order(&self, number: &str) -> Result<String, Error> {
        let key = AttributeValue::S(number.to_owned());
        let get = self.orders.get_item().table_name(&self.table).key("number", key);
        let order = get.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let state = order.item().and_then(|order| order.get("state"));
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
    fn only_an_order_number_requests_an_order() {
        for text in ["订单12345678", " 订单 12345678 ", "order 12345678"] {
            assert_eq!(requested_order(text), Some("12345678"), "{text}");
        }
        for text in ["订单", "12345678", "订单 1234567", "订单 123456789", "订单 1234567八", ""]
        {
            assert_eq!(requested_order(text), None, "{text}");
        }
    }
}
