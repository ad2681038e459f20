//! A function that lacks something says what, and does not start.

use crate::world::{World, order};
use futures_util::future::join_all;
use local_aws::InvokeFailure;
use local_aws::services::Fault;
use serde_json::json;
use std::time::{Duration, Instant};

/// The error that the caller gets of a function that can't start.
async fn failure(world: &World, function: &str) -> String {
    match world.invoke(function, &json!({})).await {
        Err(InvokeFailure::Failed { error, .. }) => error.to_string(),
        other => panic!("{function} started: {other:?}"),
    }
}

/// Both who invokes it and who reads its log are told.
async fn says(world: &World, function: &str, words: &[&str]) {
    let told = failure(world, function).await;
    let logged: Vec<_> =
        world.lines().into_iter().filter(|line| line.starts_with(function)).collect();
    for word in words {
        assert!(told.contains(word), "{function} doesn't tell of {word}: {told}");
        assert!(logged.iter().any(|line| line.contains(word)), "{function}: {word}: {logged:#?}");
    }
}

#[tokio::test]
async fn missing_variable_is_named() {
    let cases = [
        ("callback", "          EVENTS_TABLE: !Ref EventsTable\n", "EVENTS_TABLE"),
        ("events", "          TOKEN_FUNCTION: !Ref TokenFunction\n", "TOKEN_FUNCTION"),
        ("send", "          NOTIFICATIONS_TABLE: !Ref NotificationsTable\n", "NOTIFICATIONS_TABLE"),
        ("login", "          USERS_TABLE: !Ref UsersTable\n", "USERS_TABLE"),
        ("token", "        PARAMETER_PREFIX: !Sub /hongyan/${Stage}\n", "PARAMETER_PREFIX"),
    ];
    for (function, line, variable) in cases {
        let world = if line.contains("PREFIX") {
            // All functions of the template share it.
            let variables = format!("      Variables:\n{line}");
            World::changed(&[(&variables, "      Variables:\n        OTHER: nothing\n")]).await
        } else {
            World::changed(&[(line, "          OTHER: nothing\n")]).await
        };
        says(&world, function, &[variable, "infra/aws/template.yaml"]).await;
    }
}

#[tokio::test]
async fn invalid_timeout_factor_is_named() {
    let prefix = "        PARAMETER_PREFIX: !Sub /hongyan/${Stage}\n";
    let with_factor = format!("{prefix}        TIMEOUT_FACTOR: 0\n");
    let world = World::changed(&[(prefix, &with_factor)]).await;
    says(&world, "token", &["TIMEOUT_FACTOR", "from 1 to 60, not `0`"]).await;
}

#[tokio::test]
async fn missing_table_is_named() {
    let cases = [
        ("callback", "EVENTS_TABLE: !Ref EventsTable"),
        ("events", "MAPPINGS_TABLE: !Ref MappingsTable"),
        ("send", "NOTIFICATIONS_TABLE: !Ref NotificationsTable"),
        ("login", "USERS_TABLE: !Ref UsersTable"),
    ];
    for (function, line) in cases {
        let variable = line.split(':').next().unwrap();
        let world = World::changed(&[(line, &format!("{variable}: nowhere"))]).await;
        says(&world, function, &["nowhere", variable]).await;
    }
}

#[tokio::test]
async fn forbidden_table_is_named() {
    let world = World::start().await;
    let looked = Fault::new("dynamodb", "DescribeTimeToLive").on("hongyan-local-notifications");
    let send = world.cloud.function("send");
    let refused = looked.refuse("AccessDeniedException").by(send.clone());
    world.cloud.aws.faults.inject(refused).unwrap();
    // A schedule has started it already.
    world.cloud.kill(&send).await.unwrap();
    says(&world, "send", &["AccessDeniedException", "_TABLE)"]).await;
}

