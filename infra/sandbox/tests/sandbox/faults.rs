use crate::stage::{Stage, errcode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_fault_befalls_so_many_calls_of_its_path() {
    let stage = Stage::new().await;
    stage
        .post(
            "/sandbox/faults",
            json!({"path": "/cgi-bin/stable_token", "times": 2, "errcode": -1}),
        )
        .await;
    assert_eq!(errcode(&stage.get("/cgi-bin/token").await), 40002, "another path");
    for _ in 0..2 {
        let answer = stage.stable("shop", false).await;
        assert_eq!(answer["errcode"], -1);
        assert!(answer["errmsg"].as_str().unwrap().starts_with("system error rid: "), "{answer}");
    }
    assert_eq!(errcode(&stage.stable("shop", false).await), 0);

    stage
        .post(
            "/sandbox/faults",
            json!({"path": "/cgi-bin/stable_token", "times": 9, "status": 502}),
        )
        .await;
    let answer =
        stage.http.post(stage.url("/cgi-bin/stable_token")).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(stage.get("/sandbox/faults").await["faults"][0]["times"], 8);
    stage.http.delete(stage.url("/sandbox/faults")).send().await.unwrap();
    assert_eq!(errcode(&stage.stable("shop", false).await), 0);

    let (status, error) = stage.refused("/sandbox/faults", json!({"path": "/cgi-bin/token"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("errcode, delay_ms, reset, status, body"), "{error}");
}

#[tokio::test]
async fn a_delay_holds_the_answer_back() {
    let stage = Stage::new().await;
    stage.post("/sandbox/faults", json!({"path": "/cgi-bin/*", "delay_ms": 150})).await;
    let started = Instant::now();
    assert_eq!(errcode(&stage.stable("shop", false).await), 0);
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_reset_comes_before_the_first_byte() {
    let stage = Stage::new().await;
    stage.post("/sandbox/faults", json!({"path": "/cgi-bin/token", "reset": true})).await;
    let mut wire = tokio::net::TcpStream::connect(stage.sandbox.address()).await.unwrap();
    wire.write_all(b"GET /cgi-bin/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let error = wire.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(answer.is_empty());
    let calls = stage.get("/sandbox/calls").await;
    assert_eq!(calls["calls"][0]["fault"], "reset");
    assert_eq!(calls["calls"][0]["answer"], Value::Null);
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_call_took_effect() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.callback.only();
    let token = stage.token("shop").await;
    let path = "/cgi-bin/message/template/send";
    stage.post("/sandbox/faults", json!({"path": path, "reset": true, "after": true})).await;
    let body = json!({
        "touser": ann, "template_id": crate::stage::SHOP_TEMPLATE,
        "data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "15:04"}},
    });
    let url = stage.url(&format!("{path}?access_token={token}"));
    assert!(stage.http.post(url).body(body.to_string()).send().await.is_err());
    assert_eq!(stage.screen("ann").await.len(), 1);
    stage.idle().await;
    assert!(stage.callback.only().opened(&stage.app("shop")).contains("success"));
}

#[tokio::test]
async fn an_answer_may_lead_elsewhere() {
    let stage = Stage::new().await;
    let there = "https://example.test/there";
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    for (fault, status) in [
        (json!({"path": "/cgi-bin/stable_token", "location": there}), 302),
        (json!({"path": "/cgi-bin/stable_token", "location": there, "status": 307}), 307),
    ] {
        stage.post("/sandbox/faults", fault).await;
        let answer = http.post(stage.url("/cgi-bin/stable_token")).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["location"], there);
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let calls = stage.get("/sandbox/calls").await;
    assert_eq!(calls["calls"][0]["fault"], "location");
    assert_eq!(calls["calls"][0]["status"], 302);
}

#[tokio::test]
async fn a_body_may_be_anything_of_any_length() {
    let stage = Stage::new().await;
    let ask = async || {
        let answer = stage.http.get(stage.url("/cgi-bin/token")).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let html = "<html><body>502 Bad Gateway</body></html>";
    stage
        .post(
            "/sandbox/faults",
            json!({"path": "/cgi-bin/token", "body": html, "content_type": "text/html"}),
        )
        .await;
    assert_eq!(ask().await, (200, "text/html".to_owned(), html.to_owned()));

    stage
        .post(
            "/sandbox/faults",
            json!({"path": "/cgi-bin/token", "body": "not JSON", "status": 500}),
        )
        .await;
    let (status, kind, body) = ask().await;
    assert_eq!((status, body.as_str()), (500, "not JSON"));
    assert!(kind.starts_with("application/json"), "{kind}");

    stage.post("/sandbox/faults", json!({"path": "/cgi-bin/token", "body_bytes": 2 << 20})).await;
    let (status, _, body) = ask().await;
    assert_eq!((status, body.len()), (200, 2 << 20));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["errcode"], 0, "nothing but its length is wrong with it");
    assert_eq!(errcode(&stage.get("/cgi-bin/token").await), 40002, "and then all is as before");
}

#[tokio::test]
async fn a_fault_may_last() {
    let stage = Stage::new().await;
    let slow = json!({"path": "/cgi-bin/*", "delay_ms": 50, "times": u32::MAX});
    stage.post("/sandbox/faults", slow).await;
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(errcode(&stage.stable("shop", false).await), 0);
        assert!(started.elapsed() >= Duration::from_millis(50));
    }
    assert_eq!(stage.get("/sandbox/faults").await["faults"][0]["times"], u32::MAX - 3);
    let calls = stage.get("/sandbox/calls").await;
    assert_eq!(calls["calls"][2]["fault"], "delay");
}

#[tokio::test]
async fn a_body_may_be_lost_after_the_call_took_effect() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    let token = stage.token("shop").await;
    let path = "/cgi-bin/message/template/send";
    stage.post("/sandbox/faults", json!({"path": path, "body": "<html>", "after": true})).await;
    let body = json!({
        "touser": ann, "template_id": crate::stage::SHOP_TEMPLATE,
        "data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "15:04"}},
    });
    let url = stage.url(&format!("{path}?access_token={token}"));
    let answer = stage.http.post(url).body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "<html>");
    assert_eq!(stage.screen("ann").await.len(), 1);
}
