use crate::fixture::{Fixture, SHOP_TEMPLATE, errcode, order};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn fault_affects_the_given_number_of_calls_of_its_path() {
    let fixture = Fixture::new().await;
    fixture.fault(json!({"path": "/cgi-bin/stable_token", "times": 2, "errcode": -1})).await;
    assert_eq!(errcode(&fixture.get("/cgi-bin/token").await), 40002, "another path");
    for _ in 0..2 {
        let answer = fixture.stable("shop", false).await;
        assert_eq!(answer["errcode"], -1);
        assert!(answer["errmsg"].as_str().unwrap().starts_with("system error rid: "), "{answer}");
    }
    assert_eq!(errcode(&fixture.stable("shop", false).await), 0);

    fixture.fault(json!({"path": "/cgi-bin/stable_token", "times": 9, "status": 502})).await;
    let answer =
        fixture.http.post(fixture.url("/cgi-bin/stable_token")).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(fixture.get("/sandbox/faults").await["faults"][0]["times"], 8);
    fixture.http.delete(fixture.url("/sandbox/faults")).send().await.unwrap();
    assert_eq!(errcode(&fixture.stable("shop", false).await), 0);

    let (status, error) =
        fixture.control_error("/sandbox/faults", json!({"path": "/cgi-bin/token"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("errcode, delay_ms, reset, status, body"), "{error}");
}

#[tokio::test]
async fn delay_postpones_the_answer() {
    let fixture = Fixture::new().await;
    fixture.fault(json!({"path": "/cgi-bin/*", "delay_ms": 150})).await;
    let started = Instant::now();
    assert_eq!(errcode(&fixture.stable("shop", false).await), 0);
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn reset_comes_before_the_first_byte() {
    let fixture = Fixture::new().await;
    fixture.fault(json!({"path": "/cgi-bin/token", "reset": true})).await;
    let mut wire = tokio::net::TcpStream::connect(fixture.sandbox.address()).await.unwrap();
    wire.write_all(b"GET /cgi-bin/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let error = wire.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(answer.is_empty());
    let calls = fixture.get("/sandbox/calls").await;
    assert_eq!(calls["calls"][0]["fault"], "reset");
    assert_eq!(calls["calls"][0]["answer"], Value::Null);
}

#[tokio::test]
async fn reset_after_the_call_loses_only_the_answer() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.callback.take_single();
    let token = fixture.token("shop").await;
    let path = "/cgi-bin/message/template/send";
    fixture.fault(json!({"path": path, "reset": true, "after": true})).await;
    let body = order(&ann, SHOP_TEMPLATE, &json!({}));
    let url = fixture.url(&format!("{path}?access_token={token}"));
    assert!(fixture.http.post(url).body(body.to_string()).send().await.is_err());
    assert_eq!(fixture.screen("ann").await.len(), 1);
    fixture.idle().await;
    assert!(fixture.callback.take_single().decrypted(&fixture.app("shop")).contains("success"));
}

#[tokio::test]
async fn location_redirects_the_caller() {
    let fixture = Fixture::new().await;
    let there = "https://example.test/there";
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    for (fault, status) in [
        (json!({"path": "/cgi-bin/stable_token", "location": there}), 302),
        (json!({"path": "/cgi-bin/stable_token", "location": there, "status": 307}), 307),
    ] {
        fixture.fault(fault).await;
        let answer =
            http.post(fixture.url("/cgi-bin/stable_token")).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["location"], there);
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let calls = fixture.get("/sandbox/calls").await;
    assert_eq!(calls["calls"][0]["fault"], "location");
    assert_eq!(calls["calls"][0]["status"], 302);
}

#[tokio::test]
async fn body_has_any_content_and_length() {
    let fixture = Fixture::new().await;
    let ask = async || {
        let answer = fixture.http.get(fixture.url("/cgi-bin/token")).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let html = "<html><body>502 Bad Gateway</body></html>";
    fixture
        .fault(json!({"path": "/cgi-bin/token", "body": html, "content_type": "text/html"}))
        .await;
    assert_eq!(ask().await, (200, "text/html".to_owned(), html.to_owned()));

    fixture.fault(json!({"path": "/cgi-bin/token", "body": "not JSON", "status": 500})).await;
    let (status, kind, body) = ask().await;
    assert_eq!((status, body.as_str()), (500, "not JSON"));
    assert!(kind.starts_with("application/json"), "{kind}");

    fixture.fault(json!({"path": "/cgi-bin/token", "body_bytes": 2 << 20})).await;
    let (status, _, body) = ask().await;
    assert_eq!((status, body.len()), (200, 2 << 20));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["errcode"], 0, "nothing but its length is wrong with it");
    assert_eq!(errcode(&fixture.get("/cgi-bin/token").await), 40002, "and then all is as before");
}

#[tokio::test]
async fn fault_lasts_for_the_maximum_number_of_calls() {
    let fixture = Fixture::new().await;
    let slow = json!({"path": "/cgi-bin/*", "delay_ms": 50, "times": u32::MAX});
    fixture.fault(slow).await;
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(errcode(&fixture.stable("shop", false).await), 0);
        assert!(started.elapsed() >= Duration::from_millis(50));
    }
    assert_eq!(fixture.get("/sandbox/faults").await["faults"][0]["times"], u32::MAX - 3);
    let calls = fixture.get("/sandbox/calls").await;
    assert_eq!(calls["calls"][2]["fault"], "delay");
}

#[tokio::test]
async fn body_after_the_call_replaces_only_the_answer() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let token = fixture.token("shop").await;
    let path = "/cgi-bin/message/template/send";
    fixture.fault(json!({"path": path, "body": "<html>", "after": true})).await;
    let body = order(&ann, SHOP_TEMPLATE, &json!({}));
    let url = fixture.url(&format!("{path}?access_token={token}"));
    let answer = fixture.http.post(url).body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "<html>");
    assert_eq!(fixture.screen("ann").await.len(), 1);
}