#[tokio::test]
async fn start_survives_a_transient_table_failure() {
    for trouble in ["InternalServerError", "ThrottlingException"] {
        let world = World::start().await;
        let asked = Fault::new("dynamodb", "DescribeTimeToLive").refuse(trouble);
        let asked = asked.by(world.cloud.function("callback"));
        let asked = world.cloud.aws.faults.inject(asked).unwrap();
        let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi", "MsgId": 1 });
        let pushed = json!({ "app": "shop", "message": message });
        let answer = world.wechat.push(pushed).await;
        assert_eq!(answer[0]["status"], 200, "{trouble}: {answer:?}");
        // As often as the SDK tries.
        assert_eq!(asked.fired(), 3, "{trouble}");
        let told = |line: &String| line.contains(trouble) && line.contains("EVENTS_TABLE");
        assert!(world.lines().iter().any(told), "{trouble}: {:#?}", world.lines());
    }
}

#[tokio::test]
async fn missing_parameter_is_named() {
    let cases = [("callback", "callback"), ("send", "apps"), ("events", "apps"), ("token", "apps")];
    for (function, folder) in cases {
        let world = World::changed(&[]).await;
        for app in ["shop", "shop-mini"] {
            world.aws.delete_parameter(&format!("{folder}/{app}")).await;
        }
        world.cloud.kill(&world.cloud.function(function)).await.unwrap();
        let named = format!("/hongyan/local/{folder}/{{app}}");
        says(&world, function, &[&named, "does not exist"]).await;
    }
}

#[tokio::test]
async fn forbidden_parameters_are_named() {
    let cases = [
        ("events", "          EVENTS_TABLE: !Ref EventsTable\n          USERS_TABLE"),
        ("token", "          WECHAT_URL: !Ref WeChatUrl\n      Events:\n        Refresh:"),
    ];
    for (function, from) in cases {
        let to = format!("          PARAMETER_PREFIX: /nowhere\n{from}");
        let world = World::changed(&[(from, &to)]).await;
        says(&world, function, &["/nowhere/apps", "ssm:GetParametersByPath"]).await;
    }
}

#[tokio::test]
async fn keys_are_served_before_the_first_app_exists() {
    let world = World::changed(&[]).await;
    let secret = world.cloud.aws.parameters.get("/hongyan/local/secrets/shop-mini").unwrap();
    for app in ["shop", "shop-mini"] {
        world.aws.delete_parameter(&format!("secrets/{app}")).await;
    }
    // API Gateway reads them when the stack is made, before anything is set up.
    for page in ["openid-configuration", "jwks.json"] {
        let url = world.url(&format!("/.well-known/{page}"));
        assert_eq!(world.client.get(url).send().await.unwrap().status(), 200, "{page}");
    }
    let login = json!({ "code": world.phone("ann").code("shop-mini").await });
    assert_eq!(world.log_in("shop-mini", &login).await.0, 500);
    let told = |line: &String| {
        line.starts_with("login")
            && line.contains("/hongyan/local/secrets/{app}")
            && line.contains("does not exist")
    };
    assert!(world.lines().iter().any(told), "{:#?}", world.lines());
    world.set_parameter("secrets/shop-mini", &secret);
    assert_eq!(world.log_in("shop-mini", &login).await.0, 200);
}

#[tokio::test]
async fn malformed_parameter_is_named_without_its_content() {
    // The callback function starts all the same: there are other apps.
    let cases = [
        ("callback/shop", json!({ "mode": "safe", "token": "toptoken" }), "encoding_aes_key"),
        (
            "callback/shop",
            json!({ "mode": "safe", "token": "toptoken", "aes_key": "x" }),
            "aes_key",
        ),
        ("callback/other", json!({ "mode": "plaintext", "token": "toptoken" }), "apps/other"),
    ];
    for (parameter, value, word) in cases {
        let world = World::changed(&[]).await;
        world.set_parameter(parameter, &value);
        let url = world.url("/callback/unknown");
        assert_eq!(world.client.get(url).send().await.unwrap().status(), 404);
        let told = |line: &String| line.contains(parameter) && line.contains(word);
        assert!(world.lines().iter().any(told), "{parameter}: {:#?}", world.lines());
        assert!(!world.lines().iter().any(|line| line.contains("toptoken")), "{parameter}");
    }
    let world = World::changed(&[]).await;
    for app in ["shop", "shop-mini"] {
        world.set_parameter(
            &format!("apps/{app}"),
            &json!({ "app_id": "toptoken", "kind": "pigeon" }),
        );
    }
    says(&world, "send", &["apps/shop-mini", "kind: has a value"]).await;
    assert!(!world.lines().iter().any(|line| line.contains("toptoken")));
}

