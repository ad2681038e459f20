//! What the log and the metrics contain of a notification: its outcome, and
//! never whose it was.

use crate::world::{World, order};
use serde_json::{Value, json};
use shared::clock::Timestamp;

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

/// The functions log as they do on AWS.
const AS_ON_AWS: (&str, &str) = (
    "        PARAMETER_PREFIX: !Sub /hongyan/${Stage}\n",
    "        PARAMETER_PREFIX: !Sub /hongyan/${Stage}\n        AWS_LAMBDA_LOG_FORMAT: JSON\n",
);

async fn world() -> World {
    let world = World::changed(&[AS_ON_AWS]).await;
    world.token_round().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    ann.follow("shop").await;
    ann.log_in("shop-mini").await;
    bob.log_in("shop-mini").await;
    world
}

fn to(account: &str) -> Value {
    json!({ "account": account })
}

fn only(channel: &str, mut request: Value) -> Value {
    request["channels"] = json!([channel]);
    request
}

/// The lines that tell how an attempt at this notification ended, oldest first.
fn lines(world: &World, id: &str) -> Vec<Value> {
    let lines = world.lines();
    let documents = lines.iter().filter(|line| line.starts_with("send"));
    let documents = documents.filter_map(|line| line.find('{').map(|at| &line[at..]));
    let documents = documents.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    documents.filter(|fields| fields["id"] == id && fields.get("attempt").is_some()).collect()
}

/// The one line of a notification, and its parts that name something.
fn line(world: &World, id: &str) -> Value {
    let mut found = lines(world, id);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// Each of these fields of a line says this.
fn says(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name} of {line}");
    }
}

#[tokio::test]
async fn each_attempt_logs_one_line_with_its_outcome() {
    let world = world().await;
    let bob = world.phone("bob");
    world.send(&order("sent", to("ann"))).await;
    says(
        &line(&world, "sent"),
        &json!({
            "level": "INFO", "attempt": 1, "template": "order_shipped", "outcome": "sent",
            "channel": "template", "app": "shop",
        }),
    );
    assert!(line(&world, "sent").get("code").is_none_or(Value::is_null));

    // Refused, and passed on.
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 47003 })).await;
    let report = world.send(&only("template", order("refused", to("ann")))).await;
    let rid = report["skipped"][0]["rid"].clone();
    assert!(rid.is_string(), "{report}");
    says(
        &line(&world, "refused"),
        &json!({
            "level": "WARN", "outcome": "failed", "channel": "template", "app": "shop", "code": 47003,
            "rid": rid,
        }),
    );
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 43004 })).await;
    let report = world.send(&order("passed-on", to("ann"))).await;
    assert_eq!(report["channel"], "customer_service", "{report}");
    let passed_on = line(&world, "passed-on");
    says(&passed_on, &json!({ "outcome": "sent", "channel": "customer_service", "app": "shop" }));
    let skipped = passed_on["skipped"].as_str().unwrap();
    assert!(skipped.contains("template of shop: 43004"), "{passed_on}");

    assert_eq!(passed_on["level"], "INFO", "no operator can do anything about it");

    // An operator has to fix an error of ours, though the message has arrived.
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 47003 })).await;
    let report = world.send(&order("fix-me", to("ann"))).await;
    assert_eq!(report["channel"], "customer_service", "{report}");
    says(&line(&world, "fix-me"), &json!({ "level": "WARN", "outcome": "sent" }));

    // An unknown person, and one without consent.
    world.send(&order("unknown", to("unknown"))).await;
    says(&line(&world, "unknown"), &json!({ "outcome": "unreachable", "attempt": 1 }));
    world.send(&only("subscribe", order("unasked", to("bob")))).await;
    says(
        &line(&world, "unasked"),
        &json!({ "outcome": "no_consent", "channel": "subscribe", "app": "shop-mini" }),
    );

    // In doubt.
    bob.consent("shop-mini", "order_shipped", true).await;
    world.wechat.fault(json!({ "path": SUBSCRIBE_SEND, "errcode": -1 })).await;
    world.send(&order("doubtful", to("bob"))).await;
    says(
        &line(&world, "doubtful"),
        &json!({
            "level": "WARN", "outcome": "ambiguous", "channel": "subscribe", "app": "shop-mini", "code": -1,
        }),
    );
    // A dry run is no attempt, nor is asking again.
    let mut dry = order("dry", to("ann"));
    dry["dry_run"] = true.into();
    world.send(&dry).await;
    world.send(&order("sent", to("ann"))).await;
    assert!(lines(&world, "dry").is_empty());
    assert_eq!(lines(&world, "sent").len(), 1);
}

