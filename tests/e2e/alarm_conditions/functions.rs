//! Conditions of the functions themselves, and of access tokens.

use super::{MINUTE, persist};
use crate::world::{World, order};
use local_aws::services::Fault;
use serde_json::json;
use std::time::Duration;

const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const SEND: &str = "/cgi-bin/message/template/send";

pub(super) async fn token_cannot_be_refreshed(alarms: &[&str]) -> World {
    let world = World::start().await;
    persist(&world, alarms, async || {
        // The token function looks at what is stored.
        let mut token = world.parameter("tokens/wx0000000000005a01");
        token["expires_at"] = (shared::clock::Timestamp::now().0 + 150).into();
        world.set_parameter("tokens/wx0000000000005a01", &token);
        world.cloud.kill(&world.cloud.function("token")).await.unwrap();
        world.wechat.fault(json!({ "path": STABLE_TOKEN, "times": 20, "errcode": 40125 })).await;
        let _ = world.invoke("token", &json!({})).await;
    })
    .await;
    world
}

pub(super) async fn wechat_rejects_the_address(alarms: &[&str]) -> World {
    let (world, to) = World::with_ann().await;
    persist(&world, alarms, async || {
        world.wechat.advance(7200).await;
        for path in [STABLE_TOKEN, SEND] {
            world.wechat.fault(json!({ "path": path, "times": 9, "errcode": 40164 })).await;
        }
        let mut request = order("order-1", to.clone());
        request["channels"] = json!(["template"]);
        world.send(&request).await;
        let _ = world.invoke("token", &json!({})).await;
    })
    .await;
    world
}

pub(super) async fn tokens_are_rejected_again_and_again(alarms: &[&str]) -> World {
    let (world, to) = World::with_ann().await;
    persist(&world, alarms, async || {
        for at in 0..3 {
            // Another program has replaced the token, and WeChat hands out the dead one.
            world.wechat.fault(json!({ "path": SEND, "errcode": 40001 })).await;
            world.send(&order(&format!("order-{at}"), to.clone())).await;
            // It is forced twice a minute at most.
            forget_forced_refresh(&world).await;
        }
    })
    .await;
    world
}

/// As if the last forced refresh were long ago.
async fn forget_forced_refresh(world: &World) {
    for row in world.aws.rows("notifications").await {
        let id = row["id"].as_str().unwrap();
        if id.starts_with("token_refresh#") {
            let delete =
                json!({ "TableName": "hongyan-local-notifications", "Key": { "id": { "S": id } } });
            world.aws.call_service("DynamoDB_20120810.DeleteItem", &delete).await;
        }
    }
}

pub(super) async fn passwords_are_guessed(alarms: &[&str]) -> World {
    let world = World::start().await;
    world.account("ann").await;
    let code = world.phone("ann").code("shop-mini").await;
    persist(&world, alarms, async || {
        for at in 0..50 {
            let guess =
                json!({ "code": code, "username": "ann", "password": format!("not the one {at}") });
            let (status, _) = world.log_in("shop-mini", &guess).await;
            assert!(status == 401 || status == 429, "{status}");
        }
    })
    .await;
    world
}

pub(super) async fn schedules_end(alarms: &[&str]) -> World {
    let world = World::start().await;
    let functions = ["events", "followers", "send", "token"];
    for _ in 0..4 {
        for (function, command) in functions.into_iter().zip(["sweep", "continue", "sweep", ""]) {
            let event = if command.is_empty() { json!({}) } else { json!({ (command): {} }) };
            world.invoke(function, &event).await.unwrap();
        }
        world.cloudwatch.advance(5 * MINUTE);
        for alarm in alarms {
            let has_begun = world.cloudwatch.has_begun(alarm);
            assert!(!has_begun, "{alarm} has begun while the schedule runs");
        }
    }
    world.cloudwatch.advance(10 * MINUTE);
    world
}

