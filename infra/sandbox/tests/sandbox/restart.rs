use crate::fixture::{Fixture, SHOP_TEMPLATE, errcode, order};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
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
async fn change_is_saved_before_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let fixture = Fixture::with_data(Some(file.clone())).await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let world: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(world["people"][0]["relations"]["shop"]["follows"].is_object());
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
    assert!(matches!(error, Error::Data(_)));
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

/// The program itself, with its data in this file.
struct Program {
    process: std::process::Child,
    url: String,
    http: reqwest::Client,
}

impl Program {
    fn start(data: &std::path::Path) -> Self {
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_wechat-sandbox"))
            .args(["--listen", "127.0.0.1:0", "--callback-base", "http://127.0.0.1:9", "--data"])
            .arg(data)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { process, url, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn send(&self, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        let answer = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Program {
    /// As `kill -9` does.
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Fault 103.
#[tokio::test]
async fn accepted_message_is_on_the_phone_after_kill_9() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let app = fixture.app("shop");
    let program = Program::start(&file);
    let follow = program.send("/sandbox/people/ann/follow", Some(json!({"app": "shop"}))).await;
    assert_eq!(follow["ok"], true, "{follow}");
    drop(program);
    for round in 1..=3 {
        let program = Program::start(&file);
        let people = program.send("/sandbox/people", None).await;
        let people = people["people"].as_array().unwrap();
        let ann = people.iter().find(|it| it["name"] == "ann").unwrap();
        let open_id = ann["apps"]["shop"]["open_id"].as_str().unwrap();
        let credentials = json!({
            "grant_type": "client_credential", "appid": app.app_id, "secret": app.secret.expose(),
        });
        let token = program.send("/cgi-bin/stable_token", Some(credentials)).await;
        let path = format!(
            "/cgi-bin/message/template/send?access_token={}",
            token["access_token"].as_str().unwrap()
        );
        let sent = program.send(&path, Some(order(open_id, SHOP_TEMPLATE, &json!({})))).await;
        assert_eq!(sent["errcode"], 0, "{sent}");
        drop(program);
        let program = Program::start(&file);
        let screen = program.send("/sandbox/people/ann/messages", None).await;
        let shown = screen["messages"].as_array().unwrap().iter();
        assert_eq!(shown.filter(|it| it["kind"] == "template").count(), round, "{screen}");
    }
}

/// Fault 104.
#[tokio::test]
async fn unsaved_change_is_refused_and_undone() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let fixture = Fixture::with_data(Some(folder.join("world.json"))).await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let (ann, token) = (fixture.open_id("ann", "shop"), fixture.token("shop").await);
    let received = fixture.callback.received().len();
    // Also as root nothing can be written into a folder that is gone.
    std::fs::remove_dir_all(&folder).unwrap();

    let dora = json!({"name": "dora"});
    let (status, error) = fixture.control_error("/sandbox/people", dora.clone()).await;
    assert_eq!(status, 500);
    assert!(error.contains("cannot write") && error.contains("undone"), "{error}");
    let send = fixture.url(&format!("/cgi-bin/message/template/send?access_token={token}"));
    let order = order(&ann, SHOP_TEMPLATE, &json!({})).to_string();
    let sent = fixture.http.post(&send).body(order.clone()).send().await.unwrap();
    assert_eq!(sent.status(), 500);
    let unfollow = json!({"app": "shop"});
    let (status, _) = fixture.control_error("/sandbox/people/ann/unfollow", unfollow).await;
    assert_eq!(status, 500);
    let world = fixture.sandbox.world();
    assert!(world.person("dora").is_none());
    let ann = world.person("ann").unwrap();
    assert!(ann.messages.is_empty() && ann.relations["shop"].follows.is_some());

    std::fs::create_dir(&folder).unwrap();
    fixture.post("/sandbox/people", dora).await;
    assert_eq!(fixture.http.post(&send).body(order).send().await.unwrap().status(), 200);
    fixture.idle().await;
    // The business was told of nothing that didn't happen: what follows is the receipt.
    let told: Vec<_> = fixture.callback.received().drain(received..).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(fixture.screen("ann").await.len(), 1);
}
