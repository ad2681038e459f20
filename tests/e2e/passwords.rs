//! Passwords that are tried: how often, and what the answer tells.

use crate::phone::password;
use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

const OPERATIONS: [&str; 6] =
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"];

/// A login from an address of this machine: the status, how many seconds to wait,
/// and the answer. Over a bare connection, as that can have an address of its own.
async fn from(world: &World, address: u8, login: &Value) -> (u16, Option<u64>, Value) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, address), 0).into()).unwrap();
    let mut stream = socket.connect(world.cloud.http()).await.unwrap();
    let body = login.to_string();
    let request = format!(
        "POST /login/shop-mini HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        world.cloud.http(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let wait = head.lines().find_map(|line| line.strip_prefix("retry-after: "));
    let body = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    (status, wait.map(|wait| wait.parse().unwrap()), serde_json::from_str(body).unwrap())
}

fn login(code: &str, username: &str, password: &str) -> Value {
    json!({ "code": code, "username": username, "password": password })
}

#[tokio::test]
async fn ten_wrong_passwords_block_the_guesser_only() {
    let world = World::start().await;
    world.account("ann").await;
    let code = world.phone("ann").code("shop-mini").await;
    // Concurrently, from one address.
    let guesses: Vec<_> =
        (0..30).map(|at| login(&code, "ann", &format!("not the one {at}"))).collect();
    let answers = guesses.iter().map(|guess| from(&world, 2, guess));
    let mut statuses: Vec<_> =
        futures_util::future::join_all(answers).await.into_iter().map(|it| it.0).collect();
    statuses.sort_unstable();
    assert_eq!((&statuses[..10], &statuses[10..]), (&[401; 10][..], &[429; 20][..]));

    // Also the right one isn't looked at from there any more.
    let right = login(&code, "ann", &password("ann"));
    let (status, wait, answer) = from(&world, 2, &right).await;
    assert_eq!(status, 429);
    assert!(wait.is_some_and(|wait| (600..=900).contains(&wait)), "{wait:?}");
    assert!(answer["error"].as_str().unwrap().contains("wait"), "{answer}");
    assert!(world.wechat.calls("/sns/jscode2session").await.is_empty(), "the code is unused");

    // Ann is elsewhere.
    assert_eq!(from(&world, 3, &right).await.0, 200);
}

#[tokio::test]
async fn password_attempts_are_allowed_again_after_fifteen_minutes() {
    let world = World::start().await;
    world.account("ann").await;
    let code = world.phone("ann").code("shop-mini").await;
    for _ in 0..10 {
        assert_eq!(world.log_in("shop-mini", &login(&code, "ann", "not the one")).await.0, 401);
    }
    let right = login(&code, "ann", &password("ann"));
    assert_eq!(world.log_in("shop-mini", &right).await.0, 429);
    world.aws.turn_back("users", ["user", "item"], "ends_at").await;
    assert_eq!(world.log_in("shop-mini", &right).await.0, 200);

    // Who got it right has all tries again.
    for _ in 0..10 {
        let code = world.phone("ann").code("shop-mini").await;
        assert_eq!(world.log_in("shop-mini", &login(&code, "ann", "not the one")).await.0, 401);
    }
}

#[tokio::test]
async fn response_does_not_reveal_whether_the_account_exists() {
    let world = World::start().await;
    world.account("ann").await;
    let clear = json!({ "create_account": { "username": "carol" } });
    world.ask_login(&clear).await.unwrap();
    let code = world.phone("ann").code("shop-mini").await;
    let function = world.cloud.function("login");
    let mut found = Vec::new();
    // One that is, one that isn't, and one that has no password.
    for account in ["ann", "unknown", "carol"] {
        for round in 0..11 {
            let counts = OPERATIONS.map(|operation| {
                // A fault that delays by nearly nothing, and counts the calls.
                let fault = Fault::new("dynamodb", operation).by(function.clone());
                world.cloud.aws.faults.inject(fault.delay(Duration::from_millis(1))).unwrap()
            });
            let (status, answer) =
                world.log_in("shop-mini", &login(&code, account, "not the one")).await;
            let calls = counts.each_ref().map(local_aws::services::FaultHandle::fired);
            counts.iter().for_each(local_aws::services::FaultHandle::cancel);
            let error = answer["error"].as_str().unwrap().to_owned();
            // The time to wait depends on the current time.
            let error: String = error.chars().filter(|c| !c.is_ascii_digit()).collect();
            found.push((round, status, error, calls));
        }
    }
    let (ann, others) = found.split_at(11);
    for of_another in others.chunks(11) {
        assert_eq!(ann, of_another);
    }
    assert_eq!((ann[9].1, ann[10].1), (401, 429));
    let lines = world.lines();
    assert!(!lines.concat().contains("not the one"));
}
