use crate::fixture::Fixture;
use serde_json::json;

#[tokio::test]
async fn new_person_can_follow() {
    let fixture = Fixture::new().await;
    let dora = fixture.post("/sandbox/people", json!({"name": "dora"})).await;
    assert_eq!(dora["open_ids"]["shop"].as_str().unwrap().len(), 28);
    assert_ne!(dora["open_ids"]["shop"], dora["open_ids"]["shop-mini"]);
    fixture.act("dora", "follow", json!({"app": "shop"})).await;
    let state = fixture.get("/sandbox/state").await;
    let dora = state["people"].as_array().unwrap().iter().find(|it| it["name"] == "dora").unwrap();
    assert_eq!(dora["follows"], json!(["shop"]));
    let again = fixture.act("dora", "follow", json!({"app": "shop"})).await;
    assert_eq!((&again["changed"], &again["pushes"]), (&json!(false), &json!([])));
    assert_eq!(fixture.control_error("/sandbox/people", json!({"name": "dora"})).await.0, 400);
}

#[tokio::test]
async fn invalid_control_request_is_explained() {
    let fixture = Fixture::new().await;
    for (path, body, status, hint) in [
        ("people/zoe/follow", json!({"app": "shop"}), 404, "ann, bob, carol"),
        ("people/ann/fly", json!({"app": "shop"}), 404, "unfollow"),
        ("people/ann/follow", json!({"app": "shopp"}), 404, "shop, shop-mini"),
        ("people/ann/follow", json!({}), 400, "app"),
        ("people/ann/follow", json!({"app": "shop-mini"}), 400, "Official Account"),
        ("people/ann/message", json!({"app": "shop"}), 400, "text"),
        ("people/ann/message", json!({"app": "shop", "text": "hi"}), 400, "follow first"),
        ("people/ann/scan", json!({"app": "shop"}), 400, "scene"),
        (
            "people/ann/consent",
            json!({"app": "shop-mini", "template_id": "x", "accept": true}),
            404,
            "order_shipped",
        ),
        (
            "people/ann/consent",
            json!({"app": "shop", "template_id": "order_shipped", "accept": true}),
            404,
            "order_arrived",
        ),
        ("people/ann/follow", json!({"app": "shop", "colour": "red"}), 400, "colour"),
        ("clock", json!({"advance_seconds": -1}), 400, "advance_seconds"),
        ("push", json!({"app": "shop", "message": {"MsgType": "text"}}), 400, "from"),
        ("nothing", json!({}), 404, "people"),
    ] {
        let (got, error) = fixture.control_error(&format!("/sandbox/{path}"), body.clone()).await;
        assert_eq!(got, status, "{path} {body}: {error}");
        assert!(error.contains(hint), "{path} {body}: {error}");
    }
    assert!(fixture.callback.received().is_empty());
}

#[tokio::test]
async fn control_api_shows_no_secret() {
    let fixture = Fixture::new().await;
    let mini = fixture.app("shop-mini");
    let code = fixture.act("ann", "login", json!({"app": "shop-mini"})).await["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let session = fixture
        .get(&format!(
            "/sns/jscode2session?appid={}&secret={}&js_code={code}&grant_type=authorization_code",
            mini.app_id,
            mini.secret.expose()
        ))
        .await;
    let token = fixture.token("shop").await;
    fixture.get(&format!("/cgi-bin/user/info?access_token={token}&openid=oUnknown")).await;
    let broken = format!("{{\"secret\":\"{}\"", mini.secret.expose());
    fixture.http.post(fixture.url("/cgi-bin/stable_token")).body(broken).send().await.unwrap();

    let calls = fixture.get("/sandbox/calls").await;
    let paths: Vec<_> =
        calls["calls"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "/sns/jscode2session",
            "/cgi-bin/stable_token",
            "/cgi-bin/user/info",
            "/cgi-bin/stable_token"
        ]
    );
    assert_eq!(calls["calls"][0]["query"]["js_code"], "…");
    assert_eq!(calls["calls"][1]["body"]["secret"], "…");
    assert_eq!(calls["calls"][1]["answer"]["access_token"], "…");
    assert_eq!(calls["calls"][2]["answer"]["errcode"], 40003);
    let all = format!("{calls}{}", fixture.get("/sandbox/state").await);
    let session_key = session["session_key"].as_str().unwrap();
    let shop = fixture.app("shop");
    for secret in [
        mini.secret.expose(),
        shop.secret.expose(),
        mini.callback_token.expose(),
        mini.encoding_aes_key.expose(),
        &token,
        &code,
        session_key,
    ] {
        assert!(!all.contains(secret));
    }
    fixture.http.delete(fixture.url("/sandbox/calls")).send().await.unwrap();
    assert_eq!(fixture.get("/sandbox/calls").await["calls"], json!([]));
}
