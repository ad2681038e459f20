//! Notifies customers on WeChat when their orders ship.
//!
//! Your shop puts a message on the queue `orders-{stage}-shipped` for each shipped order:
//! `{"order": "17", "customer": "ann", "product": "Blue kettle", "shipped_at":
//! "2026-11-20 15:04"}`. `customer` is the name of the customer's account in Hongyan.

mod hongyan;

use aws_config::BehaviorVersion;
use hongyan::{Hongyan, NotificationResult};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let hongyan = Hongyan::new(&config, std::env::var("SEND_FUNCTION")?);
    lambda_runtime::run(service_fn(|event| handle(&hongyan, event))).await
}

/// The event of an SQS trigger.
#[derive(Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsMessage {
    message_id: String,
    body: String,
}

/// SQS redelivers only the messages that this function reports as failed. After five
/// deliveries, a message goes to the dead-letter queue.
async fn handle(hongyan: &Hongyan, event: LambdaEvent<SqsEvent>) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for SqsMessage { message_id, body } in event.payload.records {
        if let Err(error) = notify(hongyan, &body).await {
            tracing::error!(message_id, %error, "not notified; SQS will redeliver the message");
            failures.push(json!({ "itemIdentifier": message_id }));
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

#[derive(Deserialize)]
struct ShippedOrder {
    order: String,
    customer: String,
    product: String,
    shipped_at: String,
}

impl ShippedOrder {
    fn notification(&self) -> Value {
        json!({
            // The id is the idempotency key: the customer gets one notification per order,
            // even if SQS delivers the message again.
            "id": format!("order-{}-shipped", self.order),
            "to": { "account": self.customer },
            "template": "order_shipped",
            "data": { "product": self.product, "time": self.shipped_at },
        })
    }
}

async fn notify(hongyan: &Hongyan, message: &str) -> Result<(), Error> {
    let shipped: ShippedOrder = serde_json::from_str(message)?;
    let NotificationResult { outcome, reason } = hongyan.send(&shipped.notification()).await?;
    let (order, reason) = (shipped.order, reason.unwrap_or_default());
    match outcome.as_str() {
        // Sent, or Hongyan will send it without another request.
        "sent" | "delivered" | "scheduled" | "retrying" | "in_progress" => {
            tracing::info!(order, outcome, "notified");
        }
        // WeChat's response was lost, so the customer may have the notification. Another id
        // could duplicate it.
        "ambiguous" => tracing::warn!(order, outcome, reason, "possibly notified"),
        // The customer follows no account, has consented to nothing, or rejects messages. If
        // you have a fallback, such as SMS or e-mail, use it here.
        "no_consent" | "unreachable" | "blocked" | "expired" => {
            tracing::warn!(order, outcome, reason, "can't be notified on WeChat");
        }
        // The template is wrong, or WeChat refuses the message. A retry would fail the same
        // way, so the message doesn't go back to the queue: alarm on this log line.
        _ => tracing::error!(order, outcome, reason, "not notified"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_order_has_the_same_notification() {
        let message = r#"{"order": "17", "customer": "ann", "product": "Blue kettle",
                          "shipped_at": "2026-11-20 15:04"}"#;
        let notification = || serde_json::from_str::<ShippedOrder>(message).unwrap().notification();
        assert_eq!(notification(), notification());
        assert_eq!(notification()["id"], "order-17-shipped");
        assert_eq!(
            notification()["data"],
            json!({ "product": "Blue kettle", "time": "2026-11-20 15:04" })
        );
    }
}
