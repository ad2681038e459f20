//! Passwords that are tried: how often, and what the answer tells.

use crate::phone::password;
use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::ops::Range;
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

/// Wrong passwords for an account, ten from each of these addresses at the same time: what was
/// answered, sorted.
async fn guesses(world: &World, code: &str, account: &str, addresses: Range<u8>) -> Vec<String> {
    let mut errors = Vec::new();
    for address in addresses {
        let guess = login(code, account, "not the one");
        let answers = (0..10).map(|_| from(world, address, &guess));
        for (status, _, answer) in futures_util::future::join_all(answers).await {
            errors.push(format!("{status} {}", answer["error"].as_str().unwrap()));
        }
    }
    errors.sort();
    errors
}

const WRONG: &str = "401 wrong username or password";

/// Fault 109.
#[tokio::test]
async fn account_guessed_from_many_addresses_takes_a_wechat_login_for_each_further_guess() {
    let world = World::start().await;
    world.account("ann").await;
    for account in ["ann", "unknown"] {
        let first = if account == "ann" { 2 } else { 20 };
        let found = guesses(&world, "garbage", account, first..first + 12).await;
        let (refused, wrong) = found.split_at(20);
        assert!(refused.iter().all(|it| it.starts_with("401 code: ")), "{refused:?}");
        assert!(wrong.len() == 100 && wrong.iter().all(|it| it == WRONG), "{wrong:?}");
    }
    // Without a login the answer doesn't depend on the password.
    let answer = async |password: &str| {
        let (status, wait, answer) = from(&world, 40, &login("garbage", "ann", password)).await;
        (status, wait, answer["error"].clone())
    };
    assert_eq!(answer("not the one").await, answer(&password("ann")).await);
    assert_eq!(world.metrics("wrong_passwords").len(), 200);

    // A stranger with a phone gets five guesses, and a wait.
    let carol = world.phone("carol");
    let guess = async |account: &str, address: u8| {
        let guess = login(&carol.code("shop-mini").await, account, "not the one");
        let (status, wait, answer) = from(&world, address, &guess).await;
        (format!("{status} {}", answer["error"].as_str().unwrap()), wait)
    };
    for address in 50..55 {
        let account = if address % 2 == 0 { "ann" } else { "unknown" };
        assert_eq!(guess(account, address).await, (WRONG.to_owned(), None));
    }
    for account in ["ann", "unknown"] {
        let (error, wait) = guess(account, 55).await;
        assert!(error.starts_with("429 "), "{error}");
        assert!(wait.is_some_and(|wait| (3300..=3600).contains(&wait)), "{wait:?}");
    }

    // Who guesses can't lock the owner out.
    for _ in 0..7 {
        let right = login(&world.phone("ann").code("shop-mini").await, "ann", &password("ann"));
        assert_eq!(from(&world, 60, &right).await.0, 200);
    }
    // The same request again, as its response was lost, and with a wrong password.
    let code = world.phone("ann").code("shop-mini").await;
    let right = login(&code, "ann", &password("ann"));
    let (status, _, first) = from(&world, 60, &right).await;
    assert_eq!(status, 200);
    assert_eq!(from(&world, 60, &right).await, (200, None, first));
    assert_eq!(from(&world, 61, &login(&code, "ann", "not the one")).await.0, 401);
}

/// Fault 109.
#[tokio::test]
async fn address_that_tries_many_accounts_is_blocked_and_no_other() {
    let world = World::start().await;
    world.account("ann").await;
    let code = world.phone("ann").code("shop-mini").await;
    let mut statuses = Vec::new();
    for tens in 0..11 {
        let guesses: Vec<_> =
            (0..10).map(|at| login(&code, &format!("name-{tens}-{at}"), "not the one")).collect();
        let answers = guesses.iter().map(|guess| from(&world, 2, guess));
        statuses.extend(futures_util::future::join_all(answers).await.into_iter().map(|it| it.0));
    }
    statuses.sort_unstable();
    assert_eq!((&statuses[..100], &statuses[100..]), (&[401; 100][..], &[429; 10][..]));
    let right = login(&code, "ann", &password("ann"));
    let (status, wait, _) = from(&world, 2, &right).await;
    assert_eq!(status, 429);
    assert!(wait.is_some_and(|wait| (600..=900).contains(&wait)), "{wait:?}");
    assert!(world.wechat.calls("/sns/jscode2session").await.is_empty(), "the code is unused");
    assert_eq!(from(&world, 3, &right).await.0, 200);
}

/// Fault 109.
#[tokio::test]
async fn right_password_takes_back_its_own_attempt_and_no_other() {
    let world = World::start().await;
    world.account("ann").await;
    let wrong = login("garbage", "ann", "not the one");
    for _ in 0..9 {
        assert_eq!(from(&world, 2, &wrong).await.0, 401);
    }
    for _ in 0..3 {
        let right = login(&world.phone("ann").code("shop-mini").await, "ann", &password("ann"));
        assert_eq!(from(&world, 2, &right).await.0, 200);
    }
    assert_eq!(from(&world, 2, &wrong).await.0, 401);
    assert_eq!(from(&world, 2, &wrong).await.0, 429);
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

    // The right one wasn't counted.
    for _ in 0..10 {
        let code = world.phone("ann").code("shop-mini").await;
        assert_eq!(world.log_in("shop-mini", &login(&code, "ann", "not the one")).await.0, 401);
    }
}

/// Fault 109.
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
