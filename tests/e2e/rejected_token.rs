//! An access token dies under many who use it, and one replaces it.

use crate::world::{World, order};
use local_aws::InvokeFailure;
use local_aws::services::{Fault, FaultHandle};
use serde_json::{Value, json};

const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const SEND: &str = "/cgi-bin/message/template/send";
const APP_ID: &str = "wx0000000000005a01";
const SHOP: &str = "tokens/wx0000000000005a01";
const MINI: &str = "tokens/wx0000000000005a02";

/// A world in which ann follows and can be sent to, with no call on record.
async fn ann_follows() -> (World, Value) {
    let world = World::start().await;
    world.phone("ann").follow("shop").await;
    let to = json!({ "union_id": world.phone("ann").union_id().await });
    world.wechat.forget_calls().await;
    (world, to)
}

fn orders(name: &str, number: usize, to: &Value) -> Vec<Value> {
    (0..number).map(|at| order(&format!("{name}-{at}"), to.clone())).collect()
}

/// Whether each call for the shop's token was a forced one.
async fn forced(world: &World) -> Vec<bool> {
    let calls = world.wechat.calls(STABLE_TOKEN).await;
    let calls = calls.iter().map(|call| &call["body"]).filter(|body| body["appid"] == APP_ID);
    calls.map(|body| body["force_refresh"].as_bool().unwrap()).collect()
}

fn given(world: &World, fault: Fault) -> FaultHandle {
    world.cloud.aws.faults.inject(fault).unwrap()
}

/// What the token function says when it is asked to replace a token.
async fn refused(world: &World, dead: u64) -> (String, String) {
    let event = json!({ "app_id": APP_ID, "rejected_generation": dead });
    match world.invoke("token", &event).await {
        Err(InvokeFailure::Failed { error, .. }) => {
            let text = |name: &str| error[name].as_str().unwrap().to_owned();
            (text("errorType"), text("errorMessage"))
        }
        other => panic!("it wasn't refused: {other:?}"),
    }
}

/// Faults 41, 57.
#[tokio::test]
async fn concurrent_sends_lose_nothing_when_the_token_is_revoked() {
    let (world, to) = ann_follows().await;
    // Now every environment has the token at hand.
    world.send_at_once(&orders("before", 20, &to)).await;
    world.wechat.forget_calls().await;
    world.wechat.revoke("shop").await;
    for report in world.send_at_once(&orders("order", 200, &to)).await {
        // The receipt may have been faster than the answer.
        let outcome = report["outcome"].as_str().unwrap();
        assert!(outcome == "sent" || outcome == "delivered", "{report}");
    }
    assert_eq!(world.phone("ann").screen().await.len(), 220);
    let forced = forced(&world).await;
    assert!(!forced.contains(&true), "WeChat hands out another by itself: {forced:?}");
    assert!(forced.len() <= 3, "{forced:?}");
    assert_eq!(world.parameter(SHOP)["generation"], 2);
}

/// Fault 41.
#[tokio::test]
async fn concurrent_sends_force_one_refresh_when_wechat_returns_the_invalid_token() {
    let (world, to) = ann_follows().await;
    world.send_at_once(&orders("before", 20, &to)).await;
    world.wechat.forget_calls().await;
    world.wechat.post("apps/shop/reject_tokens", &json!({})).await;
    for report in world.send_at_once(&orders("order", 200, &to)).await {
        // The receipt may have been faster than the answer.
        let outcome = report["outcome"].as_str().unwrap();
        assert!(outcome == "sent" || outcome == "delivered", "{report}");
    }
    assert_eq!(world.phone("ann").screen().await.len(), 220);
    let forced = forced(&world).await;
    assert_eq!(forced.iter().filter(|forced| **forced).count(), 1, "{forced:?}");
    assert!(forced.len() <= 4, "{forced:?}");
    assert_eq!(world.parameter(SHOP)["generation"], 2);
    let counted = world.metrics("token_forced_refreshes");
    assert_eq!(counted.len(), 1, "{counted:?}");
    assert_eq!((counted[0].dimension("app"), counted[0].value), ("shop", 1));
}

