//! A function of somebody's own behind the same authorizer: it greets whoever has
//! a session, by the id that API Gateway tells it, and needs nothing of Hongyan.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| greet(&event.payload))).await
}

fn greet(event: &Value) -> Result<Value, Error> {
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    let user = claims["sub"].as_str().ok_or("this route has no authorizer")?;
    Ok(json!({ "statusCode": 200, "body": format!("Hello, {user}") }))
}
