//! An order ships, and its customer is told on WeChat.
//!
//! Whatever ships orders puts a message on the queue `orders-{stage}-shipped`:
//! `{"order": "17", "customer": "ann", "product": "Blue kettle", "shipped_at":
//! "2026-11-20 15:04"}`. The customer is the name of their account in Hongyan.

mod hongyan;

use aws_config::BehaviorVersion;
use hongyan::{Hongyan, Report};
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

/// What SQS hands over.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
}

/// Messages that fail come back, and lie in the dead-letter queue after five times.
async fn handle(hongyan: &Hongyan, event: LambdaEvent<Batch>) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for Message { message_id, body } in event.payload.records {
        if let Err(error) = tell(hongyan, &body).await {
            tracing::error!(message_id, %error, "not told; the message will come back");
            failures.push(json!({ "itemIdentifier": message_id }));
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

/// An order that has shipped.
#[derive(Deserialize)]
struct Shipped {
    order: String,
    customer: String,
    product: String,
    shipped_at: String,
}

impl Shipped {
    fn notification(&self) -> Value {
        json!({
            // The order makes the id: however often its message comes, the customer is
            // told once.
            "id": format!("order-{}-shipped", self.order),
            "to": { "account": self.customer },
            "template": "order_shipped",
            "data": { "product": self.product, "time": self.shipped_at },
        })
    }
}

async fn tell(hongyan: &Hongyan, message: &str) -> Result<(), Error> {
    let shipped: Shipped = serde_json::from_str(message)?;
    let Report { outcome, reason } = hongyan.send(&shipped.notification()).await?;
    let (order, reason) = (shipped.order, reason.unwrap_or_default());
    match outcome.as_str() {
        // Told, or about to be: what waits, Hongyan sends by itself.
        "sent" | "delivered" | "scheduled" | "retrying" | "in_progress" => {
            tracing::info!(order, outcome, "told");
        }
        // WeChat's answer was lost. Another message under another id might be a second
        // one, so there is none.
        "ambiguous" => tracing::warn!(order, outcome, reason, "told, perhaps"),
        // WeChat has no way to this customer: they follow nothing and have consented to
        // nothing. This is the place for a text message or a mail, if you send any.
        "no_consent" | "unreachable" | "blocked" | "expired" => {
            tracing::warn!(order, outcome, reason, "can't be told on WeChat");
        }
        // A mistake in the template, or WeChat refuses it. The same message again would
        // end the same, so it doesn't come back; somebody has to look.
        _ => tracing::error!(order, outcome, reason, "not told"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_order_makes_the_same_notification() {
        let message = r#"{"order": "17", "customer": "ann", "product": "Blue kettle",
                          "shipped_at": "2026-11-20 15:04"}"#;
        let read = || serde_json::from_str::<Shipped>(message).unwrap().notification();
        assert_eq!(read(), read());
        assert_eq!(read()["id"], "order-17-shipped");
        assert_eq!(read()["data"], json!({ "product": "Blue kettle", "time": "2026-11-20 15:04" }));
    }
}
