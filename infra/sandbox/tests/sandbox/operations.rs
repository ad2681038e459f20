use crate::stage::{Stage, errcode};
use serde_json::json;

const INFO: &str = "/cgi-bin/user/info";

#[tokio::test]
async fn a_quota_is_told_used_up_and_begun_anew() {
    let stage = Stage::new().await;
    let shop = stage.app("shop").app_id;
    let token = stage.token("shop").await;
    let info =
        async || errcode(&stage.get(&format!("{INFO}?access_token={token}&openid=oNobody")).await);
    let quota = async |path: &str| {
        stage.call("shop", "/cgi-bin/openapi/quota/get", json!({"cgi_path": path})).await
    };
    assert_eq!(info().await, 40003);
    let told = quota(INFO).await;
    assert_eq!(
        told["quota"],
        json!({"daily_limit": 5_000_000, "used": 1, "remain": 4_999_999}),
        "also what is refused is counted"
    );
    stage.post("/sandbox/apps/shop/quotas", json!({INFO: 2})).await;
    assert_eq!(info().await, 40003);
    assert_eq!(info().await, 45009);
    assert_eq!(quota(INFO).await["quota"], json!({"daily_limit": 2, "used": 2, "remain": 0}));

    let one = json!({"cgi_path": INFO});
    assert_eq!(errcode(&stage.call("shop", "/cgi-bin/openapi/quota/clear", one).await), 0);
    assert_eq!([info().await, info().await, info().await], [40003, 40003, 45009]);
    let all = json!({"appid": shop});
    assert_eq!(errcode(&stage.call("shop", "/cgi-bin/clear_quota", all).await), 0);
    assert_eq!(info().await, 40003);
    let other = json!({"appid": stage.app("shop-mini").app_id});
    assert_eq!(errcode(&stage.call("shop", "/cgi-bin/clear_quota", other).await), 40013);

    assert_eq!(errcode(&quota("/cgi-bin/nothing").await), 76021);
    assert_eq!(errcode(&quota("").await), 76021);
    assert_eq!(errcode(&quota("/sns/jscode2session").await), 76022);
    assert_eq!(errcode(&quota("/cgi-bin/message/subscribe/send").await), 76022, "not of its kind");
}

#[tokio::test]
async fn quotas_begin_anew_ten_times_a_month() {
    let stage = Stage::new().await;
    let shop = stage.app("shop");
    let (app_id, secret) = (&shop.app_id, shop.secret.expose());
    let token = stage.token("shop").await;
    let clear = async || {
        let path = format!("/cgi-bin/clear_quota?access_token={token}");
        errcode(&stage.post(&path, json!({"appid": app_id})).await)
    };
    let v2 = "/cgi-bin/clear_quota/v2";
    for _ in 0..5 {
        assert_eq!(clear().await, 0);
        let body = json!({"appid": app_id, "appsecret": secret});
        assert_eq!(errcode(&stage.post(v2, body).await), 0);
    }
    assert_eq!(clear().await, 48006);
    // The fields may stand in the query, and then there is no body.
    let path = format!("{v2}?appid={app_id}&appsecret={secret}");
    let request = stage.http.post(stage.url(&path)).header("content-length", 0);
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("48006"), "both have the same ten: {answer}");
    for (body, code) in [
        (json!({"appsecret": secret}), 41002),
        (json!({"appid": app_id}), 41004),
        (json!({"appid": app_id, "appsecret": "wrong"}), 40125),
    ] {
        assert_eq!(errcode(&stage.post(v2, body).await), code);
    }
    stage.advance(32 * 86_400).await;
    let body = json!({"appid": app_id, "appsecret": secret});
    assert_eq!(errcode(&stage.post(v2, body).await), 0, "another month");
}

