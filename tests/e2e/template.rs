//! The cloud is what the template says.

use crate::world::{World, order};
use serde_json::{Value, json};
use shared::clock::Timestamp;

#[tokio::test]
async fn routes_follow_the_template() {
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
async fn table_names_follow_the_template() {
    let world = World::changed(&[
        ("hongyan-${Stage}-users", "people-of-${Stage}"),
        ("-mappings\n", "-ways\n"),
    ])
    .await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let rows = world.aws.rows_of("people-of-local").await;
    assert_eq!(rows.len(), 3, "a profile, a window, and the time of the last push");
    assert_eq!(world.aws.rows_of("hongyan-local-ways").await.len(), 1);
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "sent");
}

#[tokio::test]
async fn schedules_follow_the_template() {
    let refresh = "survives an outage of 240.\n            ScheduleExpression: rate(1 minute)\n";
    let only_mini = format!(
        "{refresh}            Input: '{{\"app_id\": \"wx0000000000005a02\", \"rejected_generation\": null}}'\n"
    );
    let world = World::changed(&[(refresh, &only_mini)]).await;
    let token =
        |app_id: &str| world.cloud.aws.parameters.get(&format!("/hongyan/local/tokens/{app_id}"));
    world.until("the schedule has fired", || token("wx0000000000005a02").is_some()).await;
    world.idle().await;
    assert_eq!(token("wx0000000000005a01"), None, "the schedule asked for the other one only");
}

#[tokio::test]
async fn stage_is_part_of_every_name() {
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

#[tokio::test]
async fn cors_allows_configured_origins_only() {
    let shop = "https://shop.example.com";
    let origins = "AllowedOrigins:\n    Type: CommaDelimitedList\n    Default: \"\"";
    let named = origins.replace("\"\"", &format!("\"https://other.example, {shop}\""));
    let worlds =
        [(World::start().await, None), (World::changed(&[(origins, &named)]).await, Some(shop))];
    for (world, allowed) in worlds {
        let url = world.url("/session");
        let preflight = world.client.request(reqwest::Method::OPTIONS, &url);
        let preflight = preflight
            .header("origin", shop)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        // It carries no token, and needs none.
        let preflight = preflight.send().await.unwrap();
        let answer = world.client.get(&url).header("origin", shop).send().await.unwrap();
        assert_eq!(answer.status(), if allowed.is_some() { 401 } else { 403 });
        let told = |answer: &reqwest::Response| {
            let headers = answer.headers().get("access-control-allow-origin");
            headers.map(|origin| origin.to_str().unwrap().to_owned())
        };
        assert_eq!(preflight.status(), if allowed.is_some() { 204 } else { 403 });
        for answer in [preflight, answer] {
            assert_eq!(told(&answer).as_deref(), allowed, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn routes_throttle_as_the_template_says() {
    let all = "POST /session/revoke: { ThrottlingRateLimit: !Ref DefaultRate, ThrottlingBurstLimit: !Ref DefaultBurst }";
    let few = "POST /session/revoke: { ThrottlingRateLimit: 0.01, ThrottlingBurstLimit: 3 }";
    let world = World::changed(&[(all, few)]).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let request = world.client.post(world.url("/session/revoke"));
        let answer = request.json(&json!({ "refresh_token": "any" })).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let code = world.phone("ann").code("shop-mini").await;
    assert_eq!(world.log_in("shop-mini", &json!({ "code": code })).await.0, 200);
}

#[tokio::test]
async fn retention_follows_the_template() {
    let days = "Default: 30\n    MinValue: 15";
    let world = World::changed(&[(days, "Default: 15\n    MinValue: 15")]).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "sent");
    world.idle().await;
    let now = Timestamp::now().0;
    let around = now + 15 * 24 * 3600 - 60..=now + 15 * 24 * 3600;
    for row in [world.aws.rows("events").await, world.aws.rows("notifications").await].concat() {
        // How often a token was forced is another matter.
        if row["id"].as_str().is_some_and(|id| id.starts_with("token_refresh#")) {
            continue;
        }
        assert!(around.contains(&row["expires"].as_u64().unwrap()), "{row}");
    }
    assert_eq!(world.aws.rows("events").await.len(), 2, "she followed, and it was delivered");
}

#[tokio::test]
async fn log_level_follows_the_template_and_metrics_ignore_it() {
    let world = World::logging_from("ERROR").await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    assert_eq!(world.send(&request).await["outcome"], "sent");
    let lines = world.lines();
    let told: Vec<_> =
        lines.iter().filter(|line| line.contains("order-1") || line.contains("INFO")).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert_eq!(world.metrics("notifications").len(), 1);
}

#[tokio::test]
async fn tables_are_protected_and_the_parameter_locates_the_stack() {
    let world = World::start().await;
    let described = json!({ "TableName": "hongyan-local-users" });
    let table = world.aws.call_service("DynamoDB_20120810.DescribeTable", &described).await;
    assert_eq!(table["Table"]["DeletionProtectionEnabled"], true, "{table}");
    let name = json!({ "Name": "/hongyan/local/deployment" });
    let found = world.aws.call_service("AmazonSSM.GetParameter", &name).await;
    assert_eq!(found["Parameter"]["Type"], "String");
    let value = found["Parameter"]["Value"].as_str().unwrap();
    let value: Value = serde_json::from_str(value).unwrap();
    assert_eq!(value["api"], world.url(""));
    assert_eq!(value["addresses"], json!([]));
}
