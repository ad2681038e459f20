use crate::fixture::{Fixture, errcode};
use serde_json::{Value, json};

/// GET from another address of this machine.
async fn get_from(fixture: &Fixture, address: &str, path: &str) -> Value {
    let client =
        reqwest::Client::builder().no_proxy().local_address(Some(address.parse().unwrap()));
    let client = client.build().unwrap();
    client.get(fixture.url(path)).send().await.unwrap().text().await.unwrap().parse().unwrap()
}

fn legacy_token(fixture: &Fixture, app: &str) -> String {
    let app = fixture.app(app);
    let secret = app.secret.expose();
    format!("/cgi-bin/token?grant_type=client_credential&appid={}&secret={secret}", app.app_id)
}

#[tokio::test]
async fn official_account_accepts_listed_addresses_only() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    let token = fixture.token("shop").await;
    let profile = format!("/cgi-bin/user/info?access_token={token}&openid={ann}");
    assert_eq!(errcode(&fixture.get(&profile).await), 0, "without a list");

    fixture.post("/sandbox/apps/shop/whitelist", json!({"addresses": ["203.0.113.9"]})).await;
    for path in [&profile, &legacy_token(&fixture, "shop")] {
        let refused = fixture.get(path).await;
        assert_eq!(refused["errcode"], 40164);
        let errmsg = refused["errmsg"].as_str().unwrap();
        assert!(
            errmsg
                .starts_with("invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: "),
            "{errmsg}"
        );
    }
    assert_eq!(errcode(&fixture.stable("shop", false).await), 40164);
    let mini = fixture.stable("shop-mini", false).await;
    assert_eq!(errcode(&mini), 0, "each app has a list of its own");
    // The checks are in the order secret, address, permission.
    let wrong = legacy_token(&fixture, "shop").replace("secret=", "secret=x");
    assert_eq!(errcode(&fixture.get(&wrong).await), 40125);
    let foreign = format!("/wxa/checksession?access_token={token}");
    assert_eq!(errcode(&fixture.get(&foreign).await), 40164);

    let two = json!({"addresses": ["203.0.113.9", "127.0.0.0/31"]});
    fixture.post("/sandbox/apps/shop/whitelist", two.clone()).await;
    assert_eq!(errcode(&fixture.get(&profile).await), 0);
    assert_eq!(errcode(&get_from(&fixture, "127.0.0.2", &profile).await), 40164);
    assert_eq!(fixture.get("/sandbox/apps/shop/whitelist").await, two);
    fixture.post("/sandbox/apps/shop/whitelist", json!({"scope": "secret_apis"})).await;
    assert_eq!(errcode(&fixture.get(&profile).await), 0, "it comes with a token");
    assert_eq!(errcode(&fixture.stable("shop", false).await), 40164);
    fixture.post("/sandbox/apps/shop/whitelist", json!({})).await;
    assert_eq!(errcode(&fixture.stable("shop", false).await), 0);
}

#[tokio::test]
async fn mini_program_checks_calls_with_the_secret_only() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let token = fixture.token("shop-mini").await;
    fixture.post("/sandbox/apps/shop-mini/whitelist", json!({"addresses": ["203.0.113.*"]})).await;
    assert_eq!(errcode(&fixture.stable("shop-mini", false).await), 40164);
    let mini = fixture.app("shop-mini");
    let login = format!(
        "/sns/jscode2session?appid={}&secret={}&js_code=0&grant_type=authorization_code",
        mini.app_id,
        mini.secret.expose()
    );
    let refused = fixture.get(&login).await;
    let errmsg = refused["errmsg"].as_str().unwrap();
    assert!(errmsg.contains(", not in whitelist, rid: "), "{errmsg}");
    let path = format!("/cgi-bin/message/custom/send?access_token={token}");
    let body = json!({"touser": bob, "msgtype": "text", "text": {"content": "hi"}});
    assert_eq!(errcode(&fixture.post(&path, body).await), 45015, "not checked with a token");
}

#[tokio::test]
async fn invalid_whitelist_entry_is_rejected() {
    let fixture = Fixture::new().await;
    for (app, list, hint) in [
        ("shop", json!({"addresses": ["shop.example"]}), "203.0.113.0/24"),
        ("shop", json!({"addresses": ["203.0.113.*"]}), "for a Mini Program"),
        ("shop-mini", json!({"addresses": vec!["203.0.113.9"; 11]}), "10 at most"),
        ("shop", json!({"scope": "some"}), "secret_apis"),
        ("unknown", json!({}), "shop, shop-mini"),
    ] {
        let path = format!("/sandbox/apps/{app}/whitelist");
        let (_, error) = fixture.control_error(&path, list).await;
        assert!(error.contains(hint), "{error}");
    }
    assert_eq!(fixture.get("/sandbox/apps/shop/whitelist").await, json!({"addresses": []}));
}
