//! An operator replays stored events.

use crate::binaries;
use crate::replay::HURRIED;
use crate::world::World;
use local_aws::services::Fault;
use serde_json::json;
use std::process::{Command, Stdio};

const ALL: [&str; 6] = ["events", "replay", "--from", "1", "--to", "2100-01-01T00:00:00Z"];

fn all<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [ALL.as_slice(), more].concat()
}

/// Three events of three people, of which a call of the function has time for one.
async fn three() -> World {
    let world = World::changed(&[HURRIED]).await;
    for name in ["ann", "bob", "carol"] {
        world.phone(name).message("shop-mini", "hello").await;
    }
    world
}

#[tokio::test]
async fn replay_invokes_the_function_until_it_is_complete() {
    let world = three().await;
    let replayed = world.hongyan(&ALL, "").await.json();
    let expected =
        json!({ "applied": 3, "failed": 0, "skipped": 0, "next_token": null, "stopped": false });
    assert_eq!(replayed, expected);
    let rows = world.aws.rows("events").await;
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "{rows:#?}");
    let words = world.hongyan_in_words(&all(&["--app", "shop"]), "").await;
    assert_eq!((words.status, words.out.trim()), (0, "applied 0, failed 0, skipped 0"));
}

#[tokio::test]
async fn quarantined_events_are_listed_and_a_failed_replay_exits_with_1() {
    let world = World::start().await;
    world.phone("ann").message("shop-mini", "hello").await;
    let poison =
        json!({ "from": "ann", "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 7 });
    world.wechat.push(json!({ "app": "shop", "message": poison })).await;
    world.idle().await;
    let only = ["--only", "quarantined"];
    let listed = world.hongyan(&all(&[&only[..], &["--dry-run"]].concat()), "").await.json();
    assert_eq!(listed["events"].as_array().unwrap().len(), 1, "{listed}");
    let key = listed["events"][0]["key"].as_str().unwrap();
    let words = world.hongyan_in_words(&all(&["--key", key, "--dry-run"]), "").await.out;
    for expected in ["quarantined", "Status is missing", key, "1 event; without --dry-run"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let said = world.hongyan(&all(&only), "").await;
    let replayed = said.any_json();
    assert_eq!((said.status, &replayed["failed"], &replayed["skipped"]), (1, &json!(1), &json!(1)));
    let next = replayed["next"].as_str().unwrap();
    assert!(next.contains("--dry-run"), "{next}");
}

#[tokio::test]
async fn interrupted_replay_prints_how_to_resume() {
    let world = three().await;
    let asked = json!({ "replay": { "from": 1, "to": "2100-01-01T00:00:00Z" } });
    let first = world.invoke("events", &asked).await.unwrap();
    let after = first["next_token"].as_str().unwrap();
    let held = world.cloud.aws.faults.inject(Fault::new("lambda", "Invoke").hold()).unwrap();
    let mut tool = Command::new(binaries::tool());
    tool.arg(format!("--local=http://{}", world.cloud.aws())).args(all(&["--next-token", after]));
    let tool = tool.arg("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    held.has_fired(1).await;
    let stop = Command::new("kill").args(["-INT", &tool.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let output = tokio::task::spawn_blocking(|| tool.wait_with_output().unwrap()).await.unwrap();
    held.cancel();
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["stopped"], &told["next_token"]), (&json!(true), &json!(after)), "{told}");
    let next = told["next"].as_str().unwrap();
    let arguments: Vec<_> = next.split(' ').skip(1).collect();
    let replayed = world.hongyan(&arguments, "").await.json();
    assert_eq!(replayed["applied"], 2, "{replayed}");
}

#[tokio::test]
async fn invalid_replay_explains_the_error() {
    let world = World::start().await;
    for (arguments, expected) in [
        (all(&["--app", "nowhere"]), "shop-mini"),
        (all(&["--next-token", "there"]), "next_token"),
        (vec!["events", "replay", "--from", "2", "--to", "2"], "not after"),
        (vec!["events", "replay", "--from", "yesterday", "--to", "2"], "RFC 3339"),
    ] {
        let said = world.hongyan(&arguments, "").await;
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.error().1.contains(expected) || said.error().0 == "usage", "{said:?}");
    }
}
