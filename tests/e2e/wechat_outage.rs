//! WeChat on its bad days: what is tried again at once, what later, what never, and
//! what is said of it.

use crate::channel_scenario::{ChannelScenario, REPEATABLE, UNREPEATABLE};
use crate::world::World;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};

/// The same order through any channel, the template's own order.
fn any_way(scene: &ChannelScenario, id: &str) -> Value {
    let mut request = scene.request(id);
    request.as_object_mut().unwrap().remove("channels");
    request
}

fn seconds_until(report: &Value, now: u64) -> u64 {
    report["retry_at"].as_u64().unwrap_or_else(|| panic!("no retry_at: {report}")) - now
}

/// Fault 38.
#[tokio::test]
async fn deduplicated_message_is_attempted_three_times_and_then_later() {
    for kind in REPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        let begun = Instant::now();
        scene.fault(json!({ "errcode": -1, "after": true, "times": 2 })).await;
        let outcome = scene.send("order-1").await["outcome"].clone();
        assert!(outcome == "sent" || outcome == "delivered", "{kind}: {outcome}");
        assert!(begun.elapsed() > Duration::from_millis(1200), "{:?}", begun.elapsed());
        assert_eq!((scene.calls().await, scene.seen().await), (3, 1), "{kind}");

        let faults = [json!({ "errcode": 20001 }), json!({ "status": 503 })];
        for (at, mut fault) in faults.into_iter().enumerate() {
            scene.allow().await;
            scene.world.wechat.forget_calls().await;
            fault["times"] = json!(3);
            scene.fault(fault.clone()).await;
            let id = format!("order-2-{at}");
            let report = scene.send(&id).await;
            assert_eq!(report["outcome"], "retrying", "{kind} {fault}: {report}");
            let wait = seconds_until(&report, scene.world.wechat.now().await);
            assert!((1..=20).contains(&wait), "{report}");
            assert_eq!(scene.calls().await, 3, "{kind} {fault}");
            scene.later(&id).await;
            assert_eq!(scene.status(&id).await, "delivered", "{kind} {fault}");
            assert_eq!((scene.calls().await, scene.seen().await), (4, 2 + at), "{kind} {fault}");
        }
    }
}

#[tokio::test]
async fn other_message_is_attempted_once() {
    for kind in UNREPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        let faults = [json!({ "errcode": -1 }), json!({ "errcode": -1, "after": true })];
        for (at, fault) in faults.into_iter().enumerate() {
            if at > 0 {
                scene.allow().await;
            }
            scene.fault(fault.clone()).await;
            let id = format!("order-{at}");
            let report = scene.send(&id).await;
            assert_eq!(report["outcome"], "ambiguous", "{kind} {fault}: {report}");
            assert_eq!(report["code"], -1, "{report}");
            scene.later(&id).await;
            assert_eq!((scene.calls().await, scene.seen().await), (1 + at, at), "{kind} {fault}");
        }
    }
}

/// Answers that say nothing, and whether each may have been sent.
fn odd_answers(elsewhere: &TcpListener) -> Vec<Value> {
    let html = "<html><body>502 Bad Gateway</body></html>";
    let location = format!("http://{}/", elsewhere.local_addr().unwrap());
    vec![
        json!({ "body": html, "content_type": "text/html" }),
        json!({ "body": html, "content_type": "text/html", "status": 502, "after": true }),
        json!({ "body": "" }),
        json!({ "body_bytes": 2 << 20, "after": true }),
        json!({ "location": location, "after": true }),
        json!({ "location": location, "status": 307 }),
        json!({ "reset": true }),
        json!({ "reset": true, "after": true }),
        json!({ "delay_ms": 6000 }),
        json!({ "delay_ms": 6000, "after": true }),
    ]
}

