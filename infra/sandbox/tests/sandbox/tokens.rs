use crate::stage::{Stage, errcode};
use serde_json::{Value, json};

/// What user/info says to this token; 40003 means that the token is good.
async fn check(stage: &Stage, token: &str) -> i64 {
    errcode(&stage.get(&format!("/cgi-bin/user/info?access_token={token}&openid=oNobody")).await)
}

fn token(answer: &Value) -> &str {
    answer["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn two_stable_tokens_are_good_for_five_minutes() {
    let stage = Stage::new().await;
    let first = stage.stable("shop", false).await;
    assert_eq!(first["expires_in"], 7200);
    assert!(first.get("errcode").is_none());
    stage.advance(6850).await;
    let again = stage.stable("shop", false).await;
    assert_eq!(token(&again), token(&first));
    assert!((340..=350).contains(&again["expires_in"].as_i64().unwrap()), "{again}");
    stage.advance(100).await;
    let second = stage.stable("shop", false).await;
    assert_ne!(token(&second), token(&first));
    assert_eq!(second["expires_in"], 7200);
    assert_eq!(
        [check(&stage, token(&first)).await, check(&stage, token(&second)).await],
        [40003, 40003]
    );
    stage.advance(250).await;
    assert_eq!(
        [check(&stage, token(&first)).await, check(&stage, token(&second)).await],
        [42001, 40003]
    );
}

#[tokio::test]
async fn forcing_ends_the_token_and_leaves_the_other_kind_alone() {
    let stage = Stage::new().await;
    let app = stage.app("shop");
    let legacy = format!(
        "/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
        app.app_id,
        app.secret.expose()
    );
    let legacy = stage.get(&legacy).await;
    let first = stage.stable("shop", false).await;
    let second = stage.stable("shop", true).await;
    assert_eq!(check(&stage, token(&first)).await, 40001);
    assert_eq!(token(&stage.stable("shop", true).await), token(&second), "30 s have not passed");
    stage.advance(31).await;
    assert_ne!(token(&stage.stable("shop", true).await), token(&second));
    assert_eq!(check(&stage, token(&legacy)).await, 40003);
}

#[tokio::test]
async fn every_bad_token_has_its_code() {
    let stage = Stage::new().await;
    assert_eq!(check(&stage, "").await, 41001);
    assert_eq!(check(&stage, "short").await, 40014);
    assert_eq!(check(&stage, "never_issued_but_of_the_right_shape").await, 40001);
    let mini = stage.token("shop-mini").await;
    assert_eq!(check(&stage, &mini).await, 48001, "a mini program has no followers");
    let shop = stage.token("shop").await;
    stage.post("/sandbox/apps/shop/revoke_tokens", json!({})).await;
    assert_eq!(check(&stage, &shop).await, 40001);
}

#[tokio::test]
async fn credentials_are_checked_one_after_the_other() {
    let stage = Stage::new().await;
    let app = stage.app("shop");
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
        assert_eq!(errcode(&stage.post("/cgi-bin/stable_token", body).await), code, "{field}");
    }
}

#[tokio::test]
async fn a_rid_tells_the_sandboxes_time() {
    let stage = Stage::new().await;
    stage.advance(1_000_000).await;
    let now = stage.now().await;
    let answer = stage.get("/cgi-bin/nothing").await;
    assert_eq!(answer["errcode"], 40066);
    let (errmsg, rid) = answer["errmsg"].as_str().unwrap().split_once(" rid: ").unwrap();
    assert_eq!(errmsg, "invalid url");
    let then = i64::from_str_radix(&rid[..8], 16).unwrap();
    assert!((now..now + 5).contains(&then), "{rid} is {then}, not {now}");
}
