//! Strangers flood the callback, and no push of WeChat's is lost.

use crate::world::World;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const STRANGERS: usize = 20;
const PUSHES: usize = 200;
/// As many as WeChat has under way at once here.
const SENDERS: usize = 4;
/// WeChat closes the connection after it.
const WECHAT_TIMEOUT: Duration = Duration::from_secs(5);

/// What strangers who know no key can call.
const TARGETS: [&str; 4] = [
    "/callback/unknown",
    "/callback/shop",
    "/callback/unknown/1-0123456789abcdef0123456789abcdef",
    "/callback/shop/1-0123456789abcdef0123456789abcdef",
];

/// Calls as fast as it can, and counts the answers by status.
async fn stranger(
    client: reqwest::Client,
    url: String,
    done: Arc<AtomicBool>,
) -> BTreeMap<u16, u64> {
    let mut answers = BTreeMap::new();
    while !done.load(Ordering::Relaxed) {
        if let Ok(response) = client.post(&url).body("x").send().await {
            *answers.entry(response.status().as_u16()).or_default() += 1;
        }
    }
    answers
}

/// Ann writes a message: how long its first delivery took, if the callback accepted it.
async fn write(world: &World, number: usize) -> (Value, Duration) {
    let begun = Instant::now();
    let message = json!({ "app": "shop", "text": format!("message {number}") });
    let done = world.wechat.post("people/ann/message", &message).await;
    (done["pushes"].clone(), begun.elapsed())
}

/// Fault 100.
#[tokio::test(flavor = "multi_thread")]
async fn flood_of_strangers_loses_no_push() {
    let world = World::start().await;
    world.phone("ann").follow("shop").await;
    let done = Arc::new(AtomicBool::new(false));
    let strangers: Vec<_> = (0..STRANGERS)
        .map(|number| {
            let url = world.url(TARGETS[number % TARGETS.len()]);
            tokio::spawn(stranger(world.client.clone(), url, done.clone()))
        })
        .collect();
    let sender = async |sender: usize| {
        let mut written = Vec::new();
        for number in (sender..PUSHES).step_by(SENDERS) {
            written.push(write(&world, number).await);
        }
        written
    };
    let written = join_all((0..SENDERS).map(sender)).await.concat();
    done.store(true, Ordering::Relaxed);
    let mut answers = BTreeMap::<u16, u64>::new();
    for stranger in strangers {
        for (status, count) in stranger.await.unwrap() {
            *answers.entry(status).or_default() += count;
        }
    }

    // The flood was one: each stranger called more often than WeChat, all in all.
    assert!(answers.values().sum::<u64>() > PUSHES as u64, "{answers:?}");
    assert!(!answers.contains_key(&200), "{answers:?}");
    for (deliveries, _) in &written {
        let last = deliveries.as_array().and_then(|all| all.last());
        assert_eq!(last.map(|last| &last["status"]), Some(&json!(200)), "{deliveries}");
    }
    let mut times: Vec<_> = written.iter().map(|(_, time)| *time).collect();
    times.sort_unstable();
    let p99 = times[PUSHES * 99 / 100 - 1];
    assert!(p99 < WECHAT_TIMEOUT, "{p99:?}, {answers:?}");
    world.idle().await;
    let events = world.aws.rows("events").await;
    let stored = events.iter().filter(|row| row["kind"] == "text").count();
    assert_eq!(stored, PUSHES, "{answers:?}");
}

/// Fault 100.
#[tokio::test]
async fn strangers_without_a_key_use_up_their_own_limit_only() {
    let world = World::with_parameters(&[
        ("CallbackWithoutKey", "refused"),
        ("DefaultRate", "1"),
        ("DefaultBurst", "5"),
    ])
    .await;
    world.phone("ann").follow("shop").await;
    let mut throttled = 0;
    for number in 0..10 {
        for _ in 0..5 {
            let request = world.client.post(world.url("/callback/shop")).body("x");
            throttled += u32::from(request.send().await.unwrap().status() == 429);
        }
        let (deliveries, _) = write(&world, number).await;
        assert_eq!(deliveries.as_array().map(Vec::len), Some(1), "{deliveries}");
        assert_eq!(deliveries[0]["status"], 200, "{deliveries}");
    }
    assert!(throttled > 0, "the strangers had no limit");
}