/// Fault 42.
#[tokio::test]
async fn wrong_app_secret_costs_two_calls_per_send_and_no_forced_refresh() {
    let (world, to) = ann_follows().await;
    let wrong = "0123456789abcdef0123456789abcdef";
    world.set_parameter("secrets/shop", wrong);
    world.wechat.revoke("shop").await;
    for (at, request) in orders("order", 4, &to).iter().enumerate() {
        let report = world.send(request).await;
        assert_ne!(report["outcome"], "sent", "{report}");
        assert!(report.to_string().contains("AppSecret"), "{report}");
        let calls = world.wechat.calls(SEND).await.len() + forced(&world).await.len();
        assert!(calls <= 2 * (at + 1), "{calls} calls for {} sends", at + 1);
    }
    assert!(!forced(&world).await.contains(&true));

    let (kind, message) = refused(&world, 1).await;
    assert_eq!(kind, "AccessTokenNeedsOperator", "{message}");
    assert!(message.contains("40125"), "{message}");
    let row = world.aws.row("notifications", "id", &format!("token_refresh#{APP_ID}")).await;
    assert!(row.get("forced_at").is_none(), "{row}");
    assert!(!row.to_string().contains(wrong) && !message.contains(wrong));
    let failed = world.metrics("token_failed");
    assert!(failed.iter().all(|failed| failed.dimension("code") == "40125"), "{failed:?}");
    assert_eq!(failed[0].dimension("app"), "shop");
}

/// Fault 61.
#[tokio::test]
async fn address_outside_the_whitelist_is_named() {
    let world = World::start().await;
    world.wechat.advance(7200).await;
    world.wechat.fault(json!({ "path": STABLE_TOKEN, "errcode": 40164, "times": 3 })).await;
    let Err(InvokeFailure::Failed { error, .. }) = world.invoke("token", &json!({})).await else {
        panic!("it can't have a token");
    };
    assert_eq!(
        error["errorType"], "AccessTokenTemporarilyUnavailable",
        "it passes without a word to us: {error}"
    );
    let advice = "add 203.0.113.9 to the account's IP list";
    assert_eq!(error["errorMessage"].as_str().unwrap().matches(advice).count(), 2, "{error}");
    assert!(world.lines().iter().any(|line| line.contains(advice)), "{:#?}", world.lines());
    let failed = world.metrics("token_failed");
    let told: Vec<_> =
        failed.iter().map(|it| (it.dimension("app"), it.dimension("code"))).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&("shop", "40164")) && told.contains(&("shop-mini", "40164")));
    let (kind, message) = refused(&world, 1).await;
    assert!(
        kind == "AccessTokenTemporarilyUnavailable" && message.contains(advice),
        "{kind}: {message}"
    );

    // The operator adds it, and the next minute succeeds.
    world.token_round().await;
    assert_eq!(world.parameter(SHOP)["generation"], 2);
}

#[tokio::test]
async fn slow_app_delays_no_other_app() {
    let world = World::start().await;
    world.wechat.advance(7200).await;
    world.wechat.fault(json!({ "path": STABLE_TOKEN, "delay_ms": 20_000, "times": 1 })).await;
    let renewed =
        || [SHOP, MINI].iter().filter(|it| world.parameter(it)["generation"] == 2).count();
    let round = async {
        let round = world.invoke("token", &json!({})).await;
        let Err(InvokeFailure::Failed { error, .. }) = round else {
            panic!("one of them can't have a token: {round:?}");
        };
        error["errorMessage"].as_str().unwrap().to_owned()
    };
    let first_renewed = async {
        world.until("one of them has its token", || renewed() == 1).await;
        tokio::time::Instant::now()
    };
    let (message, first) = tokio::join!(round, first_renewed);
    // The other has waited its four seconds for WeChat.
    assert!(first.elapsed() > std::time::Duration::from_secs(2), "{:?}", first.elapsed());
    assert!(!message.contains("; shop"), "{message}");
    assert_eq!(renewed(), 1);
    world.token_round().await;
    assert_eq!(renewed(), 2);
}

