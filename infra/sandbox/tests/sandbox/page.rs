//! The page, and the stream that it receives.

use crate::fixture::Fixture;
use serde_json::{Value, json};

/// Reads events until one matches.
async fn next_event(live: &mut reqwest::Response, matches: impl Fn(&Value) -> bool) -> Value {
    let mut text = String::new();
    loop {
        let more = live.chunk().await.unwrap().expect("the stream continues");
        text.push_str(std::str::from_utf8(&more).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let data = block.strip_prefix("data: ").map(serde_json::from_str::<Value>);
            let rest = rest.to_owned();
            if let Some(Ok(event)) = data
                && matches(&event)
            {
                return event;
            }
            text = rest;
        }
    }
}

#[tokio::test]
async fn every_file_of_the_page_is_served() {
    let fixture = Fixture::new().await;
    let get = async |path: &str| {
        let answer = fixture.http.get(fixture.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        answer.text().await.unwrap()
    };
    let mut unread = vec!["/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = unread.pop() {
        let text = get(&path).await;
        // `"/page/main.js"` in the page, `"./phone.js"` in a script.
        for quoted in text.split('"').filter(|it| it.ends_with(".js") || it.ends_with(".css")) {
            let path = format!("/page/{}", quoted.rsplit('/').next().unwrap());
            if !seen.contains(&path) {
                seen.push(path.clone());
                unread.push(path);
            }
        }
    }
    assert!(seen.len() >= 10, "{seen:?}");
    let unknown = fixture.http.get(fixture.url("/page/nothing.js")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn live_stream_sends_everything_first_and_then_changes() {
    let fixture = Fixture::new().await;
    fixture.act("bob", "follow", json!({ "app": "shop" })).await;
    let mut live = fixture.http.get(fixture.url("/sandbox/live")).send().await.unwrap();
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    let first = next_event(&mut live, |_| true).await;
    assert_eq!(first["fresh"], true);
    assert_eq!(first["people"].as_array().unwrap().len(), 3);
    assert_eq!(first["apps"].as_array().unwrap().len(), 2);
    assert_eq!((&first["can_open"], &first["can_notify"]), (&json!(false), &json!(false)));
    let callback = &first["activities"][0];
    assert_eq!(callback["kind"], "callback");
    assert_eq!(callback["facts"]["event"], "subscribe");
    assert_eq!(callback["facts"]["status"], 200);
    for secret in ["notasecret", "sandboxtoken", "SandboxOnlyNotASecret"] {
        assert!(!first.to_string().contains(secret), "{secret}");
    }

    fixture.act("ann", "follow", json!({ "app": "shop" })).await;
    let news = next_event(&mut live, |event| !event["people"].as_array().unwrap().is_empty()).await;
    let people = news["people"].as_array().unwrap();
    assert_eq!(people.len(), 1, "{news}");
    assert_eq!(people[0]["name"], "ann");
    assert_eq!(news["fresh"], Value::Null);
    assert_eq!(news["apps"], json!([]));
}

#[tokio::test]
async fn live_stream_shows_calls_without_secrets() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/user/info?access_token={token}&openid=oUnknown");
    fixture.get(&path).await;
    let mut live = fixture.http.get(fixture.url("/sandbox/live")).send().await.unwrap();
    let first = next_event(&mut live, |_| true).await;
    let call = first["activities"].as_array().unwrap().last().unwrap();
    assert_eq!(call["kind"], "call");
    assert_eq!(call["facts"]["path"], "/cgi-bin/user/info");
    assert_eq!(call["facts"]["errcode"], 40003);
    assert!(!first.to_string().contains(&token));
    let id = call["id"].as_str().unwrap();
    let whole = fixture.get(&format!("/sandbox/calls/{id}")).await;
    assert_eq!(whole["query"], json!({ "access_token": "…", "openid": "oUnknown" }));
    assert_eq!(whole["answer"]["errcode"], 40003);
    assert_eq!(first["apps"][0]["token"]["valid"], true);
}

#[tokio::test]
async fn read_chat_has_no_unread_messages() {
    let fixture = Fixture::new().await;
    let unread = || fixture.sandbox.world().person("ann").unwrap().unread.clone();
    fixture.act("ann", "follow", json!({ "app": "shop" })).await;
    assert!(unread().is_empty());
    // WeChat's line about the failed service counts as unread.
    fixture.callback.answer_next(200, "<html>");
    fixture.act("ann", "message", json!({ "app": "shop", "text": "hello" })).await;
    assert_eq!(unread()["shop"], 1);
    fixture.act("ann", "read", json!({ "chat": "shop" })).await;
    assert!(unread().is_empty());
    let (status, error) = fixture.control_error("/sandbox/people/ann/read", json!({})).await;
    assert_eq!(status, 400);
    assert!(error.contains("chat"), "{error}");
}

#[tokio::test]
async fn open_and_notify_fail_without_a_business() {
    let fixture = Fixture::new().await;
    let open = json!({ "app": "shop-mini" });
    let (status, error) = fixture.control_error("/sandbox/people/ann/open", open).await;
    assert_eq!(status, 400);
    assert!(error.contains("--api"), "{error}");
    let (status, error) = fixture.control_error("/sandbox/notify", json!({ "id": "a" })).await;
    assert_eq!(status, 400);
    assert!(error.contains("--send"), "{error}");
}

#[tokio::test]
async fn request_from_another_origin_is_rejected() {
    let fixture = Fixture::new().await;
    let follow = |origin: String| {
        let follow = fixture.http.post(fixture.url("/sandbox/people/ann/follow"));
        follow.header("origin", origin).body(r#"{"app":"shop"}"#).send()
    };
    assert_eq!(follow("https://evil.example".to_owned()).await.unwrap().status(), 403);
    assert!(fixture.sandbox.world().person("ann").unwrap().relations["shop"].follows.is_none());
    assert_eq!(follow(fixture.url("")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn live_stream_shows_clock_changes_and_hung_up_callers() {
    let fixture = Fixture::new().await;
    let mut live = fixture.http.get(fixture.url("/sandbox/live")).send().await.unwrap();
    let first = next_event(&mut live, |_| true).await;
    fixture.advance(60).await;
    let news = next_event(&mut live, |_| true).await;
    assert!(news["now"].as_i64().unwrap() >= first["now"].as_i64().unwrap() + 60, "{news}");

    let slow = json!({ "path": "/cgi-bin/token", "delay_ms": 60_000 });
    fixture.post("/sandbox/faults", slow).await;
    let call = fixture.http.get(fixture.url("/cgi-bin/token"));
    let impatient = call.timeout(std::time::Duration::from_millis(50)).send();
    assert!(impatient.await.unwrap_err().is_timeout());
    let hung_up = |event: &Value| event["activities"][0]["facts"]["hung_up"] == true;
    let news = next_event(&mut live, hung_up).await;
    assert_eq!(news["activities"][0]["facts"]["path"], "/cgi-bin/token");
}