pub(super) async fn functions_do_not_start(alarms: &[&str]) -> World {
    let world = World::changed(&[
        ("EVENTS_TABLE: !Ref EventsTable", "EVENTS_TABLE: missing"),
        ("MAPPINGS_TABLE: !Ref MappingsTable", "MAPPINGS_TABLE: missing"),
        ("NOTIFICATIONS_TABLE: !Ref NotificationsTable", "NOTIFICATIONS_TABLE: missing"),
    ])
    .await;
    persist(&world, alarms, async || {
        for _ in 0..3 {
            post(&world, "/callback/shop").await;
            for function in ["events", "followers", "login", "send", "token"] {
                world.invoke(function, &json!({ "sweep": {} })).await.unwrap_err();
            }
        }
    })
    .await;
    world
}

async fn post(world: &World, path: &str) -> u16 {
    world.client.post(world.url(path)).body("x").send().await.unwrap().status().as_u16()
}

pub(super) async fn concurrency_is_used_up(alarms: &[&str]) -> World {
    let reserved = |condition: &str, parameter: &str| {
        format!(
            "ReservedConcurrentExecutions: !If [{condition}, !Ref {parameter}, !Ref AWS::NoValue]"
        )
    };
    let none = "ReservedConcurrentExecutions: 0";
    let mut changes: Vec<_> =
        [("LimitsCallback", "CallbackConcurrency"), ("LimitsSend", "SendConcurrency")]
            .map(|(condition, parameter)| (reserved(condition, parameter), none.to_owned()))
            .into();
    for function in ["Events", "Followers", "Login", "Token"] {
        let log = format!("LoggingConfig: {{ LogGroup: !Ref {function}Log }}");
        changes.push((log.clone(), format!("{log}\n      {none}")));
    }
    let changes: Vec<_> = changes.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let world = World::changed(&changes).await;
    world.cloud.aws.queues.send("hongyan-local-notifications", "{}".to_owned()).unwrap();
    let others: Vec<_> = alarms.iter().copied().filter(|it| *it != "QueueAgeAlarm").collect();
    persist(&world, &others, async || {
        for _ in 0..10 {
            assert_eq!(post(&world, "/callback/shop").await, 503);
            assert_eq!(post(&world, "/login/shop-mini").await, 503);
            for function in ["events", "followers", "send", "token"] {
                world.invoke(function, &json!({})).await.unwrap_err();
            }
        }
    })
    .await;
    // What is on the queue can't be taken.
    world.cloudwatch.advance(15 * MINUTE);
    world
}

/// The calls that each function waits for, and what makes it call.
pub(super) async fn aws_is_slow(alarms: &[&str]) -> World {
    let (world, to) = World::with_ann().await;
    let slow = [
        ("callback", "dynamodb", "PutItem", 3),
        ("events", "dynamodb", "*", 30),
        ("login", "dynamodb", "*", 10),
        ("send", "dynamodb", "*", 50),
        ("token", "ssm", "*", 20),
    ];
    persist(&world, alarms, async || {
        for (function, service, operation, seconds) in slow {
            let name = world.cloud.function(function);
            let fault = Fault::new(service, operation).by(name).hold().times(1);
            let held = world.cloud.aws.faults.inject(fault).unwrap();
            let invoked = async {
                match function {
                    "callback" => world.phone("ann").message("shop", "hello").await,
                    "login" => drop(world.phone("bob").log_in("shop-mini").await),
                    "send" => drop(world.invoke("send", &order("order-1", to.clone())).await),
                    "events" => drop(world.invoke("events", &json!({ "sweep": {} })).await),
                    _ => drop(world.invoke("token", &json!({})).await),
                }
            };
            let passes = async {
                held.holds(1).await;
                world.cloudwatch.advance(Duration::from_secs(seconds));
                held.cancel();
            };
            tokio::join!(invoked, passes);
        }
    })
    .await;
    world
}