#[tokio::test]
async fn unusable_app_affects_no_other() {
    let world = World::changed(&[]).await;
    world.set_parameter("apps/shop-mini", &json!({ "app_id": "toptoken", "kind": "pigeon" }));
    let mut shop = world.parameter("apps/shop");
    shop["replys"] = json!([]);
    world.set_parameter("apps/shop", &shop);
    world.token_round().await;
    world.phone("ann").follow("shop").await;
    let told = |line: &String, words: [&str; 2]| words.iter().all(|word| line.contains(word));
    for words in [["apps/shop-mini", "kind: has a value"], ["apps/shop:", "replys"]] {
        let said = world.lines().iter().any(|line| told(line, words));
        assert!(said, "{words:?}: {:#?}", world.lines());
    }
    assert!(!world.lines().iter().any(|line| line.contains("toptoken")));
}

#[tokio::test]
async fn callback_accepts_the_next_delivery_when_its_settings_are_fixed() {
    let world = World::start().await;
    let settings = world.parameter("callback/shop");
    world.set_parameter("callback/shop", &json!({ "mode": "nonsense" }));
    let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi", "MsgId": 1 });
    let push = json!({ "app": "shop", "message": message });
    let answer = world.wechat.push(push.clone()).await.remove(0);
    assert_eq!(answer["status"], 500, "WeChat must deliver it again: {answer}");

    world.set_parameter("callback/shop", &settings);
    // Another process has never seen the wrong ones.
    world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
    assert_eq!(world.wechat.push(push).await[0]["status"], 200);
    world.idle().await;
    assert_eq!(world.aws.rows("events").await.len(), 1);
}

/// Fault 62.
#[tokio::test]
async fn starting_function_reads_parameters_up_to_eight_times() {
    // No schedule may invoke it in between, after the first time.
    let world = World::changed(&[("rate(1 minute)", "rate(1 day)")]).await;
    let has_ended = |line: &String| line.starts_with("followers") && line.contains(" END ");
    world.until("the first time", || world.lines().iter().any(has_ended)).await;
    world.idle().await;
    let followers = world.cloud.function("followers");
    let throttled = |times| {
        let read = Fault::new("ssm", "*").by(followers.clone()).refuse("ThrottlingException");
        world.cloud.aws.faults.inject(read.times(times)).unwrap()
    };
    world.cloud.kill(&followers).await.unwrap();
    let all = throttled(8);
    says(&world, "followers", &["/hongyan/local/apps", "ThrottlingException"]).await;
    assert_eq!(all.fired(), 8);
    let all_but_one = throttled(7);
    let begun = Instant::now();
    world.invoke("followers", &json!({ "continue": {} })).await.unwrap();
    assert_eq!(all_but_one.fired(), 7);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// Fault 62.
#[tokio::test]
async fn each_of_many_throttled_starts_succeeds_or_logs_the_reason() {
    let (world, to) = World::with_ann().await;
    let send = world.cloud.function("send");
    world.cloud.kill(&send).await.unwrap();
    let read = Fault::new("ssm", "*").by(send).refuse("ThrottlingException");
    let throttled = world.cloud.aws.faults.inject(read.times(30)).unwrap();
    let asks = (0..20).map(async |at| {
        let request = order(&format!("order-{at}"), to.clone());
        loop {
            match world.invoke("send", &request).await {
                Ok(mut answer) => return answer["notifications"][0].take(),
                // Who had the bad luck of eight refusals; they ask again.
                Err(InvokeFailure::Failed { error, .. }) => {
                    let message = error["errorMessage"].as_str().unwrap();
                    assert!(message.contains("ThrottlingException"), "{message}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
    for report in join_all(asks).await {
        let outcome = report["outcome"].as_str().unwrap();
        assert!(outcome == "sent" || outcome == "delivered", "{report}");
    }
    world.idle().await;
    assert_eq!(throttled.fired(), 30);
    assert_eq!(world.phone("ann").screen().await.len(), 20);
    let started = world.lines().iter().filter(|line| line.contains("START (cold)")).count();
    assert!(started > 10, "only {started} processes were started");
}
