//! The cloud is what the template says.

use crate::world::{World, order};
use serde_json::json;

#[tokio::test]
async fn a_route_follows_the_template() {
    let world = World::changed(&[("POST /login/{app}", "POST /sign-in/{app}")]).await;
    let code = world.phone("ann").code("shop-mini").await;
    let post = async |path: &str| {
        let request = world.client.post(world.url(path)).json(&json!({ "code": code }));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("/login/shop-mini").await, 404);
    assert_eq!(post("/sign-in/shop-mini").await, 200);
}

#[tokio::test]
async fn a_tables_name_follows_the_template() {
    let world = World::changed(&[
        ("hongyan-${Stage}-users", "people-of-${Stage}"),
        ("-mappings\n", "-ways\n"),
    ])
    .await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    assert_eq!(world.aws.rows_of("people-of-local").await.len(), 2, "a profile and a window");
    assert_eq!(world.aws.rows_of("hongyan-local-ways").await.len(), 1);
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "sent");
}

#[tokio::test]
async fn a_schedule_follows_the_template() {
    let refresh = "survives an outage of 240.\n            ScheduleExpression: rate(1 minute)\n";
    let only_mini = format!(
        "{refresh}            Input: '{{\"app_id\": \"wx0000000000005a02\", \"dead_generation\": null}}'\n"
    );
    let world = World::changed(&[(refresh, &only_mini)]).await;
    let token =
        |app_id: &str| world.cloud.aws.parameters.get(&format!("/hongyan/local/tokens/{app_id}"));
    world.until("the schedule has fired", || token("wx0000000000005a02").is_some()).await;
    world.idle().await;
    assert_eq!(token("wx0000000000005a01"), None, "the schedule asked for the other one only");
}

#[tokio::test]
async fn a_stage_is_part_of_every_name() {
    let world = World::changed(&[("hongyan-${Stage}", "geese-${Stage}")]).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let mut request = order("order-1", json!({ "union_id": ann.union_id().await }));
    let answer = world.cloud.invoke("geese-local-send", &request).await.unwrap();
    assert_eq!(answer["notifications"][0]["outcome"], "sent");
    request["id"] = "order-2".into();
    world.cloud.aws.queues.send("geese-local-notifications", request.to_string()).unwrap();
    world.idle().await;
    assert_eq!(ann.screen().await.len(), 2);
    assert_eq!(world.aws.rows_of("geese-local-events").await.len(), 3);
}
