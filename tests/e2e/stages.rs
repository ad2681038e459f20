//! Two stages send through one WeChat account, as a test stage beside production does.

use crate::world::{World, order};
use serde_json::{Value, json};

/// Ann follows the shop, and both stages know it.
async fn two_stages() -> (World, World, Value) {
    let world = World::start().await;
    world.phone("ann").follow("shop").await;
    let test = world.other_stage("test").await;
    // WeChat pushes to one address, so the other stage imports its followers.
    test.invoke("followers", &json!({ "import": { "app": "shop" } })).await.unwrap();
    let ann = json!({ "app": "shop", "open_id": world.phone("ann").open_id("shop").await });
    (world, test, ann)
}

fn request_for(product: &str, to: &Value) -> Value {
    let mut request = order("order-17", to.clone());
    request["data"]["product"] = json!(product);
    request
}

/// Fault 105.
#[tokio::test]
async fn same_id_in_two_stages_is_two_messages() {
    let (world, test, ann) = two_stages().await;
    let first = world.send(&request_for("From production", &ann)).await;
    let second = test.send(&request_for("From the test", &ann)).await;
    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("sent"), &json!("sent")));
    assert_ne!(first["message_id"], second["message_id"]);
    let seen = |screen: Vec<Value>| screen.iter().map(ToString::to_string).collect::<Vec<_>>();
    let screen = seen(world.phone("ann").screen_of("template").await);
    assert_eq!(screen.len(), 2, "{screen:?}");
    for product in ["From production", "From the test"] {
        assert_eq!(screen.iter().filter(|it| it.contains(product)).count(), 1, "{screen:?}");
    }

    // In its own stage the id is still sent once.
    world.send(&request_for("From production", &ann)).await;
    test.send(&request_for("From the test", &ann)).await;
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 2);
}

/// Fault 105.
#[tokio::test]
async fn repeat_in_one_stage_is_shown_once_beside_the_other_stages_message() {
    let (world, test, ann) = two_stages().await;
    test.send(&request_for("From the test", &ann)).await;
    let path = "/cgi-bin/message/template/send";
    world.wechat.fault(json!({ "path": path, "reset": true, "after": true, "times": 3 })).await;
    let report = world.send(&request_for("From production", &ann)).await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    world.pass("order-17").await;
    world.sweep().await;
    let row = world.aws.row("notifications", "id", "order-17").await;
    assert!(["sent", "delivered"].contains(&row["status"].as_str().unwrap()), "{row}");
    assert_eq!(world.phone("ann").screen_of("template").await.len(), 2);
}
