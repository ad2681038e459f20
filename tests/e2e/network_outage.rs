//! The way to WeChat is cut off, as when a NAT gateway is down: WeChat still reaches us.

use crate::world::{World, order};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The way from the functions to WeChat.
struct Way {
    door: SocketAddr,
    open: JoinSet<()>,
}

impl Way {
    /// Leads there from now on.
    async fn open(&mut self, listener: Option<TcpListener>, wechat: SocketAddr) {
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind(self.door).await.unwrap(),
        };
        self.open.spawn(async move {
            // Who closes the way ends those who are under way.
            let mut travellers = JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                travellers.spawn(async move {
                    let mut there = TcpStream::connect(wechat).await?;
                    tokio::io::copy_bidirectional(&mut here, &mut there).await
                });
            }
        });
    }

    /// Refuses new connections, and closes those that are open.
    async fn close(&mut self) {
        self.open.shutdown().await;
    }
}

/// Makes everything due that waits, and lets the rounds of a minute come by.
async fn a_minute_later(world: &World, sends: &[String]) {
    for id in sends {
        world.pass(id).await;
    }
    let event = world.aws.row("events", "kind", "subscribe").await;
    let update = json!({
        "TableName": "hongyan-local-events",
        "Key": { "user": { "S": event["user"] }, "event": { "S": event["event"] } },
        "UpdateExpression": "SET due_at = :past",
        "ExpressionAttributeValues": { ":past": { "N": "1" } },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
    world.token_round().await;
    world.invoke("events", &json!({ "sweep": {} })).await.unwrap();
    world.sweep().await;
}

/// Fault 61b.
#[tokio::test]
async fn pushes_are_accepted_and_sends_wait_while_wechat_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = listener.local_addr().unwrap();
    let mut way = Way { door, open: JoinSet::new() };
    let there = format!("WECHAT_URL: http://{door}");
    let world = World::changed(&[("WECHAT_URL: !Ref WeChatUrl", &there)]).await;
    let wechat = world.cloud.wechat();
    way.open(Some(listener), wechat).await;
    world.token_round().await;
    world.account("ann").await;
    let ann = world.phone("ann");
    ann.message("shop-mini", "hello").await;
    let to = json!({ "app": "shop", "open_id": ann.open_id("shop").await });
    world.wechat.post("people/ann/follow", &json!({ "app": "shop", "silently": true })).await;

    way.close().await;
    let ids: Vec<_> = (0..3).map(|at| format!("order-{at}")).collect();
    let requests: Vec<Value> = ids.iter().map(|id| order(id, to.clone())).collect();
    for report in world.send_at_once(&requests).await {
        assert_eq!(report["outcome"], "retrying", "{report}");
    }
    world.invoke("token", &json!({})).await.unwrap_err();
    // What they do is taken at once: their phones assert that.
    ann.message("shop", "Where is my kettle?").await;
    world.phone("carol").follow("shop").await;
    let waiting = world.aws.row("events", "kind", "subscribe").await;
    assert!(waiting["applied_at"].is_null(), "who that is can't be asked: {waiting}");
    assert!(ann.screen_of("template").await.is_empty());

    way.open(None, wechat).await;
    a_minute_later(&world, &ids).await;
    assert_eq!(ann.screen_of("template").await.len(), 3);
    let applied = world.aws.row("events", "kind", "subscribe").await;
    assert!(applied["applied_at"].is_number(), "{applied}");
    for request in &requests {
        assert_eq!(world.send(request).await["outcome"], "delivered");
    }
    assert_eq!(ann.screen_of("template").await.len(), 3);
}
