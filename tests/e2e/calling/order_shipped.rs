use aws_sdk_lambda::{Client, primitives::Blob};
use serde_json::{Value, json};
use std::error::Error;

/// Notifies ann that her order shipped. `Client::new(&aws_config::load_from_env().await)`
/// makes the client.
async fn order_shipped(lambda: &Client, id: &str) -> Result<Value, Box<dyn Error>> {
    let request = json!({
        "id": id, "to": { "account": "ann" }, "template": "order_shipped",
        "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
    });
    let call = lambda.invoke().function_name("hongyan-local-send");
    let invocation = call.payload(Blob::new(request.to_string())).send().await?;
    let payload = invocation.payload().ok_or("no response")?;
    let response: Value = serde_json::from_slice(payload.as_ref())?;
    if invocation.function_error().is_some() {
        return Err(format!("{}: {}", response["errorType"], response["errorMessage"]).into());
    }
    let result = &response["notifications"][0];
    match result["outcome"].as_str() {
        Some("failed" | "no_consent" | "unreachable") => Err(result["reason"].to_string().into()),
        _ => Ok(result["outcome"].clone()),
    }
}
