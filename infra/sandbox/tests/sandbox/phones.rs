use crate::stage::{Stage, errcode};
use serde_json::{Value, json};

async fn token(stage: &Stage, alias: &str) -> String {
    let app = stage.app(alias);
    let wanted = json!({
        "grant_type": "client_credential", "appid": app.app_id, "secret": app.secret.expose(),
    });
    let answer = stage.post("/cgi-bin/stable_token", wanted).await;
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn code(stage: &Stage, with: Value) -> String {
    let mut with = with;
    with["app"] = json!("shop-mini");
    let answer = stage.does("ann", "phone", with).await;
    assert_eq!(answer["pushes"], json!([]), "WeChat tells nobody of it");
    answer["code"].as_str().unwrap().to_owned()
}

async fn exchange(stage: &Stage, token: &str, body: Value) -> Value {
    stage.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), body).await
}

#[tokio::test]
async fn a_code_gives_a_number_once() {
    let stage = Stage::new().await;
    let token = token(&stage, "shop-mini").await;
    let code = code(&stage, json!({ "number": "13800138000" })).await;
    let answer = exchange(&stage, &token, json!({ "code": code })).await;
    let phone = &answer["phone_info"];
    assert_eq!((errcode(&answer), &phone["purePhoneNumber"]), (0, &json!("13800138000")));
    assert_eq!(
        (&phone["phoneNumber"], &phone["countryCode"]),
        (&json!("13800138000"), &json!("86"))
    );
    assert_eq!(phone["watermark"]["appid"], stage.app("shop-mini").app_id.as_str());

    let again = exchange(&stage, &token, json!({ "code": code })).await;
    assert_eq!(errcode(&again), 40029);
    let calls = stage.get("/sandbox/calls").await;
    assert!(!calls.to_string().contains(&code), "{calls:#}");
}

#[tokio::test]
async fn a_number_of_abroad_is_told_with_its_country() {
    let stage = Stage::new().await;
    let token = token(&stage, "shop-mini").await;
    let code = code(&stage, json!({ "number": "51234567", "country_code": "852" })).await;
    let answer = exchange(&stage, &token, json!({ "code": code })).await;
    assert_eq!(answer["phone_info"]["phoneNumber"], "+85251234567");
    assert_eq!(answer["phone_info"]["purePhoneNumber"], "51234567");
    assert_eq!(answer["phone_info"]["countryCode"], "852");
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes_in_its_app_for_its_user() {
    let stage = Stage::new().await;
    let token = token(&stage, "shop-mini").await;
    let with = async |body| errcode(&exchange(&stage, &token, body).await);
    let late = code(&stage, json!({})).await;
    stage.advance(300).await;
    assert_eq!(with(json!({ "code": late })).await, 40029);
    assert_eq!(with(json!({ "code": "never-issued" })).await, 40029);
    assert_eq!(with(json!({ "colour": "red" })).await, 40029);
    // That of a login is another one.
    let login = stage.does("ann", "login", json!({ "app": "shop-mini" })).await;
    assert_eq!(with(json!({ "code": login["code"] })).await, 40029);

    let code = code(&stage, json!({})).await;
    let bob = stage.open_id("bob", "shop-mini");
    assert_eq!(with(json!({ "code": code, "openid": bob })).await, 40003);
    let ann = stage.open_id("ann", "shop-mini");
    assert_eq!(with(json!({ "code": code, "openid": ann })).await, 0);
}

#[tokio::test]
async fn a_code_of_another_app_is_told_from_none() {
    let stage = Stage::new().await;
    let other = json!({ "like": "shop-mini", "alias": "other", "app_id": "wx0000000000005a03" });
    stage.post("/sandbox/apps", other.clone()).await;
    assert_eq!(stage.refused("/sandbox/apps", other).await.0, 400, "there is one");
    let nothing = json!({ "like": "nothing", "alias": "a", "app_id": "wx0000000000005a04" });
    assert_eq!(stage.refused("/sandbox/apps", nothing).await.0, 404);
    let (there, here) = (token(&stage, "other").await, token(&stage, "shop-mini").await);
    let code = code(&stage, json!({})).await;
    assert_eq!(errcode(&exchange(&stage, &there, json!({ "code": code })).await), 40013);
    assert_eq!(errcode(&exchange(&stage, &here, json!({ "code": code })).await), 0);
    let open_id = stage.open_id("ann", "other");
    assert_ne!(open_id, stage.open_id("ann", "shop-mini"));
}

#[tokio::test]
async fn an_official_account_may_not_ask() {
    let stage = Stage::new().await;
    let token = token(&stage, "shop").await;
    let code = code(&stage, json!({})).await;
    assert_eq!(errcode(&exchange(&stage, &token, json!({ "code": code })).await), 48001);
    let (status, error) = stage.refused("/sandbox/people/ann/phone", json!({"app": "shop"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("Mini Program"), "{error}");
    let words = json!({ "app": "shop-mini", "number": "one-two" });
    assert_eq!(stage.refused("/sandbox/people/ann/phone", words).await.0, 400);
}

#[tokio::test]
async fn an_app_that_leaves_its_open_platform_account_knows_no_person() {
    let stage = Stage::new().await;
    let mini = stage.app("shop-mini");
    let person = async || {
        let code = stage.does("ann", "login", json!({ "app": "shop-mini" })).await;
        let path = format!(
            "/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
            mini.app_id,
            mini.secret.expose(),
            code["code"].as_str().unwrap()
        );
        stage.get(&path).await["unionid"].clone()
    };
    let ann = person().await;
    assert!(ann.is_string());
    stage.post("/sandbox/apps/shop-mini", json!({ "open_platform": null })).await;
    assert_eq!(person().await, Value::Null);
    stage.post("/sandbox/apps/shop-mini", json!({ "open_platform": "another" })).await;
    assert!(person().await.is_string());
    assert_ne!(person().await, ann);
    stage.post("/sandbox/apps/shop-mini", json!({ "format": "json" })).await;
    assert_ne!(person().await, ann, "what isn't named stays");
    stage.post("/sandbox/apps/shop-mini", json!({ "open_platform": "hongyan" })).await;
    assert_eq!(person().await, ann);
}