/// Fault 60.
#[tokio::test]
async fn token_outage_of_210_seconds_affects_no_send() {
    let (world, to) = ann_follows().await;
    let mut sent = 0;
    // It begins at different times before and after the successor appears,
    // which is 300 seconds before the end.
    for (cycle, before_end) in [390, 330, 290, 250, 210].into_iter().enumerate() {
        world.wechat.revoke("shop").await;
        world.invoke("token", &json!({})).await.unwrap();
        let generation = world.parameter(SHOP)["generation"].as_u64().unwrap();
        world.wechat.advance(7200 - before_end).await;
        world.wechat.fault(json!({ "path": STABLE_TOKEN, "status": 503, "times": 1000 })).await;
        for second in (0..before_end + 60).step_by(30) {
            if second == 210 {
                world.wechat.heal().await;
            }
            // A refresh each minute, at another time in each cycle.
            if second % 60 == 30 * (cycle as u64 % 2) {
                let _ = world.invoke("token", &json!({})).await;
            }
            let request = order(&format!("order-{cycle}-{second}"), to.clone());
            let report = world.send(&request).await;
            assert_eq!(report["outcome"], "sent", "{before_end}, {second}: {report}");
            sent += 1;
            world.wechat.advance(30).await;
        }
        assert_eq!(world.parameter(SHOP)["generation"], generation + 1);
    }
    assert_eq!(world.phone("ann").screen().await.len(), sent);
    assert!(!forced(&world).await.contains(&true));
}

/// Fault 58.
#[tokio::test]
async fn token_is_not_lost_when_the_function_crashes_before_storing_it() {
    let (world, to) = ann_follows().await;
    world.wechat.advance(7200 - 300).await;
    let token = world.cloud.function("token");
    let put =
        Fault::new("ssm", "PutParameter").on(format!("/hongyan/local/{SHOP}")).by(token.clone());
    let put = given(&world, put.hold());
    let killed = async {
        put.holds(1).await;
        world.cloud.kill(&token).await.unwrap();
    };
    let event = json!({});
    let (round, ()) = tokio::join!(world.invoke("token", &event), killed);
    assert!(matches!(round, Err(InvokeFailure::Failed { .. })), "{round:?}");
    assert_eq!(world.parameter(SHOP)["generation"], 1);
    put.cancel();
    world.token_round().await;
    assert_eq!(world.parameter(SHOP)["generation"], 2);
    assert_eq!(world.send(&order("order-1", to)).await["outcome"], "sent");
    assert!(!forced(&world).await.contains(&true));
}

/// Fault 58.
#[tokio::test]
async fn refresh_is_finished_by_the_schedule_when_the_function_crashes() {
    let (world, to) = ann_follows().await;
    world.wechat.post("apps/shop/reject_tokens", &json!({})).await;
    let token = world.cloud.function("token");
    let put = given(&world, Fault::new("ssm", "PutParameter").by(token.clone()).hold().once());
    let request = order("order-1", to);
    let round = async {
        put.holds(1).await;
        world.cloud.kill(&token).await.unwrap();
        put.holds(0).await;
        put.cancel();
        world.invoke("token", &json!({})).await.unwrap();
    };
    let (report, ()) = tokio::join!(world.send(&request), round);
    assert_eq!(report["outcome"], "sent", "{report}");
    let forced = forced(&world).await;
    assert_eq!(forced.iter().filter(|forced| **forced).count(), 1, "{forced:?}");
}

/// Fault 63.
#[tokio::test]
async fn invalid_token_is_not_used_again_when_an_old_parameter_version_is_read() {
    let (world, to) = ann_follows().await;
    let old = world.parameter(SHOP);
    world.wechat.revoke("shop").await;
    let send = world.cloud.function("send");
    let asked = Fault::new("lambda", "Invoke").by(send.clone()).hold().after().once();
    let asked = given(&world, asked);
    let request = order("order-1", to);
    let stale = async {
        asked.holds(1).await;
        let new = world.parameter(SHOP);
        assert_eq!(new["generation"], 2);
        world.set_parameter(SHOP, &old);
        let read = Fault::new("ssm", "GetParameter").by(send.clone()).after();
        let read = given(&world, read.delay(std::time::Duration::from_millis(1)));
        asked.release();
        read.has_fired(2).await;
        world.set_parameter(SHOP, &new);
    };
    let (report, ()) = tokio::join!(world.send(&request), stale);
    assert_eq!(report["outcome"], "sent", "{report}");
    assert_eq!(world.wechat.calls(SEND).await.len(), 2);
    assert_eq!(forced(&world).await, [false], "and the token function is asked once");
}

