//! A session continues by its refresh tokens, and ends when it is revoked, when
//! one of them comes twice, or by itself.

use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: u64 = 24 * 3600;
/// The client's.
const RETRY_KEY: &str = "Zm9yIHRoaXMgY2xpZW50IG9ubHk";
const OPERATIONS: [&str; 7] =
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "TransactWriteItems"];

pub(crate) async fn post(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let answer = world.client.post(world.url(path)).json(body).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn refresh(world: &World, token: &Value) -> (u16, Value) {
    let request = json!({ "refresh_token": token, "retry_key": RETRY_KEY });
    post(world, "/session/refresh", &request).await
}

/// Refreshes with a token that is good: the next one.
async fn next(world: &World, token: &Value) -> Value {
    let (status, answer) = refresh(world, token).await;
    assert_eq!(status, 200, "{answer}");
    answer["refresh_token"].clone()
}

async fn revoke(world: &World, token: &Value) -> (u16, Value) {
    post(world, "/session/revoke", &json!({ "refresh_token": token })).await
}

/// Who has this access token.
pub(crate) async fn who(world: &World, token: &Value) -> (u16, Value) {
    let request = world.client.get(world.url("/session")).bearer_auth(token.as_str().unwrap());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The rows of all sessions, as they stand in the table.
pub(crate) async fn rows(world: &World) -> Vec<Value> {
    let mut rows = world.aws.rows("users").await;
    rows.retain(|row| row["item"].as_str().unwrap().starts_with("session#"));
    rows
}

/// Sets times of the only session back, as if this many seconds had passed.
pub(crate) async fn pass(world: &World, seconds: u64, attributes: &[&str]) {
    let [row] = &rows(world).await[..] else { panic!("one session is expected") };
    for attribute in attributes {
        let time = row[*attribute].as_u64().unwrap() - seconds;
        let update = json!({
            "TableName": "hongyan-local-users",
            "Key": { "user": { "S": row["user"] }, "item": { "S": row["item"] } },
            "UpdateExpression": "SET #a = :v",
            "ExpressionAttributeNames": { "#a": attribute },
            "ExpressionAttributeValues": { ":v": { "N": time.to_string() } },
        });
        world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
    }
}

#[tokio::test]
async fn session_is_refreshed_and_names_its_user() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    let (status, first) = who(&world, &session["access_token"]).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!((&first["user"], &first["bound"]), (&session["user"], &json!("ann")));
    assert_eq!((&first["app"], &first["follows"]), (&json!("shop-mini"), &json!({ "shop": true })));
    let lasts = first["ends_at"].as_u64().unwrap() - first["created_at"].as_u64().unwrap();
    assert_eq!(lasts, 90 * DAY);

    let (status, second) = refresh(&world, &session["refresh_token"]).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!((&second["token_type"], &second["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_ne!(second["refresh_token"], session["refresh_token"]);
    assert_ne!(second["access_token"], session["access_token"]);
    let (status, told) = who(&world, &second["access_token"]).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!((&told["user"], &told["session"]), (&first["user"], &first["session"]));

    // Another login is another session of the same person.
    let code = ann.code("shop-mini").await;
    let (_, other) = world.log_in("shop-mini", &json!({ "code": code })).await;
    let (_, told) = who(&world, &other["access_token"]).await;
    assert_eq!(told["user"], first["user"]);
    assert_ne!(told["session"], first["session"]);
    assert_eq!(rows(&world).await.len(), 2);
}

/// Fault 69.
#[tokio::test]
async fn same_successor_is_returned_when_the_response_was_lost() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let first = &session["refresh_token"];
    // Several at once, as when an app refreshes wherever it needs a token.
    let asked = (0..5).map(|_| next(&world, first));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "one successor for all");
    pass(&world, 25, &["rotated_at"]).await;
    assert_eq!(next(&world, first).await, answers[0], "and for who comes a little later");
    let third = next(&world, &answers[0]).await;
    assert_eq!(rows(&world).await[0]["generation"], 2, "a retry writes nothing");
    next(&world, &third).await;
}

/// Fault 68.
#[tokio::test]
async fn reuse_of_a_replaced_token_revokes_the_session() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let first = &session["refresh_token"];
    let second = next(&world, first).await;
    pass(&world, 31, &["rotated_at"]).await;
    let (status, answer) = refresh(&world, first).await;
    assert_eq!(status, 401);
    assert!(answer["error"].as_str().unwrap().contains("used before"), "{answer}");
    // For the thief and for the owner: they can't be told apart.
    assert_eq!(refresh(&world, &second).await.0, 401);
    assert_eq!(who(&world, &session["access_token"]).await.0, 401);
    assert!(rows(&world).await[0]["revoked_at"].is_u64(), "it stays on record");
    // It is told once, and to the operator.
    let told = |line: &&String| line.contains("came again") && line.contains("WARN");
    assert_eq!(world.lines().iter().filter(told).count(), 1, "{:#?}", world.lines());
}

#[tokio::test]
async fn reuse_of_an_older_token_revokes_the_session_at_once() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let second = next(&world, &session["refresh_token"]).await;
    let third = next(&world, &second).await;
    assert_eq!(refresh(&world, &session["refresh_token"]).await.0, 401);
    assert_eq!(refresh(&world, &third).await.0, 401);
}