/// Fault 54.
#[tokio::test]
async fn unreadable_response_shows_one_message() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let scene = ChannelScenario::new("template").await;
    for (at, mut fault) in odd_answers(&elsewhere).into_iter().enumerate() {
        scene.world.wechat.forget_calls().await;
        fault["times"] = json!(3);
        scene.fault(fault.clone()).await;
        let id = format!("order-{at}");
        let report = scene.send(&id).await;
        assert_eq!(report["outcome"], "retrying", "{fault}: {report}");
        assert_eq!(scene.calls().await, 3, "{fault}");
        scene.later(&id).await;
        assert_eq!(scene.status(&id).await, "delivered", "{fault}");
        assert_eq!((scene.calls().await, scene.seen().await), (4, at + 1), "{fault}");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Fault 54.
#[tokio::test]
async fn call_is_not_repeated_when_the_response_is_unreadable() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    for kind in UNREPEATABLE {
        let scene = ChannelScenario::new(kind).await;
        let mut seen = 0;
        for (at, fault) in odd_answers(&elsewhere).into_iter().enumerate() {
            if at > 0 {
                scene.allow().await;
            }
            scene.world.wechat.forget_calls().await;
            scene.fault(fault.clone()).await;
            let id = format!("order-{at}");
            let report = scene.send(&id).await;
            assert_eq!(report["outcome"], "ambiguous", "{kind} {fault}: {report}");
            seen += usize::from(fault["after"] == true || fault.get("delay_ms").is_some());
            scene.later(&id).await;
            assert_eq!(scene.calls().await, 1, "{kind} {fault}");
            assert!(scene.seen().await <= seen, "{kind} {fault}");
        }
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Faults 37, 61b.
#[tokio::test]
async fn notification_is_sent_later_when_no_connection_was_made() {
    // A port that is bound and refuses connections until there is a listener.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let door = socket.local_addr().unwrap();
    let variables = concat!(
        "if 12 seconds are left.\n      Timeout: 60\n      Environment:\n        Variables:\n",
        "          USERS_TABLE: !Ref UsersTable\n          MAPPINGS_TABLE: !Ref MappingsTable\n",
        "          NOTIFICATIONS_TABLE: !Ref NotificationsTable\n",
        "          TOKEN_FUNCTION: !Ref TokenFunction\n          WECHAT_URL: !Ref WeChatUrl",
    );
    let there = variables.replace("!Ref WeChatUrl", &format!("http://{door}"));
    let world = World::changed(&[(variables, &there)]).await;
    world.token_round().await;
    let mut scene = ChannelScenario::within(world, "template").await;
    let kinds = REPEATABLE.into_iter().chain(UNREPEATABLE);
    for kind in kinds.clone() {
        if kind != "template" {
            scene.allow_one_more(kind).await;
        }
        scene.kind = kind;
        let report = scene.send(kind).await;
        assert_eq!(report["outcome"], "retrying", "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains("could not be reached"), "{report}");
    }
    let wechat = scene.world.cloud.wechat();
    let listener = socket.listen(64).unwrap();
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut there = TcpStream::connect(wechat).await?;
                tokio::io::copy_bidirectional(&mut here, &mut there).await
            });
        }
    });
    for (at, kind) in kinds.enumerate() {
        scene.later(kind).await;
        let status = scene.status(kind).await;
        assert!(status == "sent" || status == "delivered", "{kind}: {status}");
        assert_eq!(scene.seen().await, at + 1, "{kind}");
    }
}

#[tokio::test]
async fn attempt_waits_for_another_message_to_the_same_person() {
    let scene = ChannelScenario::new("subscribe").await;
    scene.fault(json!({ "errcode": 43108, "times": 2 })).await;
    assert_eq!(scene.send("order-1").await["outcome"], "sent");
    assert_eq!((scene.calls().await, scene.seen().await), (3, 1));

    scene.allow().await;
    scene.fault(json!({ "errcode": 43108, "times": 3 })).await;
    let report = scene.send("order-2").await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    assert_eq!((scene.calls().await, report["code"].clone()), (6, json!(43108)));
    scene.later("order-2").await;
    assert_eq!(scene.status("order-2").await, "delivered");
    assert_eq!(scene.seen().await, 2);
}

/// Fault 61.
#[tokio::test]
async fn send_from_an_unlisted_address_waits_ten_minutes_and_names_it() {
    let scene = ChannelScenario::new("subscribe").await;
    scene
        .fault(json!({
            "errcode": 40164,
            "errmsg": "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 1-2-3",
        }))
        .await;
    let report = scene.send("order-1").await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    let wait = seconds_until(&report, scene.world.wechat.now().await);
    assert!((590..=600).contains(&wait), "{report}");
    assert!(report["reason"].as_str().unwrap().contains("203.0.113.9"), "{report}");
    let warned = |line: &String| line.contains(" WARN ") && line.contains("203.0.113.9");
    assert!(scene.world.lines().iter().any(warned), "an operator has to add it");
    assert_eq!(scene.calls().await, 1);

    // The consent isn't lost: the first sender uses it.
    assert_eq!(scene.send("order-2").await["outcome"], "sent");
    scene.later("order-1").await;
    assert_eq!(scene.status("order-1").await, "no_consent");
    assert_eq!(scene.seen().await, 1);
}

