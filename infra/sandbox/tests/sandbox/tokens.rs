use crate::fixture::{Fixture, errcode};
use serde_json::{Value, json};

/// The errcode of user/info with this token; 40003 means that the token is valid.
async fn check(fixture: &Fixture, token: &str) -> i64 {
    errcode(&fixture.get(&format!("/cgi-bin/user/info?access_token={token}&openid=oUnknown")).await)
}

fn token(answer: &Value) -> &str {
    answer["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn two_stable_tokens_are_valid_for_five_minutes() {
    let fixture = Fixture::new().await;
    let first = fixture.stable("shop", false).await;
    assert_eq!(first["expires_in"], 7200);
    assert!(first.get("errcode").is_none());
    fixture.advance(6850).await;
    let again = fixture.stable("shop", false).await;
    assert_eq!(token(&again), token(&first));
    assert!((340..=350).contains(&again["expires_in"].as_i64().unwrap()), "{again}");
    fixture.advance(100).await;
    let second = fixture.stable("shop", false).await;
    assert_ne!(token(&second), token(&first));
    assert_eq!(second["expires_in"], 7200);
    assert_eq!(
        [check(&fixture, token(&first)).await, check(&fixture, token(&second)).await],
        [40003, 40003]
    );
    fixture.advance(250).await;
    assert_eq!(
        [check(&fixture, token(&first)).await, check(&fixture, token(&second)).await],
        [42001, 40003]
    );
}

#[tokio::test]
async fn forced_refresh_invalidates_stable_tokens_only() {
    let fixture = Fixture::new().await;
    let app = fixture.app("shop");
    let legacy = format!(
        "/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
        app.app_id,
        app.secret.expose()
    );
    let legacy = fixture.get(&legacy).await;
    let first = fixture.stable("shop", false).await;
    let second = fixture.stable("shop", true).await;
    assert_eq!(check(&fixture, token(&first)).await, 40001);
    assert_eq!(token(&fixture.stable("shop", true).await), token(&second), "within 30 seconds");
    fixture.advance(31).await;
    assert_ne!(token(&fixture.stable("shop", true).await), token(&second));
    assert_eq!(check(&fixture, token(&legacy)).await, 40003);
}

#[tokio::test]
async fn invalid_token_has_its_errcode() {
    let fixture = Fixture::new().await;
    assert_eq!(check(&fixture, "").await, 41001);
    assert_eq!(check(&fixture, "short").await, 40014);
    assert_eq!(check(&fixture, "never_issued_but_of_the_right_shape").await, 40001);
    let mini = fixture.token("shop-mini").await;
    assert_eq!(check(&fixture, &mini).await, 48001, "a mini program has no followers");
    let shop = fixture.token("shop").await;
    fixture.post("/sandbox/apps/shop/revoke_tokens", json!({})).await;
    assert_eq!(check(&fixture, &shop).await, 40001);
}

#[tokio::test]
async fn credentials_are_checked_in_order() {
    let fixture = Fixture::new().await;
    let app = fixture.app("shop");
    let good = json!({"grant_type": "client_credential", "appid": app.app_id, "secret": app.secret.expose()});
    for (field, value, code) in [
        ("grant_type", json!("password"), 40002),
        ("appid", json!(null), 41002),
        ("secret", json!(null), 41004),
        ("appid", json!("wx00"), 40013),
        ("secret", json!("wrong"), 40125),
        ("force_refresh", json!("yes"), 47001),
    ] {
        let mut body = good.clone();
        body[field] = value;
        assert_eq!(errcode(&fixture.post("/cgi-bin/stable_token", body).await), code, "{field}");
    }
}

#[tokio::test]
async fn rid_contains_the_sandboxs_time() {
    let fixture = Fixture::new().await;
    fixture.advance(1_000_000).await;
    let now = fixture.now().await;
    let answer = fixture.get("/cgi-bin/nothing").await;
    assert_eq!(answer["errcode"], 40066);
    let (errmsg, rid) = answer["errmsg"].as_str().unwrap().split_once(" rid: ").unwrap();
    assert_eq!(errmsg, "invalid url");
    let then = i64::from_str_radix(&rid[..8], 16).unwrap();
    assert!((now..now + 5).contains(&then), "{rid} is {then}, not {now}");
}
