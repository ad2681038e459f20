//! Which hosts are called, and which never.

use crate::world::{World, order};
use local_aws::InvokeFailure;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable that says where WeChat answers, as all functions have it.
const WECHAT_URL: &str = "WECHAT_URL: !Ref WeChatUrl";

#[tokio::test]
async fn next_host_is_called_when_a_host_is_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let both = format!("WECHAT_URL: !Sub \"http://{closed},${{WeChatUrl}}\"");
    let world = World::changed(&[(WECHAT_URL, &both)]).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    for id in ["order-1", "order-2", "order-3"] {
        let report = world.send(&order(id, json!({ "account": "ann" }))).await;
        assert_eq!(report["outcome"], "sent", "{report}");
    }
    assert_eq!(ann.screen().await.len(), 3);
    let told = |line: &String| line.contains("no connection to WeChat at 127.0.0.1");
    let told = |function: &str| {
        world.lines().iter().filter(|line| line.starts_with(function) && told(line)).count()
    };
    assert_eq!(told("send"), 1, "from then on it begins with the one that answers");
    assert!(told("token") >= 1 && told("login") >= 1 && told("events") >= 1);
}

/// Fault 78.
#[tokio::test]
async fn redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    std::thread::spawn(move || {
        for _ in elsewhere.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let redirect = TcpListener::bind("127.0.0.1:0").unwrap();
    let wechat = redirect.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in redirect.incoming() {
            let mut stream = stream.unwrap();
            // All that is sent fits into one packet.
            let _ = stream.read(&mut [0; 4096]);
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{address}/cgi-bin/stable_token\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let there = format!("WECHAT_URL: http://{wechat}");
    let world = World::changed(&[(WECHAT_URL, &there)]).await;
    let Err(InvokeFailure::Failed { error, .. }) = world.invoke("token", &json!({})).await else {
        panic!("a redirect is no token");
    };
    let message = error["errorMessage"].as_str().unwrap();
    assert_eq!(message.matches("302").count(), 2, "one for each app: {message}");
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}