/// Fault 51.
#[tokio::test]
async fn next_channel_is_used_after_a_permanent_refusal() {
    let scene = ChannelScenario::new("template").await;
    let of_the_person = [40003, 43004, 43019, 43101, 45015, 46004, 48002, 50005];
    let of_ours = [40037, 43107, 47003, 48001, 48008];
    for (at, code) in of_the_person.into_iter().chain(of_ours).enumerate() {
        scene.allow_one_more("subscribe").await;
        scene.fault(json!({ "errcode": code })).await;
        let id = format!("order-{at}");
        let report = scene.world.send(&any_way(&scene, &id)).await;
        assert_eq!(report["outcome"], "sent", "{code}: {report}");
        assert_eq!(report["channel"], "subscribe", "{code}: {report}");
        let passed = &report["skipped"][0];
        assert_eq!((&passed["channel"], &passed["code"]), (&json!("template"), &json!(code)));
        assert!(passed["advice"].as_str().unwrap().len() > 20, "{passed}");
        assert_eq!((scene.calls().await, scene.seen().await), (at + 1, at + 1), "{code}");
        let told = scene.world.lines();
        let told = told.iter().filter(|line| line.contains(&format!("id=\"{id}\"")));
        let warns = told.filter(|line| line.contains(" WARN ")).count();
        let expected = usize::from(of_ours.contains(&code));
        assert_eq!(warns, expected, "{code}: only our own errors need an operator");
    }
}

#[tokio::test]
async fn next_channel_is_not_used_after_a_transient_refusal() {
    let scene = ChannelScenario::new("template").await;
    scene.allow_one_more("subscribe").await;
    let faults = [
        json!({ "errcode": -1, "times": 3 }),
        json!({ "errcode": 43108, "times": 3 }),
        json!({ "errcode": 40164 }),
        json!({ "errcode": 40001, "times": 2 }),
        json!({ "errcode": 45011 }),
        json!({ "errcode": 45009 }),
    ];
    for (at, fault) in faults.into_iter().enumerate() {
        scene.fault(fault.clone()).await;
        let report = scene.world.send(&any_way(&scene, &format!("order-{at}"))).await;
        assert_eq!(report["outcome"], "retrying", "{fault}: {report}");
        assert_eq!(report["channel"], "template", "{report}");
        assert_eq!(report.get("skipped"), None, "{report}");
        assert_eq!(scene.seen().await, 0, "{fault}");
    }
}

#[tokio::test]
async fn notification_fails_after_two_days_of_retries() {
    const DAY: u64 = 24 * 3600;
    let scene = ChannelScenario::new("subscribe").await;
    for (ago, status) in [(2 * DAY - 1000, "retrying"), (2 * DAY + 1, "failed")] {
        scene.fault(json!({ "errcode": 40164 })).await;
        if status == "retrying" {
            assert_eq!(scene.send("order-1").await["outcome"], "retrying");
            scene.fault(json!({ "errcode": 40164 })).await;
        }
        let first = scene.world.wechat.now().await - ago;
        scene.world.aws.set_time("order-1", "first_at", first).await;
        scene.later("order-1").await;
        assert_eq!(scene.status("order-1").await, status, "{ago}");
    }
    let report = scene.send("order-1").await;
    assert_eq!((&report["outcome"], &report["code"]), (&json!("failed"), &json!(40164)));
    assert_eq!(report.get("retry_at"), None, "{report}");
    assert_eq!(scene.calls().await, 3);
    assert_eq!(scene.send("order-2").await["outcome"], "sent", "the consent is there");
}

/// Fault 40.
#[tokio::test]
async fn exhausted_minute_quota_is_waited_for() {
    let scene = ChannelScenario::new("template").await;
    let into_the_minute = || shared::clock::Timestamp::now().0 % 60;
    scene.world.until("there is time in this minute", || into_the_minute() < 40).await;
    scene.fault(json!({ "errcode": 45011, "times": 1 })).await;
    let report = scene.send("order-0").await;
    assert_eq!(report["outcome"], "retrying", "{report}");
    assert_eq!(report["retry_at"].as_u64().unwrap() % 60, 0, "{report}");
    for at in 1..5 {
        let waits = scene.send(&format!("order-{at}")).await;
        assert_eq!(waits["outcome"], "retrying", "{waits}");
        assert!(waits["reason"].as_str().unwrap().contains("minute"), "{waits}");
        assert_eq!(waits["retry_at"], report["retry_at"]);
    }
    assert_eq!(scene.calls().await, 1);
    // Nothing else rests.
    scene.allow_one_more("subscribe").await;
    let mut other = scene.request("other");
    other["channels"] = json!(["subscribe"]);
    assert_eq!(scene.world.send(&other).await["outcome"], "sent");
    // An environment that doesn't know of it is not delayed.
    scene.kill().await;
    for at in 0..5 {
        scene.later(&format!("order-{at}")).await;
    }
    assert_eq!((scene.calls().await, scene.seen().await), (6, 6));
}