#[tokio::test]
async fn token_is_read_again_when_the_token_function_cannot_be_invoked() {
    let (world, to) = ann_follows().await;
    world.wechat.revoke("shop").await;
    let invoke = || {
        let invoke = Fault::new("lambda", "Invoke").by(world.cloud.function("send"));
        invoke.refuse("TooManyRequestsException")
    };
    given(&world, invoke().times(2));
    let report = world.send(&order("order-1", to.clone())).await;
    assert_eq!(report["outcome"], "sent", "{report}");
    assert_eq!(forced(&world).await, [false]);

    world.wechat.revoke("shop").await;
    let busy = given(&world, invoke());
    let request = order("order-2", to.clone());
    let other = async {
        busy.has_fired(1).await;
        world.invoke("token", &json!({})).await.unwrap();
    };
    let (report, ()) = tokio::join!(world.send(&request), other);
    assert_eq!(report["outcome"], "sent", "{report}");

    // There is no token: the send waits, and gives the reason.
    world.wechat.revoke("shop").await;
    let report = world.send(&order("order-3", to)).await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    assert!(report["reason"].as_str().unwrap().contains("TooManyRequestsException"), "{report}");
}

#[tokio::test]
async fn replaced_generation_is_answered_without_a_call_of_wechat() {
    let (world, _) = ann_follows().await;
    world.wechat.revoke("shop").await;
    let event = json!({ "app_id": APP_ID, "rejected_generation": 1 });
    for _ in 0..3 {
        let report = world.invoke("token", &event).await.unwrap();
        assert_eq!(report["tokens"][0]["generation"], 2, "{report}");
    }
    assert_eq!(forced(&world).await, [false]);
}

#[tokio::test]
async fn token_is_replaced_without_force_when_the_table_is_unavailable() {
    let (world, to) = ann_follows().await;
    let table = Fault::new("dynamodb", "*").by(world.cloud.function("token"));
    given(&world, table.refuse("InternalServerError"));
    world.wechat.revoke("shop").await;
    assert_eq!(world.send(&order("order-1", to.clone())).await["outcome"], "sent");
    world.wechat.post("apps/shop/reject_tokens", &json!({})).await;
    let report = world.send(&order("order-2", to)).await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    assert!(!forced(&world).await.contains(&true));
}

#[tokio::test]
async fn every_refresh_measures_age_and_remaining_life_of_each_token() {
    let world = World::start().await;
    for name in ["token_age_seconds", "token_expires_in"] {
        let told = world.metrics(name);
        let apps: Vec<_> = told.iter().map(|metric| metric.dimension("app")).collect();
        assert!(apps.contains(&"shop") && apps.contains(&"shop-mini"), "{name}: {apps:?}");
    }
    assert!(world.metrics("token_expires_in").iter().all(|left| left.value > 7000));

    // A token whose successor doesn't come is seen before it has ended.
    let mut stored = world.parameter(SHOP);
    let end = stored["expires_at"].as_u64().unwrap();
    stored["expires_at"] = json!(end - 7200 + 150);
    world.set_parameter(SHOP, &stored);
    world.wechat.fault(json!({ "path": STABLE_TOKEN, "reset": true, "times": 2 })).await;
    world.invoke("token", &json!({})).await.unwrap_err();
    let left = world.metrics("token_expires_in");
    let least = left.iter().min_by_key(|left| left.value).unwrap();
    assert!(least.dimension("app") == "shop" && least.value <= 150, "{left:?}");
    assert!(world.lines().iter().any(|line| line.contains("is overdue")), "{:#?}", world.lines());
    assert!(world.metrics("token_failed").iter().all(|it| it.dimension("code") == "no_answer"));
}
