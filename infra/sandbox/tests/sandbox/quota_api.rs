use crate::fixture::{Fixture, errcode};
use serde_json::json;

const INFO: &str = "/cgi-bin/user/info";

#[tokio::test]
async fn quota_is_shown_used_up_and_reset() {
    let fixture = Fixture::new().await;
    let shop = fixture.app("shop").app_id;
    let token = fixture.token("shop").await;
    let info = async || {
        errcode(&fixture.get(&format!("{INFO}?access_token={token}&openid=oUnknown")).await)
    };
    let quota = async |path: &str| {
        fixture.call("shop", "/cgi-bin/openapi/quota/get", json!({"cgi_path": path})).await
    };
    assert_eq!(info().await, 40003);
    let answer = quota(INFO).await;
    assert_eq!(
        answer["quota"],
        json!({"daily_limit": 5_000_000, "used": 1, "remain": 4_999_999}),
        "also what is refused is counted"
    );
    fixture.post("/sandbox/apps/shop/quotas", json!({INFO: 2})).await;
    assert_eq!(info().await, 40003);
    assert_eq!(info().await, 45009);
    assert_eq!(quota(INFO).await["quota"], json!({"daily_limit": 2, "used": 2, "remain": 0}));

    let one = json!({"cgi_path": INFO});
    assert_eq!(errcode(&fixture.call("shop", "/cgi-bin/openapi/quota/clear", one).await), 0);
    assert_eq!([info().await, info().await, info().await], [40003, 40003, 45009]);
    let all = json!({"appid": shop});
    assert_eq!(errcode(&fixture.call("shop", "/cgi-bin/clear_quota", all).await), 0);
    assert_eq!(info().await, 40003);
    let other = json!({"appid": fixture.app("shop-mini").app_id});
    assert_eq!(errcode(&fixture.call("shop", "/cgi-bin/clear_quota", other).await), 40013);

    assert_eq!(errcode(&quota("/cgi-bin/nothing").await), 76021);
    assert_eq!(errcode(&quota("").await), 76021);
    assert_eq!(errcode(&quota("/sns/jscode2session").await), 76022);
    assert_eq!(errcode(&quota("/cgi-bin/message/subscribe/send").await), 76022, "not of its kind");
}

#[tokio::test]
async fn quotas_are_reset_at_most_ten_times_a_month() {
    let fixture = Fixture::new().await;
    let shop = fixture.app("shop");
    let (app_id, secret) = (&shop.app_id, shop.secret.expose());
    let token = fixture.token("shop").await;
    let clear = async || {
        let path = format!("/cgi-bin/clear_quota?access_token={token}");
        errcode(&fixture.post(&path, json!({"appid": app_id})).await)
    };
    let v2 = "/cgi-bin/clear_quota/v2";
    for _ in 0..5 {
        assert_eq!(clear().await, 0);
        let body = json!({"appid": app_id, "appsecret": secret});
        assert_eq!(errcode(&fixture.post(v2, body).await), 0);
    }
    assert_eq!(clear().await, 48006);
    // The fields may stand in the query, and then there is no body.
    let path = format!("{v2}?appid={app_id}&appsecret={secret}");
    let request = fixture.http.post(fixture.url(&path)).header("content-length", 0);
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("48006"), "both have the same ten: {answer}");
    for (body, code) in [
        (json!({"appsecret": secret}), 41002),
        (json!({"appid": app_id}), 41004),
        (json!({"appid": app_id, "appsecret": "wrong"}), 40125),
    ] {
        assert_eq!(errcode(&fixture.post(v2, body).await), code);
    }
    fixture.advance(32 * 86_400).await;
    let body = json!({"appid": app_id, "appsecret": secret});
    assert_eq!(errcode(&fixture.post(v2, body).await), 0, "another month");
}

