//! A business's own function behind Hongyan's authorizer: it greets the user whose id
//! API Gateway passes, and needs nothing else of Hongyan.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| respond(&event.payload))).await
}

fn respond(event: &Value) -> Result<Value, Error> {
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    let user = claims["sub"].as_str().ok_or("this route has no authorizer")?;
    Ok(json!({ "statusCode": 200, "body": format!("Hello, {user}") }))
}
