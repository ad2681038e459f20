//! What the page is made of, and what it is told.

use crate::stage::Stage;
use serde_json::{Value, json};

/// Reads events until one fits.
async fn told(live: &mut reqwest::Response, fits: impl Fn(&Value) -> bool) -> Value {
    let mut text = String::new();
    loop {
        let more = live.chunk().await.unwrap().expect("it goes on");
        text.push_str(std::str::from_utf8(&more).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.strip_prefix("data: ").map(serde_json::from_str::<Value>);
            let rest = rest.to_owned();
            if let Some(Ok(news)) = data
                && fits(&news)
            {
                return news;
            }
            text = rest;
        }
    }
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there() {
    let stage = Stage::new().await;
    let get = async |path: &str| {
        let answer = stage.http.get(stage.url(path)).send().await.unwrap();
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
    let unknown = stage.http.get(stage.url("/page/nothing.js")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn whoever_watches_is_told_everything_first_and_then_what_changes() {
    let stage = Stage::new().await;
    stage.does("bob", "follow", json!({ "app": "shop" })).await;
    let mut live = stage.http.get(stage.url("/sandbox/live")).send().await.unwrap();
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    let first = told(&mut live, |_| true).await;
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

    stage.does("ann", "follow", json!({ "app": "shop" })).await;
    let news = told(&mut live, |news| !news["people"].as_array().unwrap().is_empty()).await;
    let people = news["people"].as_array().unwrap();
    assert_eq!(people.len(), 1, "{news}");
    assert_eq!(people[0]["name"], "ann");
    assert_eq!(news["fresh"], Value::Null);
    assert_eq!(news["apps"], json!([]));
}

#[tokio::test]
async fn a_call_is_told_of_with_its_answer_and_without_its_secrets() {
    let stage = Stage::new().await;
    let token = stage.token("shop").await;
    let path = format!("/cgi-bin/user/info?access_token={token}&openid=nobody");
    stage.get(&path).await;
    let mut live = stage.http.get(stage.url("/sandbox/live")).send().await.unwrap();
    let first = told(&mut live, |_| true).await;
    let call = first["activities"].as_array().unwrap().last().unwrap();
    assert_eq!(call["kind"], "call");
    assert_eq!(call["facts"]["path"], "/cgi-bin/user/info");
    assert_eq!(call["facts"]["errcode"], 40003);
    assert!(!first.to_string().contains(&token));
    let id = call["id"].as_str().unwrap();
    let whole = stage.get(&format!("/sandbox/calls/{id}")).await;
    assert_eq!(whole["query"], json!({ "access_token": "…", "openid": "nobody" }));
    assert_eq!(whole["answer"]["errcode"], 40003);
    assert_eq!(first["apps"][0]["token"]["valid"], true);
}

#[tokio::test]
async fn what_was_looked_at_is_no_longer_unread() {
    let stage = Stage::new().await;
    let unread = || stage.sandbox.world().person("ann").unwrap().unread.clone();
    stage.does("ann", "follow", json!({ "app": "shop" })).await;
    assert!(unread().is_empty());
    // WeChat's own line, that the service fails, is one to read.
    stage.callback.say(200, "<html>");
    stage.does("ann", "message", json!({ "app": "shop", "text": "hello" })).await;
    assert_eq!(unread()["shop"], 1);
    stage.does("ann", "read", json!({ "chat": "shop" })).await;
    assert!(unread().is_empty());
    let (status, error) = stage.refused("/sandbox/people/ann/read", json!({})).await;
    assert_eq!(status, 400);
    assert!(error.contains("chat"), "{error}");
}

#[tokio::test]
async fn without_a_business_nothing_is_opened_or_notified() {
    let stage = Stage::new().await;
    let open = json!({ "app": "shop-mini" });
    let (status, error) = stage.refused("/sandbox/people/ann/open", open).await;
    assert_eq!(status, 400);
    assert!(error.contains("--api"), "{error}");
    let (status, error) = stage.refused("/sandbox/notify", json!({ "id": "a" })).await;
    assert_eq!(status, 400);
    assert!(error.contains("--send"), "{error}");
}

#[tokio::test]
async fn pages_of_other_sites_can_do_nothing() {
    let stage = Stage::new().await;
    let follow = |origin: String| {
        let follow = stage.http.post(stage.url("/sandbox/people/ann/follow"));
        follow.header("origin", origin).body(r#"{"app":"shop"}"#).send()
    };
    assert_eq!(follow("https://evil.example".to_owned()).await.unwrap().status(), 403);
    assert!(stage.sandbox.world().person("ann").unwrap().relations["shop"].follows.is_none());
    assert_eq!(follow(stage.url("")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_clock_that_was_moved_and_a_caller_who_hung_up_are_told_of() {
    let stage = Stage::new().await;
    let mut live = stage.http.get(stage.url("/sandbox/live")).send().await.unwrap();
    let first = told(&mut live, |_| true).await;
    stage.advance(60).await;
    let news = told(&mut live, |_| true).await;
    assert!(news["now"].as_i64().unwrap() >= first["now"].as_i64().unwrap() + 60, "{news}");

    let slow = json!({ "path": "/cgi-bin/token", "delay_ms": 60_000 });
    stage.post("/sandbox/faults", slow).await;
    let call = stage.http.get(stage.url("/cgi-bin/token"));
    let impatient = call.timeout(std::time::Duration::from_millis(50)).send();
    assert!(impatient.await.unwrap_err().is_timeout());
    let hung_up = |news: &Value| news["activities"][0]["facts"]["hung_up"] == true;
    let news = told(&mut live, hung_up).await;
    assert_eq!(news["activities"][0]["facts"]["path"], "/cgi-bin/token");
}
