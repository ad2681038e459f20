//! A function that does as its event says.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::args_os().next().is_some_and(|name| Path::new(&name).ends_with("broken")) {
        print("the table NO_SUCH_TABLE is missing");
        std::process::exit(3);
    }
    if std::env::args_os().next().is_some_and(|name| Path::new(&name).ends_with("mute")) {
        std::thread::sleep(Duration::from_secs(600));
    }
    print("ready");
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = (event.payload, event.context);
    // A pipe brings a list, and takes one.
    if let Some(records) = payload.as_array() {
        return Ok(records.iter().map(|record| json!({ "record": record })).collect());
    }
    // The HTTP API brings what it should do in the body.
    let body = payload["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
    let event = body.unwrap_or_else(|| payload.clone());
    if let Some(text) = event["print"].as_str() {
        print(text);
    }
    // Tells that it has begun, by a file that says who.
    if let Some(path) = event["touch"].as_str() {
        let new = format!("{path}.new");
        std::fs::write(&new, std::process::id().to_string())?;
        std::fs::rename(new, path)?;
    }
    if let Some(code) = event["exit"].as_i64() {
        std::process::exit(i32::try_from(code)?);
    }
    if let Some(id) = event["put"].as_str() {
        put(id)?;
    }
    if event["stuck"] == true {
        std::thread::sleep(Duration::from_secs(600));
    }
    if let Some(path) = event["until"].as_str() {
        while !Path::new(path).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    if let Some(message) = event["fail"].as_str() {
        return Err(message.into());
    }
    if payload.get("routeKey").is_some() {
        return Ok(json!({ "statusCode": 200, "body": payload.to_string() }));
    }
    let environment: serde_json::Map<String, Value> =
        std::env::vars().map(|(name, value)| (name, value.into())).collect();
    Ok(json!({
        "process": std::process::id(),
        "environment": environment,
        "deadline": context.deadline,
        "arn": context.invoked_function_arn,
        "event": event,
    }))
}

/// Puts an item in the table `rows`, as an SDK would.
fn put(id: &str) -> Result<(), Error> {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    let address = variables["AWS_ENDPOINT_URL"].replace("http://", "");
    let key = &variables["AWS_ACCESS_KEY_ID"];
    let body = json!({ "TableName": "rows", "Item": { "id": { "S": id } } }).to_string();
    let mut socket = TcpStream::connect(address)?;
    write!(
        socket,
        "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20261120T000000Z\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = [0; "HTTP/1.1 200".len()];
    socket.read_exact(&mut answer)?;
    if answer != *b"HTTP/1.1 200" {
        return Err(format!("it isn't put: {}", String::from_utf8_lossy(&answer)).into());
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a function prints is its log")]
fn print(text: &str) {
    println!("{text}");
}