#[tokio::test]
async fn attempts_are_numbered() {
    let world = world().await;
    let request = order("order-1", to("ann"));
    for _ in 0..2 {
        world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 40164 })).await;
        assert_eq!(world.send(&request).await["outcome"], "retrying");
        for attribute in ["retry_at", "due_at"] {
            world.aws.set_time("order-1", attribute, 0).await;
        }
    }
    world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    world.idle().await;
    let told: Vec<_> = lines(&world, "order-1")
        .into_iter()
        .map(|line| (line["attempt"].clone(), line["outcome"].clone(), line["code"].clone()))
        .collect();
    let expected =
        [(1, "retrying", json!(40164)), (2, "retrying", json!(40164)), (3, "sent", Value::Null)];
    assert_eq!(
        told,
        expected.map(|(attempt, outcome, code)| (json!(attempt), json!(outcome), code))
    );
}

#[tokio::test]
async fn abandoned_attempt_is_logged_with_template_and_app() {
    let world = world().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    // The function dies while WeChat is at it.
    world.wechat.fault(json!({ "path": SUBSCRIBE_SEND, "delay_ms": 3000 })).await;
    let request = order("order-1", to("bob"));
    let send = world.invoke("send", &request);
    let kill = async {
        while world.wechat.calls(SUBSCRIBE_SEND).await.is_empty() {
            tokio::task::yield_now().await;
        }
        world.cloud.kill(&world.cloud.function("send")).await.unwrap();
    };
    let (died, _) = tokio::join!(send, kill);
    assert!(died.is_err());
    for attribute in ["lease_until", "due_at"] {
        world.aws.set_time("order-1", attribute, 0).await;
    }
    world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    world.idle().await;
    let found = lines(&world, "order-1");
    assert!(!found.is_empty());
    says(
        &found[0],
        &json!({
            "outcome": "ambiguous", "template": "order_shipped", "channel": "subscribe", "app": "shop-mini",
        }),
    );
    assert_eq!(world.metrics("ambiguous")[0].dimension("app"), "shop-mini");
}

#[tokio::test]
async fn log_and_metrics_contain_no_recipient() {
    let world = world().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    bob.consent("shop-mini", "order_shipped", true).await;
    let recipients = json!([
        to("ann"), to("bob"), { "union_id": ann.union_id().await },
        { "app": "shop", "open_id": ann.open_id("shop").await },
        { "app": "shop-mini", "open_id": bob.open_id("shop-mini").await },
    ]);
    let codes = [0, -1, 40001, 40003, 43004, 43101, 45009, 45015, 47003, 48001];
    for (at, errcode) in codes.into_iter().enumerate() {
        if errcode != 0 {
            let fault = json!({ "path": "/cgi-bin/message/*", "errcode": errcode, "times": 2 });
            world.wechat.fault(fault).await;
        }
        world.send_to_several(&order(&format!("sale-{at}"), recipients.clone())).await;
        world.wechat.heal().await;
    }
    world.invoke("send", &json!({ "remaining": { "to": recipients[2] } })).await.unwrap();
    let mut scheduled = order("later", recipients);
    scheduled["send_at"] = (Timestamp::now().0 + 3600).into();
    world.send_to_several(&scheduled).await;
    world.invoke("send", &json!({ "cancel": { "id": "later#0" } })).await.unwrap();
    world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    let mut hidden = vec!["Blue kettle".to_owned(), "15:04".to_owned()];
    for phone in [ann, bob] {
        hidden.extend([
            phone.open_id("shop").await,
            phone.open_id("shop-mini").await,
            phone.union_id().await,
        ]);
    }
    for app_id in ["wx0000000000005a01", "wx0000000000005a02"] {
        let token = world.parameter(&format!("tokens/{app_id}"))["token"].clone();
        hidden.push(token.as_str().unwrap().to_owned());
    }
    assert!(!world.metrics("notifications").is_empty());
    let lines = world.lines();
    for value in hidden {
        let betrayed: Vec<_> = lines.iter().filter(|line| line.contains(&value)).collect();
        assert!(betrayed.is_empty(), "{value} is in the log: {betrayed:#?}");
    }
}

