use crate::fixture::{Fixture, errcode};
use serde_json::json;
use wechat_sandbox::App;

fn exchange(app: &App, code: &str) -> String {
    format!(
        "/sns/jscode2session?appid={}&secret={}&js_code={code}&grant_type=authorization_code",
        app.app_id,
        app.secret.expose()
    )
}

async fn code(fixture: &Fixture) -> String {
    let answer = fixture.act("ann", "login", json!({"app": "shop-mini"})).await;
    assert_eq!(answer["pushes"], json!([]), "a login pushes nothing");
    answer["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn login_code_works_once() {
    let fixture = Fixture::new().await;
    let mini = fixture.app("shop-mini");
    let code = code(&fixture).await;
    let answer = fixture.http.get(fixture.url(&exchange(&mini, &code))).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain");
    let session: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(session["openid"], fixture.open_id("ann", "shop-mini").as_str());
    assert_eq!(session["session_key"].as_str().unwrap().len(), 24);
    assert_eq!(
        session["unionid"],
        json!(fixture.sandbox.world().person("ann").unwrap().union_ids["hongyan"])
    );
    assert!(session.get("errcode").is_none());

    let again = fixture.get(&exchange(&mini, &code)).await;
    assert_eq!(again["errcode"], 40163);
    assert!(again["errmsg"].as_str().unwrap().starts_with("code been used, rid: "), "{again}");
}

#[tokio::test]
async fn login_code_is_valid_for_five_minutes_in_its_app() {
    let fixture = Fixture::new().await;
    let mini = fixture.app("shop-mini");
    let (first, second) = (code(&fixture).await, code(&fixture).await);
    fixture.advance(290).await;
    assert_eq!(errcode(&fixture.get(&exchange(&mini, &first)).await), 0);
    fixture.advance(10).await;
    assert_eq!(errcode(&fixture.get(&exchange(&mini, &second)).await), 40029);
    assert_eq!(errcode(&fixture.get(&exchange(&mini, "never-issued")).await), 40029);
    assert_eq!(errcode(&fixture.get(&exchange(&mini, "")).await), 41008);
    assert_eq!(errcode(&fixture.get(&exchange(&fixture.app("shop"), &first)).await), 48001);
}

#[tokio::test]
async fn official_account_has_no_login() {
    let fixture = Fixture::new().await;
    let (status, error) =
        fixture.control_error("/sandbox/people/ann/login", json!({"app": "shop"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("Mini Program"), "{error}");
}

#[tokio::test]
async fn session_check_verifies_a_signature_with_the_session_key() {
    use sha1::Digest as _;
    let fixture = Fixture::new().await;
    let mini = fixture.app("shop-mini");
    let bob = fixture.open_id("bob", "shop-mini");
    let token = fixture.token("shop-mini").await;
    let ask = async |path: &str, signature: &str, method: &str| {
        fixture
            .get(&format!(
                "/wxa/{path}?access_token={token}&openid={bob}&signature={signature}&sig_method={method}"
            ))
            .await
    };
    assert_eq!(errcode(&ask("checksession", "00", "hmac_sha256").await), 87007, "no login yet");
    let code = fixture.act("bob", "login", json!({"app": "shop-mini"})).await["code"].clone();
    let session = fixture
        .get(&format!(
            "/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
            mini.app_id,
            mini.secret.expose(),
            code.as_str().unwrap()
        ))
        .await;
    // HMAC-SHA256 of the empty message, an independent implementation of RFC 2104.
    let signed = |session: &serde_json::Value| {
        let key = session["session_key"].as_str().unwrap().as_bytes();
        let padded = |pad: u8| {
            let key = key.iter().copied().chain(std::iter::repeat(0));
            key.take(64).map(|byte| byte ^ pad).collect::<Vec<_>>()
        };
        let inner = sha2::Sha256::digest(padded(0x36));
        let outer = sha2::Sha256::digest([padded(0x5c), inner.to_vec()].concat());
        outer.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let signature = signed(&session);
    assert_eq!(errcode(&ask("checksession", &signature, "hmac_sha256").await), 0);
    assert_eq!(errcode(&ask("checksession", &signature, "md5").await), 87008);
    assert_eq!(errcode(&ask("checksession", "00", "hmac_sha256").await), 87009);
    let renewed = ask("resetusersessionkey", &signature, "hmac_sha256").await;
    assert_eq!(renewed["openid"], json!(bob));
    assert_ne!(renewed["session_key"], session["session_key"]);
    assert_eq!(errcode(&ask("checksession", &signature, "hmac_sha256").await), 87009);
    assert_eq!(errcode(&ask("checksession", &signed(&renewed), "hmac_sha256").await), 0);
}