#[tokio::test]
async fn who_has_no_token_left_can_still_begin_anew() {
    let stage = Stage::new().await;
    let shop = stage.app("shop");
    stage.post("/sandbox/apps/shop/quotas", json!({"/cgi-bin/stable_token": 2})).await;
    let first = stage.token("shop").await;
    assert_eq!(stage.token("shop").await, first);
    assert_eq!(errcode(&stage.stable("shop", false).await), 45009);
    let path = format!("/cgi-bin/openapi/quota/get?access_token={first}");
    let told = stage.post(&path, json!({"cgi_path": "/cgi-bin/stable_token"})).await;
    assert_eq!(told["quota"], json!({"daily_limit": 2, "used": 2, "remain": 0}));
    assert_eq!(told["rate_limit"], json!({"call_count": 10_000, "refresh_second": 60}));
    let body = json!({"appid": shop.app_id, "appsecret": shop.secret.expose()});
    assert_eq!(errcode(&stage.post("/cgi-bin/clear_quota/v2", body).await), 0);
    assert_eq!(stage.token("shop").await, first);
}

#[tokio::test]
async fn a_rid_tells_what_became_of_a_call() {
    let stage = Stage::new().await;
    let token = stage.token("shop").await;
    let path = format!("/cgi-bin/message/template/send?access_token={token}");
    let refused = stage.post(&path, json!({"touser": "oNobody"})).await;
    let rid = |refused: &serde_json::Value| {
        let errmsg = refused["errmsg"].as_str().unwrap();
        errmsg.rsplit_once("rid: ").unwrap().1.to_owned()
    };
    let ask = async |app: &str, rid: &str| {
        stage.call(app, "/cgi-bin/openapi/rid/get", json!({"rid": rid})).await
    };
    let asked = ask("shop", &rid(&refused)).await;
    let told = &asked["request"];
    assert_eq!(told["request_url"], "access_token=…");
    assert_eq!(told["request_body"], r#"{"touser":"oNobody"}"#);
    assert_eq!(told["response_body"], refused.to_string());
    assert_eq!(told["client_ip"], "127.0.0.1");
    let now = stage.now().await;
    assert!((now - 10..=now).contains(&told["invoke_time"].as_i64().unwrap()), "{told}");
    assert!(told["cost_in_ms"].is_u64());

    assert_eq!(errcode(&ask("shop-mini", &rid(&refused)).await), 76003);
    assert_eq!(errcode(&ask("shop", "00000000-00000000-00000000").await), 76001);
    assert_eq!(errcode(&ask("shop", "no rid").await), 76002);
    assert_eq!(errcode(&ask("shop", "").await), 76002);
    let login = stage.get("/sns/jscode2session").await;
    assert_eq!(errcode(&ask("shop", &rid(&login)).await), 76022);
    stage.advance(7 * 86_400).await;
    assert_eq!(errcode(&ask("shop", &rid(&refused)).await), 76004);
}

#[tokio::test]
async fn wechat_tells_its_addresses() {
    let stage = Stage::new().await;
    let token = stage.token("shop-mini").await;
    for path in ["getcallbackip", "get_api_domain_ip"] {
        let told = stage.get(&format!("/cgi-bin/{path}?access_token={token}")).await;
        assert_eq!(told, json!({"ip_list": ["127.0.0.1"]}), "{path}, without an errcode");
    }
}

#[tokio::test]
async fn not_every_account_may_do_everything() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    let may = async |path: &str| errcode(&stage.call("shop", path, json!({})).await) != 48001;
    let limit = async |path: &str| {
        let body = json!({"cgi_path": path});
        stage.call("shop", "/cgi-bin/openapi/quota/get", body).await["quota"]["daily_limit"].clone()
    };
    let (template, notification) =
        ("/cgi-bin/message/template/send", "/cgi-bin/message/subscribe/bizsend");
    let (add, custom) = ("/cgi-bin/template/api_add_template", "/cgi-bin/message/custom/send");
    for (account, may_template, may_notify, list) in [
        ("subscription", false, false, 500),
        ("test", true, false, 100),
        ("service", true, true, 500),
    ] {
        stage.post("/sandbox/apps/shop", json!({"account": account})).await;
        assert_eq!([may(template).await, may(add).await], [may_template; 2], "{account}");
        assert_eq!(may(notification).await, may_notify, "{account}");
        assert!(may(custom).await, "{account}");
        assert_eq!(limit("/cgi-bin/user/get").await, json!(list), "{account}");
    }
    let (_, error) = stage.refused("/sandbox/apps/shop-mini", json!({"account": "test"})).await;
    assert!(error.contains("Mini Program"), "{error}");
}
