use aws_sdk_lambda::{Client, primitives::Blob};
use serde_json::{Value, json};
use std::error::Error;

/// Says that an order has been shipped. `Client::new(&aws_config::load_from_env().await)`
/// makes the client.
async fn order_shipped(lambda: &Client, id: &str) -> Result<Value, Box<dyn Error>> {
    let request = json!({
        "id": id, "to": { "account": "ann" }, "template": "order_shipped",
        "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
    });
    let call = lambda.invoke().function_name("hongyan-local-send");
    let answer = call.payload(Blob::new(request.to_string())).send().await?;
    let said: Value = serde_json::from_slice(answer.payload().ok_or("no answer")?.as_ref())?;
    if answer.function_error().is_some() {
        return Err(format!("{}: {}", said["errorType"], said["errorMessage"]).into());
    }
    let report = &said["notifications"][0];
    match report["outcome"].as_str() {
        Some("failed" | "no_consent" | "unreachable") => Err(report["reason"].to_string().into()),
        _ => Ok(report["outcome"].clone()),
    }
}
