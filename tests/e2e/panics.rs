//! A panic's location is logged, and its message is not.

use crate::binaries;
use crate::world::World;
use local_aws::InvokeFailure;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use tokio::process::Command;

/// What the panics of these tests say, in part.
const WORDS: [&str; 5] = ["panicked at", "secret-version", "NotUnicode", "unwrap()", "InvalidPort"];

/// The log has the location, in this crate, and no message.
fn says_where(log: &str, krate: &str, answer: &str) {
    let place = |line: &str| {
        line.contains("the function panicked (") && line.contains(krate) && line.contains(".rs:")
    };
    assert!(log.lines().any(place), "{log}");
    for words in WORDS {
        assert!(!answer.contains(words) && !log.contains(words), "{words}: {answer}\n{log}");
    }
}

/// The environment of a process that runs this function.
fn environment(world: &World, function: &str) -> Vec<(OsString, OsString)> {
    let runs = |id: &u32| {
        let program = fs::read_link(format!("/proc/{id}/exe"));
        program.is_ok_and(|program| program.file_name() == Some(OsStr::new(function)))
    };
    let process = world.cloud.processes().into_iter().find(runs).unwrap();
    let variables = fs::read(format!("/proc/{process}/environ")).unwrap();
    let variables = variables.split(|byte| *byte == 0).filter_map(|variable| {
        let end = variable.iter().position(|byte| *byte == b'=')?;
        let text = |bytes| OsStr::from_bytes(bytes).to_owned();
        Some((text(&variable[..end]), text(&variable[end + 1..])))
    });
    variables.collect()
}

/// Fault 76.
#[tokio::test]
async fn every_function_logs_where_it_panicked_without_the_message() {
    let world = World::start().await;
    for function in ["callback", "events", "followers", "login", "send", "token"] {
        // Now there is a process of it, whatever it says.
        let _ = world.cloud.invoke(&world.cloud.function(function), &json!({})).await;
        let mut command = Command::new(binaries::folder().join(function));
        command.env_clear().envs(environment(&world, function)).kill_on_drop(true);
        // Lambda's runtime expects a text, and quotes what it finds.
        command.env("AWS_LAMBDA_FUNCTION_VERSION", OsStr::from_bytes(b"secret-version\xff"));
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(101), "{function}: {output:?}");
        let log = [output.stdout, output.stderr].concat();
        says_where(&String::from_utf8_lossy(&log), "/lambda_runtime-", "");
    }
}

/// An HTTP request to a host that has no such port: `lambda_http` doesn't expect it.
fn to_nowhere(function: &str) -> Value {
    let path = format!("/{function}/shop");
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": { "host": "localhost:port" }, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "localhost",
            "domainPrefix": "localhost", "requestId": "1", "routeKey": "$default",
            "stage": "$default", "time": "21/Nov/2026:00:00:00 +0000", "timeEpoch": 0,
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "",
            },
        },
    })
}

/// Fault 76.
#[tokio::test]
async fn response_does_not_contain_the_panic_message() {
    let world = World::start().await;
    for function in ["callback", "login"] {
        let failed = world.invoke(function, &to_nowhere(function)).await;
        let Err(InvokeFailure::Failed { error, .. }) = failed else { panic!("{failed:?}") };
        let answer = error.to_string();
        assert!(
            answer.contains("internal error; this function's log has the location"),
            "{answer}"
        );
        let lines = world.lines().into_iter().filter(|line| line.starts_with(function));
        says_where(&lines.collect::<Vec<_>>().join("\n"), "/lambda_http-", &answer);
    }
    // It continues all the same.
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
}
