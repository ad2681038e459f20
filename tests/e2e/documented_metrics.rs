//! The metrics that are promised of sending.

use crate::world::{World, order};
use serde_json::{Value, json};

const PAGES: [&str; 2] =
    [include_str!("../../docs/sending.md"), include_str!("../../docs/sending.zh-CN.md")];
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

/// The metrics of a page's table, each with its dimensions.
fn promised(page: &str) -> Vec<(Vec<&str>, Vec<&str>)> {
    let table = &page[page.find("| `notifications` | ").unwrap()..];
    table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let mut cells = row.trim_matches('|').split(" | ");
            let mut names = || cells.next().unwrap().split('`').skip(1).step_by(2).collect();
            (names(), names())
        })
        .collect()
}

#[test]
fn documents_list_the_same_metrics() {
    assert_eq!(promised(PAGES[0]), promised(PAGES[1]));
    assert_eq!(promised(PAGES[0]).len(), 19);
}

#[tokio::test]
async fn documented_send_metrics_are_emitted() {
    let (world, to) = World::with_ann().await;
    let through = |id: &str, channel: &str| {
        let mut request = order(id, to.clone());
        request["channels"] = json!([channel]);
        request
    };
    let fault = async |fault: Value| world.wechat.fault(fault).await;
    world.queue(&through("order-1", "template")).await;
    for _ in 0..2 {
        world.phone("ann").consent("shop-mini", "order_shipped", true).await;
    }
    fault(json!({ "path": SUBSCRIBE_SEND, "errcode": 43101 })).await;
    assert_eq!(world.send(&through("order-2", "subscribe")).await["outcome"], "no_consent");
    fault(json!({ "path": SUBSCRIBE_SEND, "errcode": -1 })).await;
    world.phone("ann").consent("shop-mini", "order_shipped", true).await;
    assert_eq!(world.send(&through("order-3", "subscribe")).await["outcome"], "ambiguous");
    fault(json!({ "path": "/cgi-bin/message/template/send", "errcode": 45011 })).await;
    assert_eq!(world.send(&through("order-4", "template")).await["outcome"], "retrying");
    world.pass("order-4").await;
    world.sweep().await;
    world.invoke("events", &json!({ "sweep": {} })).await.unwrap();

    // A receipt that settles, tokens and events in trouble, are scenarios of their own.
    let elsewhere = [
        "ambiguous_resolved",
        "unknown_answers",
        "unknown_codes",
        "due_rows_unreadable",
        "pushes_rejected",
        "token_failed",
        "token_forced_refreshes",
        "events_failed",
        "events_quarantined",
    ];
    for (names, dimensions) in promised(PAGES[0]) {
        for name in names.into_iter().filter(|name| !elsewhere.contains(name)) {
            let found = world.metrics(name);
            let first = found.first().unwrap_or_else(|| panic!("{name} was not measured"));
            for dimension in &dimensions {
                first.dimension(dimension);
            }
        }
    }
    let refused = world.metrics("notifications");
    let refused = refused.iter().find(|one| one.dimension("code") == "43101").unwrap();
    assert_eq!(refused.dimension("channel"), "subscribe");
    assert_eq!((refused.dimension("outcome"), refused.value), ("no_consent", 1));
    assert_eq!(world.metrics("consent_drift")[0].dimension("app"), "shop-mini");
    let receipts = world.metrics("receipts");
    assert!(receipts.iter().all(|it| it.dimension("outcome") == "delivered"), "{receipts:?}");
    assert_eq!(receipts[0].dimension("app"), "shop");
}
