use crate::stage::{Stage, errcode};
use serde_json::{Value, json};

/// Asks with GET, from another address of this machine.
async fn get_from(stage: &Stage, address: &str, path: &str) -> Value {
    let client =
        reqwest::Client::builder().no_proxy().local_address(Some(address.parse().unwrap()));
    let client = client.build().unwrap();
    client.get(stage.url(path)).send().await.unwrap().text().await.unwrap().parse().unwrap()
}

fn legacy_token(stage: &Stage, app: &str) -> String {
    let app = stage.app(app);
    let secret = app.secret.expose();
    format!("/cgi-bin/token?grant_type=client_credential&appid={}&secret={secret}", app.app_id)
}

#[tokio::test]
async fn an_account_lets_only_listed_addresses_call_at_all() {
    let stage = Stage::new().await;
    let ann = stage.open_id("ann", "shop");
    let token = stage.token("shop").await;
    let profile = format!("/cgi-bin/user/info?access_token={token}&openid={ann}");
    assert_eq!(errcode(&stage.get(&profile).await), 0, "nobody has made a list yet");

    stage.post("/sandbox/apps/shop/whitelist", json!({"addresses": ["203.0.113.9"]})).await;
    for path in [&profile, &legacy_token(&stage, "shop")] {
        let refused = stage.get(path).await;
        assert_eq!(refused["errcode"], 40164);
        let errmsg = refused["errmsg"].as_str().unwrap();
        assert!(
            errmsg
                .starts_with("invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: "),
            "{errmsg}"
        );
    }
    assert_eq!(errcode(&stage.stable("shop", false).await), 40164);
    let mini = stage.stable("shop-mini", false).await;
    assert_eq!(errcode(&mini), 0, "each app has a list of its own");
    // The secret comes before the address, the address before the permission.
    let wrong = legacy_token(&stage, "shop").replace("secret=", "secret=x");
    assert_eq!(errcode(&stage.get(&wrong).await), 40125);
    let foreign = format!("/wxa/checksession?access_token={token}");
    assert_eq!(errcode(&stage.get(&foreign).await), 40164);

    let two = json!({"addresses": ["203.0.113.9", "127.0.0.0/31"]});
    stage.post("/sandbox/apps/shop/whitelist", two.clone()).await;
    assert_eq!(errcode(&stage.get(&profile).await), 0);
    assert_eq!(errcode(&get_from(&stage, "127.0.0.2", &profile).await), 40164);
    assert_eq!(stage.get("/sandbox/apps/shop/whitelist").await, two);
    stage.post("/sandbox/apps/shop/whitelist", json!({"scope": "secret_apis"})).await;
    assert_eq!(errcode(&stage.get(&profile).await), 0, "it comes with a token");
    assert_eq!(errcode(&stage.stable("shop", false).await), 40164);
    stage.post("/sandbox/apps/shop/whitelist", json!({})).await;
    assert_eq!(errcode(&stage.stable("shop", false).await), 0);
}

#[tokio::test]
async fn a_mini_program_asks_only_who_comes_with_the_secret() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    let token = stage.token("shop-mini").await;
    stage.post("/sandbox/apps/shop-mini/whitelist", json!({"addresses": ["203.0.113.*"]})).await;
    assert_eq!(errcode(&stage.stable("shop-mini", false).await), 40164);
    let mini = stage.app("shop-mini");
    let login = format!(
        "/sns/jscode2session?appid={}&secret={}&js_code=0&grant_type=authorization_code",
        mini.app_id,
        mini.secret.expose()
    );
    let refused = stage.get(&login).await;
    let errmsg = refused["errmsg"].as_str().unwrap();
    assert!(errmsg.contains(", not in whitelist, rid: "), "{errmsg}");
    let path = format!("/cgi-bin/message/custom/send?access_token={token}");
    let body = json!({"touser": bob, "msgtype": "text", "text": {"content": "hi"}});
    assert_eq!(errcode(&stage.post(&path, body).await), 45015, "with a token anybody may");
}

#[tokio::test]
async fn what_is_no_address_is_not_listed() {
    let stage = Stage::new().await;
    for (app, list, hint) in [
        ("shop", json!({"addresses": ["shop.example"]}), "203.0.113.0/24"),
        ("shop", json!({"addresses": ["203.0.113.*"]}), "for a Mini Program"),
        ("shop-mini", json!({"addresses": vec!["203.0.113.9"; 11]}), "10 at most"),
        ("shop", json!({"scope": "some"}), "secret_apis"),
        ("nobody", json!({}), "shop, shop-mini"),
    ] {
        let path = format!("/sandbox/apps/{app}/whitelist");
        let (_, error) = stage.refused(&path, list).await;
        assert!(error.contains(hint), "{error}");
    }
    assert_eq!(stage.get("/sandbox/apps/shop/whitelist").await, json!({"addresses": []}));
}
