use crate::fixture::{Fixture, errcode};
use serde_json::{Value, json};

async fn code(fixture: &Fixture, mut with: Value) -> String {
    with["app"] = json!("shop-mini");
    let answer = fixture.act("ann", "phone", with).await;
    assert_eq!(answer["pushes"], json!([]), "the button pushes nothing");
    answer["code"].as_str().unwrap().to_owned()
}

async fn exchange(fixture: &Fixture, token: &str, body: Value) -> Value {
    fixture.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), body).await
}

#[tokio::test]
async fn phone_code_works_once() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop-mini").await;
    let code = code(&fixture, json!({ "number": "13800138000" })).await;
    let answer = exchange(&fixture, &token, json!({ "code": code })).await;
    let phone = &answer["phone_info"];
    assert_eq!((errcode(&answer), &phone["purePhoneNumber"]), (0, &json!("13800138000")));
    assert_eq!(
        (&phone["phoneNumber"], &phone["countryCode"]),
        (&json!("13800138000"), &json!("86"))
    );
    assert_eq!(phone["watermark"]["appid"], fixture.app("shop-mini").app_id.as_str());

    let again = exchange(&fixture, &token, json!({ "code": code })).await;
    assert_eq!(errcode(&again), 40029);
    let calls = fixture.get("/sandbox/calls").await;
    assert!(!calls.to_string().contains(&code), "{calls:#}");
}

#[tokio::test]
async fn foreign_number_has_its_country_code() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop-mini").await;
    let code = code(&fixture, json!({ "number": "51234567", "country_code": "852" })).await;
    let answer = exchange(&fixture, &token, json!({ "code": code })).await;
    assert_eq!(answer["phone_info"]["phoneNumber"], "+85251234567");
    assert_eq!(answer["phone_info"]["purePhoneNumber"], "51234567");
    assert_eq!(answer["phone_info"]["countryCode"], "852");
}

#[tokio::test]
async fn phone_code_is_valid_for_five_minutes_in_its_app_for_its_user() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop-mini").await;
    let with = async |body| errcode(&exchange(&fixture, &token, body).await);
    let late = code(&fixture, json!({})).await;
    fixture.advance(300).await;
    assert_eq!(with(json!({ "code": late })).await, 40029);
    assert_eq!(with(json!({ "code": "never-issued" })).await, 40029);
    assert_eq!(with(json!({ "colour": "red" })).await, 40029);
    // A login code is no phone code.
    let login = fixture.act("ann", "login", json!({ "app": "shop-mini" })).await;
    assert_eq!(with(json!({ "code": login["code"] })).await, 40029);

    let code = code(&fixture, json!({})).await;
    let bob = fixture.open_id("bob", "shop-mini");
    assert_eq!(with(json!({ "code": code, "openid": bob })).await, 40003);
    let ann = fixture.open_id("ann", "shop-mini");
    assert_eq!(with(json!({ "code": code, "openid": ann })).await, 0);
}

#[tokio::test]
async fn phone_code_of_another_app_has_its_own_errcode() {
    let fixture = Fixture::new().await;
    let other = json!({ "like": "shop-mini", "alias": "other", "app_id": "wx0000000000005a03" });
    fixture.post("/sandbox/apps", other.clone()).await;
    assert_eq!(fixture.control_error("/sandbox/apps", other).await.0, 400, "there is one");
    let nothing = json!({ "like": "nothing", "alias": "a", "app_id": "wx0000000000005a04" });
    assert_eq!(fixture.control_error("/sandbox/apps", nothing).await.0, 404);
    let (there, here) = (fixture.token("other").await, fixture.token("shop-mini").await);
    let code = code(&fixture, json!({})).await;
    assert_eq!(errcode(&exchange(&fixture, &there, json!({ "code": code })).await), 40013);
    assert_eq!(errcode(&exchange(&fixture, &here, json!({ "code": code })).await), 0);
    let open_id = fixture.open_id("ann", "other");
    assert_ne!(open_id, fixture.open_id("ann", "shop-mini"));
}

#[tokio::test]
async fn official_account_cannot_get_a_phone_number() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop").await;
    let code = code(&fixture, json!({})).await;
    assert_eq!(errcode(&exchange(&fixture, &token, json!({ "code": code })).await), 48001);
    let (status, error) =
        fixture.control_error("/sandbox/people/ann/phone", json!({"app": "shop"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("Mini Program"), "{error}");
    let words = json!({ "app": "shop-mini", "number": "one-two" });
    assert_eq!(fixture.control_error("/sandbox/people/ann/phone", words).await.0, 400);
}

#[tokio::test]
async fn unbound_app_gets_no_unionid() {
    let fixture = Fixture::new().await;
    let mini = fixture.app("shop-mini");
    let person = async || {
        let code = fixture.act("ann", "login", json!({ "app": "shop-mini" })).await;
        let path = format!(
            "/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
            mini.app_id,
            mini.secret.expose(),
            code["code"].as_str().unwrap()
        );
        fixture.get(&path).await["unionid"].clone()
    };
    let ann = person().await;
    assert!(ann.is_string());
    fixture.post("/sandbox/apps/shop-mini", json!({ "open_platform": null })).await;
    assert_eq!(person().await, Value::Null);
    fixture.post("/sandbox/apps/shop-mini", json!({ "open_platform": "another" })).await;
    assert!(person().await.is_string());
    assert_ne!(person().await, ann);
    fixture.post("/sandbox/apps/shop-mini", json!({ "format": "json" })).await;
    assert_ne!(person().await, ann, "absent fields keep their values");
    fixture.post("/sandbox/apps/shop-mini", json!({ "open_platform": "hongyan" })).await;
    assert_eq!(person().await, ann);
}
