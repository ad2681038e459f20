//! `examples/protected-api`: a business's own API, which requires a session.

use crate::world::World;
use serde_json::{Value, json};

async fn orders(world: &World, token: &str) -> (u16, Value) {
    let request = world.client.get(world.url_of("protected-api", "/orders")).bearer_auth(token);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Stores an order of a person's.
pub(super) async fn order(world: &World, user: &str, number: &str) {
    let text = |text: &str| json!({ "S": text });
    let item = json!({
        "user": text(user), "number": text(number), "product": text("蓝色水壶"),
        "state": text("待发货"),
    });
    let put = json!({ "TableName": "api-local-orders", "Item": item });
    world.aws.call_service("DynamoDB_20120810.PutItem", &put).await;
}

/// Fault 73.
#[tokio::test]
async fn session_grants_access_to_own_orders_only() {
    let world = World::beside(&["protected-api"]).await;
    let ann = world.phone("ann").log_in("shop-mini").await;
    let bob = world.phone("bob").log_in("shop-mini").await;
    let user = |session: &Value| session["user"].as_str().unwrap().to_owned();
    for (session, number) in [(&ann, "10000001"), (&bob, "10000002"), (&ann, "10000003")] {
        order(&world, &user(session), number).await;
    }
    let (status, answer) = orders(&world, ann["access_token"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{answer}");
    let found = answer["orders"].as_array().unwrap().iter().map(|order| order["number"].clone());
    assert_eq!(found.collect::<Vec<_>>(), ["10000003", "10000001"]);
    let (_, answer) = orders(&world, bob["access_token"].as_str().unwrap()).await;
    let order = json!({ "number": "10000002", "product": "蓝色水壶", "state": "待发货" });
    assert_eq!(answer, json!({ "orders": [order] }));
}

#[tokio::test]
async fn request_without_session_is_rejected() {
    let world = World::beside(&["protected-api"]).await;
    let ann = world.phone("ann").log_in("shop-mini").await;
    let refused = json!({ "message": "Unauthorized" });
    for token in ["", "nonsense", ann["refresh_token"].as_str().unwrap()] {
        assert_eq!(orders(&world, token).await, (401, refused.clone()), "{token}");
    }
    // It is an API of its own: Hongyan's routes aren't here, and this one isn't there.
    let token = ann["access_token"].as_str().unwrap();
    for url in [world.url_of("protected-api", "/session"), world.url("/orders")] {
        let answer = world.client.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 404);
    }
}
