use crate::stage::{Stage, errcode};
use serde_json::{Value, json};
use wechat_sandbox::{Error, Options, Sandbox};

#[tokio::test]
async fn the_world_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wechat/world.json");
    let stage = Stage::with_data(Some(file.clone())).await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    stage.post("/sandbox/people", json!({"name": "dora"})).await;
    let with = json!({"app": "shop-mini", "template_id": "order_shipped", "accept": true});
    stage.does("dora", "consent", with).await;
    stage.advance(1000).await;
    let token = stage.token("shop").await;
    stage.send_template(&stage.open_id("ann", "shop"), json!({"client_msg_id": "a"})).await;
    let mut before = stage.get("/sandbox/state").await;
    let now = stage.now().await;
    stage.sandbox.stop().await;

    let stage = Stage::with_data(Some(file)).await;
    let mut after = stage.get("/sandbox/state").await;
    assert!((now..now + 10).contains(&stage.now().await));
    before["now"] = Value::Null;
    after["now"] = Value::Null;
    assert_eq!(after, before);
    assert_eq!(stage.token("shop").await, token);
    stage.send_template(&stage.open_id("ann", "shop"), json!({"client_msg_id": "a"})).await;
    assert_eq!(stage.screen("ann").await.len(), 1);
    let dora = stage.open_id("dora", "shop-mini");
    assert_eq!(errcode(&stage.send_subscribe(&dora, json!({})).await), 0);
    assert_eq!(errcode(&stage.send_subscribe(&dora, json!({})).await), 43101);
}

#[tokio::test]
async fn what_happened_is_written_down_without_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let stage = Stage::with_data(Some(file.clone())).await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
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
async fn a_file_that_makes_no_sense_is_not_overwritten() {
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
async fn a_stopped_sandbox_leaves_its_port() {
    let stage = Stage::new().await;
    let address = stage.sandbox.address();
    stage.get("/sandbox/state").await;
    stage.sandbox.stop().await;
    // Somebody else on this machine may hold the freed port for a moment.
    let bound = async {
        while std::net::TcpListener::bind(address).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), bound).await.unwrap();
}