#[tokio::test]
async fn outcomes_are_counted_by_channel_and_code() {
    let world = world().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    world.send(&order("a", to("ann"))).await;
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 47003 })).await;
    world.send(&only("template", order("b", to("ann")))).await;
    world.send(&order("c", to("unknown"))).await;
    world.wechat.fault(json!({ "path": SUBSCRIBE_SEND, "errcode": -1 })).await;
    world.send(&order("d", to("bob"))).await;
    let mut scheduled = order("e", to("ann"));
    scheduled["send_at"] = (Timestamp::now().0 + 3600).into();
    world.send(&scheduled).await;
    let counted: Vec<_> = world
        .metrics("notifications")
        .iter()
        .map(|metric| {
            let of =
                ["outcome", "channel", "app", "code"].map(|name| metric.dimension(name).to_owned());
            assert_eq!(metric.value, 1);
            of.join(" ")
        })
        .collect();
    let last = "unreachable customer_service shop none";
    assert_eq!(
        counted,
        [
            "sent template shop none",
            "failed template shop 47003",
            last,
            "ambiguous subscribe shop-mini -1",
            "scheduled none none none",
        ]
    );
    let ambiguous = world.metrics("ambiguous");
    assert_eq!((ambiguous.len(), ambiguous[0].dimension("app")), (1, "shop-mini"));
}

#[tokio::test]
async fn latency_of_wechat_is_measured() {
    let world = world().await;
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "delay_ms": 700 })).await;
    world.send(&order("slow", to("ann"))).await;
    world.send(&order("fast", to("ann"))).await;
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 47003 })).await;
    world.send(&only("template", order("refused", to("ann")))).await;
    let took = world.metrics("wechat_latency");
    assert_eq!(took.len(), 3, "refusals as well: {took:?}");
    assert!((700..4000).contains(&took[0].value), "{took:?}");
    assert!(took[1].value < 700, "{took:?}");
    for metric in &took {
        assert_eq!((metric.dimension("app"), metric.dimension("api")), ("shop", TEMPLATE_SEND));
    }
}

/// Fault 48.
#[tokio::test]
async fn consent_drift_is_counted_once() {
    let world = world().await;
    let bob = world.phone("bob");
    bob.consent("shop-mini", "order_shipped", true).await;
    world.wechat.fault(json!({ "path": SUBSCRIBE_SEND, "errcode": 43101 })).await;
    for id in ["a", "b"] {
        assert_eq!(world.send(&order(id, to("bob"))).await["outcome"], "no_consent");
    }
    let drift = world.metrics("consent_drift");
    assert_eq!(drift.len(), 1, "{drift:?}");
    assert_eq!((drift[0].value, drift[0].dimension("app")), (1, "shop-mini"));
}

#[tokio::test]
async fn age_of_a_queued_request_is_measured() {
    let world = world().await;
    let sent = (Timestamp::now().0 - 90) * 1000;
    let record = |id: &str, sent: u64| {
        json!({
            "messageId": id, "body": order(id, to("ann")).to_string(),
            "attributes": { "SentTimestamp": sent.to_string() },
        })
    };
    let batch = json!({ "Records": [record("a", sent + 60_000), record("b", sent)] });
    world.invoke("send", &batch).await.unwrap();
    let age = world.metrics("queue_message_age_seconds");
    assert_eq!(age.len(), 1, "one for each batch, the oldest: {age:?}");
    assert!((90..100).contains(&age[0].value), "{age:?}");
    world.queue(&order("c", to("ann"))).await;
    let age = world.metrics("queue_message_age_seconds");
    assert!(age.len() == 2 && age[1].value < 30, "{age:?}");
}

#[tokio::test]
async fn lag_of_the_sweep_is_measured() {
    let world = world().await;
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 40164 })).await;
    world.send(&order("order-1", to("ann"))).await;
    let long_ago = Timestamp::now().0 - 300;
    for attribute in ["retry_at", "due_at"] {
        world.aws.set_time("order-1", attribute, long_ago).await;
    }
    assert!(world.metrics("retry_lag_seconds").is_empty());
    world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
    let age = world.metrics("retry_lag_seconds");
    assert_eq!(age.len(), 1, "{age:?}");
    assert!((300..310).contains(&age[0].value), "{age:?}");
}
