use crate::fixture::{Fixture, errcode};
use serde_json::{Value, json};
use wechat_sandbox::{Error, Options, Sandbox};

#[tokio::test]
async fn world_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wechat/world.json");
    let fixture = Fixture::with_data(Some(file.clone())).await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.post("/sandbox/people", json!({"name": "dora"})).await;
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    fixture.act("dora", "consent", with).await;
    fixture.advance(1000).await;
    let token = fixture.token("shop").await;
    fixture.send_template(&fixture.open_id("ann", "shop"), json!({"client_msg_id": "a"})).await;
    let mut before = fixture.get("/sandbox/state").await;
    let now = fixture.now().await;
    fixture.sandbox.stop().await;

    let fixture = Fixture::with_data(Some(file)).await;
    let mut after = fixture.get("/sandbox/state").await;
    assert!((now..now + 10).contains(&fixture.now().await));
    before["now"] = Value::Null;
    after["now"] = Value::Null;
    assert_eq!(after, before);
    assert_eq!(fixture.token("shop").await, token);
    fixture.send_template(&fixture.open_id("ann", "shop"), json!({"client_msg_id": "a"})).await;
    assert_eq!(fixture.screen("ann").await.len(), 1);
    let dora = fixture.open_id("dora", "shop-mini");
    assert_eq!(errcode(&fixture.send_subscribe(&dora, json!({})).await), 0);
    assert_eq!(errcode(&fixture.send_subscribe(&dora, json!({})).await), 43101);
}

#[tokio::test]
async fn changes_are_saved_while_the_sandbox_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let fixture = Fixture::with_data(Some(file.clone())).await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let follows = || {
        let world: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        world["people"][0]["relations"]["shop"]["follows"].is_object()
    };
    let written = async {
        while !follows() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), written).await.unwrap();
}

#[tokio::test]
async fn invalid_data_file_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    std::fs::write(&file, "{\"apps\":").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let callback_base = "http://127.0.0.1:9/callback".to_owned();
    let error = Sandbox::start(Options {
        data: Some(file.clone()),
        ..Options::new(listener, callback_base)
    })
    .await
    .err()
    .unwrap();
    assert!(matches!(error, Error::Data { .. }));
    assert!(error.to_string().contains("remove it to start from the example"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"apps\":");
}

#[tokio::test]
async fn stopped_sandbox_frees_its_port() {
    let fixture = Fixture::new().await;
    let address = fixture.sandbox.address();
    fixture.get("/sandbox/state").await;
    fixture.sandbox.stop().await;
    // Another process may hold the freed port for a short time.
    let bound = async {
        while std::net::TcpListener::bind(address).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), bound).await.unwrap();
}