#[tokio::test]
async fn quota_of_tokens_is_reset_with_the_secret() {
    let fixture = Fixture::new().await;
    let shop = fixture.app("shop");
    fixture.post("/sandbox/apps/shop/quotas", json!({"/cgi-bin/stable_token": 2})).await;
    let first = fixture.token("shop").await;
    assert_eq!(fixture.token("shop").await, first);
    assert_eq!(errcode(&fixture.stable("shop", false).await), 45009);
    let path = format!("/cgi-bin/openapi/quota/get?access_token={first}");
    let answer = fixture.post(&path, json!({"cgi_path": "/cgi-bin/stable_token"})).await;
    assert_eq!(answer["quota"], json!({"daily_limit": 2, "used": 2, "remain": 0}));
    assert_eq!(answer["rate_limit"], json!({"call_count": 10_000, "refresh_second": 60}));
    let body = json!({"appid": shop.app_id, "appsecret": shop.secret.expose()});
    assert_eq!(errcode(&fixture.post("/cgi-bin/clear_quota/v2", body).await), 0);
    assert_eq!(fixture.token("shop").await, first);
}

#[tokio::test]
async fn rid_shows_the_failed_call() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/message/template/send?access_token={token}");
    let refused = fixture.post(&path, json!({"touser": "oUnknown"})).await;
    let rid = |refused: &serde_json::Value| {
        let errmsg = refused["errmsg"].as_str().unwrap();
        errmsg.rsplit_once("rid: ").unwrap().1.to_owned()
    };
    let ask = async |app: &str, rid: &str| {
        fixture.call(app, "/cgi-bin/openapi/rid/get", json!({"rid": rid})).await
    };
    let found = ask("shop", &rid(&refused)).await;
    let answer = &found["request"];
    assert_eq!(answer["request_url"], "access_token=…");
    assert_eq!(answer["request_body"], r#"{"touser":"oUnknown"}"#);
    assert_eq!(answer["response_body"], refused.to_string());
    assert_eq!(answer["client_ip"], "127.0.0.1");
    let now = fixture.now().await;
    assert!((now - 10..=now).contains(&answer["invoke_time"].as_i64().unwrap()), "{answer}");
    assert!(answer["cost_in_ms"].is_u64());

    assert_eq!(errcode(&ask("shop-mini", &rid(&refused)).await), 76003);
    assert_eq!(errcode(&ask("shop", "00000000-00000000-00000000").await), 76001);
    assert_eq!(errcode(&ask("shop", "no rid").await), 76002);
    assert_eq!(errcode(&ask("shop", "").await), 76002);
    let login = fixture.get("/sns/jscode2session").await;
    assert_eq!(errcode(&ask("shop", &rid(&login)).await), 76022);
    fixture.advance(7 * 86_400).await;
    assert_eq!(errcode(&ask("shop", &rid(&refused)).await), 76004);
}

#[tokio::test]
async fn wechat_lists_its_addresses() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop-mini").await;
    for path in ["getcallbackip", "get_api_domain_ip"] {
        let answer = fixture.get(&format!("/cgi-bin/{path}?access_token={token}")).await;
        assert_eq!(answer, json!({"ip_list": ["127.0.0.1"]}), "{path}, without an errcode");
    }
}

#[tokio::test]
async fn account_type_limits_permissions_and_quotas() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let may = async |path: &str| errcode(&fixture.call("shop", path, json!({})).await) != 48001;
    let limit = async |path: &str| {
        let body = json!({"cgi_path": path});
        fixture.call("shop", "/cgi-bin/openapi/quota/get", body).await["quota"]["daily_limit"]
            .clone()
    };
    let (template, notification) =
        ("/cgi-bin/message/template/send", "/cgi-bin/message/subscribe/bizsend");
    let (add, custom) = ("/cgi-bin/template/api_add_template", "/cgi-bin/message/custom/send");
    for (account, may_template, may_notify, list) in [
        ("subscription", false, false, 500),
        ("test", true, false, 100),
        ("service", true, true, 500),
    ] {
        fixture.post("/sandbox/apps/shop", json!({"account": account})).await;
        assert_eq!([may(template).await, may(add).await], [may_template; 2], "{account}");
        assert_eq!(may(notification).await, may_notify, "{account}");
        assert!(may(custom).await, "{account}");
        assert_eq!(limit("/cgi-bin/user/get").await, json!(list), "{account}");
    }
    let (_, error) =
        fixture.control_error("/sandbox/apps/shop-mini", json!({"account": "test"})).await;
    assert!(error.contains("Mini Program"), "{error}");
}