#[tokio::test]
async fn revoked_session_ends_and_others_continue() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    let session = ann.log_in("shop-mini").await;
    let others = bob.log_in("shop-mini").await;
    let second = next(&world, &session["refresh_token"]).await;
    // By any token of the session, as often as one likes.
    for _ in 0..2 {
        let revoked = revoke(&world, &session["refresh_token"]).await;
        assert_eq!(revoked, (200, json!({})));
    }
    assert_eq!(refresh(&world, &second).await.0, 401);
    let (status, answer) = who(&world, &session["access_token"]).await;
    assert_eq!(status, 401, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("log in again"), "{answer}");
    next(&world, &others["refresh_token"]).await;
    // What isn't a token of ours isn't one that is good (RFC 7009).
    assert_eq!(revoke(&world, &json!("made-up")).await, (200, json!({})));
    assert_eq!(post(&world, "/session/revoke", &json!({})).await.0, 400);
}

#[tokio::test]
async fn session_expires() {
    let ends = [
        (30 * DAY, &["created_at", "expires"][..]),
        // Refreshed now and then, until the 90 days are over.
        (90 * DAY, &["created_at"]),
    ];
    for (seconds, attributes) in ends {
        let world = World::start().await;
        let session = world.phone("ann").log_in("shop-mini").await;
        pass(&world, seconds - 60, attributes).await;
        let second = next(&world, &session["refresh_token"]).await;
        let row = rows(&world).await.remove(0);
        let (created, expires) = (row["created_at"].as_u64(), row["expires"].as_u64());
        assert!(expires.unwrap() <= created.unwrap() + 90 * DAY, "{row}");
        pass(&world, if seconds == 90 * DAY { 61 } else { seconds }, attributes).await;
        let (status, answer) = refresh(&world, &second).await;
        assert_eq!(status, 401, "{answer}");
        assert_eq!(who(&world, &session["access_token"]).await.0, 401);
    }
}

#[tokio::test]
async fn table_contains_no_secret_of_a_session() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let second = next(&world, &session["refresh_token"]).await;
    let table = Value::from(world.aws.rows("users").await).to_string();
    for token in [&session["refresh_token"], &second] {
        let token = token.as_str().unwrap();
        // The secret is in the middle, in whichever base64.
        for at in (50..90).step_by(4) {
            let part = &token[at..at + 8];
            let standard = part.replace('-', "+").replace('_', "/");
            assert!(!table.contains(part) && !table.contains(&standard), "{table}");
        }
    }
}

#[tokio::test]
async fn forged_token_causes_no_table_read() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let good = session["refresh_token"].as_str().unwrap().to_owned();
    let login = world.cloud.function("login");
    let counts = OPERATIONS.map(|operation| {
        // A fault that delays by nearly nothing, and counts the calls.
        let fault = Fault::new("dynamodb", operation).by(login.clone());
        world.cloud.aws.faults.inject(fault.delay(Duration::from_millis(1))).unwrap()
    });
    let asked = || counts.iter().map(local_aws::services::FaultHandle::fired).sum::<u64>();
    let mut letters = good.clone().into_bytes();
    letters[60] = if letters[60] == b'A' { b'B' } else { b'A' };
    let spoiled = String::from_utf8(letters).unwrap();
    let forged = [
        "",
        "made-up",
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}A"),
        &format!("{good}="),
        &format!(" {good}"),
        &good.to_uppercase(),
        &spoiled,
        session["access_token"].as_str().unwrap(),
        &"A".repeat(good.len()),
        "é",
    ];
    for token in forged.map(|token| json!(token)) {
        let (status, answer) = refresh(&world, &token).await;
        assert_eq!(status, 401, "{token}: {answer}");
        assert_eq!(revoke(&world, &token).await.0, 200, "{token}");
    }
    assert_eq!(refresh(&world, &json!(7)).await.0, 400);
    assert_eq!(refresh(&world, &json!("A".repeat(9000))).await.0, 413);
    assert_eq!(asked(), 0);
    // A good one costs a look at the session, one at the person, and a change.
    next(&world, &json!(good)).await;
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn session_survives_a_lost_confirmation() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let lost = Fault::new("dynamodb", "UpdateItem").by(world.cloud.function("login"));
    let lost = world.cloud.aws.faults.inject(lost.reset().after().once()).unwrap();
    let second = next(&world, &session["refresh_token"]).await;
    assert_eq!(lost.fired(), 1);
    next(&world, &second).await;
}

#[tokio::test]
async fn session_info_requires_an_access_token() {
    let world = World::start().await;
    world.phone("ann").log_in("shop-mini").await;
    let get = || world.client.get(world.url("/session"));
    for request in [get(), get().bearer_auth("made-up"), get().header("authorization", "Bearer ")] {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
}
