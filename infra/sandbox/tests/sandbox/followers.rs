//! The list of an account's followers, and their profiles.

use crate::fixture::{Fixture, errcode};
use serde_json::{Value, json};

async fn list(fixture: &Fixture, after: &str) -> Value {
    let token = fixture.token("shop").await;
    fixture.get(&format!("/cgi-bin/user/get?access_token={token}&next_openid={after}")).await
}

async fn batch(fixture: &Fixture, open_ids: &[&str]) -> Value {
    let users: Vec<_> =
        open_ids.iter().map(|it| json!({ "openid": it, "lang": "zh_CN" })).collect();
    fixture.call("shop", "/cgi-bin/user/info/batchget", json!({ "user_list": users })).await
}

#[tokio::test]
async fn follower_list_ends_as_wechats_does() {
    let fixture = Fixture::new().await;
    assert_eq!(list(&fixture, "").await, json!({ "total": 0, "count": 0, "next_openid": "" }));
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({ "app": "shop" })).await;
    let page = list(&fixture, "").await;
    assert_eq!(
        page,
        json!({ "total": 1, "count": 1, "data": { "openid": [ann] }, "next_openid": ann })
    );
    // An empty page has no data. A user who has unfollowed is still a valid position.
    fixture.act("ann", "unfollow", json!({ "app": "shop" })).await;
    fixture.act("bob", "follow", json!({ "app": "shop" })).await;
    let page = list(&fixture, &ann).await;
    assert_eq!(page["data"]["openid"], json!([fixture.open_id("bob", "shop")]));
    let end = list(&fixture, &fixture.open_id("bob", "shop")).await;
    assert_eq!(end, json!({ "total": 1, "count": 0, "next_openid": "" }));
    assert_eq!(errcode(&list(&fixture, "oUnknown").await), 40003);
}

#[tokio::test]
async fn million_followers_are_listed_in_a_hundred_pages() {
    let fixture = Fixture::new().await;
    let made =
        fixture.post("/sandbox/apps/shop/synthetic_followers", json!({ "count": 1_000_000 })).await;
    fixture.act("ann", "follow", json!({ "app": "shop" })).await;
    let first = list(&fixture, "").await;
    assert_eq!((&first["total"], &first["count"]), (&json!(1_000_001), &json!(10_000)));
    assert_eq!(first["data"]["openid"][1], made["first"]);
    let (mut pages, mut listed, mut page) = (1, 10_000, first);
    while page["count"] != 0 {
        page = list(&fixture, page["next_openid"].as_str().unwrap()).await;
        pages += 1;
        listed += page["count"].as_u64().unwrap();
    }
    assert_eq!((pages, listed), (102, 1_000_001));
    // The log keeps every call and cuts off long answers.
    let calls = fixture.get("/sandbox/calls").await;
    assert!(calls.to_string().len() < 4 << 20);
}

#[tokio::test]
async fn batch_of_a_hundred_fails_with_one_unknown_openid() {
    let fixture = Fixture::new().await;
    fixture
        .post(
            "/sandbox/apps/shop/synthetic_followers",
            json!({ "count": 101, "since": 1_700_000_000 }),
        )
        .await;
    let all = fixture.get("/sandbox/apps/shop/followers").await;
    assert_eq!(all["total"], 101);
    let all: Vec<&str> =
        all["open_ids"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let answer = batch(&fixture, &all[..100]).await;
    assert_eq!(answer["user_info_list"].as_array().unwrap().len(), 100);
    // The order is not the one of the request.
    let one = &answer["user_info_list"][99];
    assert_eq!((&one["openid"], &one["subscribe_time"]), (&json!(all[0]), &json!(1_700_000_000)));
    assert!(one["unionid"].is_string());
    assert_eq!(errcode(&batch(&fixture, &all).await), 40032);
    assert_eq!(errcode(&batch(&fixture, &[]).await), 40032);
    assert_eq!(errcode(&batch(&fixture, &[all[0], "oUnknown"]).await), 40003);
    let odd = fixture.call("shop", "/cgi-bin/user/info/batchget", json!({ "users": [] })).await;
    assert_eq!(errcode(&odd), 47001);

    fixture.post("/sandbox/apps/shop/synthetic_followers/0/unfollow", json!({})).await;
    fixture.post("/sandbox/apps/shop", json!({ "open_platform": null })).await;
    let answer = batch(&fixture, &all[..2]).await;
    assert_eq!(answer["user_info_list"][1], json!({ "subscribe": 0, "openid": all[0] }));
    assert!(answer["user_info_list"][0].get("unionid").is_none());
}

#[tokio::test]
async fn synthetic_follower_pushes_an_event_unless_silent() {
    let fixture = Fixture::new().await;
    fixture.post("/sandbox/apps/shop/synthetic_followers", json!({ "count": 3 })).await;
    let answer = fixture.post("/sandbox/apps/shop/synthetic_followers/1/unfollow", json!({})).await;
    assert_eq!(answer["pushes"].as_array().unwrap().len(), 1, "{answer}");
    let again = fixture.post("/sandbox/apps/shop/synthetic_followers/1/unfollow", json!({})).await;
    assert_eq!(again["changed"], false);
    let silent = json!({ "silently": true });
    let answer =
        fixture.post("/sandbox/apps/shop/synthetic_followers/2/unfollow", silent.clone()).await;
    assert_eq!(answer["pushes"], json!([]));
    assert_eq!(fixture.get("/sandbox/apps/shop/followers").await["total"], 1);
    let with = json!({ "app": "shop", "silently": true });
    assert_eq!(fixture.act("ann", "follow", with).await["pushes"], json!([]));
    assert_eq!(fixture.get("/sandbox/apps/shop/followers").await["total"], 2);
    for (path, body, words) in [
        ("apps/shop/synthetic_followers/3/follow", silent.clone(), "numbered from 0"),
        ("apps/shop/synthetic_followers/0/message", silent, "can follow and unfollow"),
        ("apps/shop-mini/synthetic_followers", json!({ "count": 1 }), "an Official Account"),
        ("apps/shop/synthetic_followers", json!({ "count": 10_000_001 }), "10000000 or less"),
        ("apps/shop", json!({ "list_page": 0 }), "1 or more"),
    ] {
        let (status, error) = fixture.control_error(&format!("/sandbox/{path}"), body).await;
        assert!((status == 400 || status == 404) && error.contains(words), "{path}: {error}");
    }
}

#[tokio::test]
async fn daily_quota_of_the_follower_list_is_configurable() {
    let fixture = Fixture::new().await;
    fixture.post("/sandbox/apps/shop/quotas", json!({ "/cgi-bin/user/get": 2 })).await;
    for errcode_of in [0, 0, 45009] {
        assert_eq!(errcode(&list(&fixture, "").await), errcode_of);
    }
    let quotas = fixture.get("/sandbox/apps/shop/quotas").await;
    assert_eq!(quotas["used"]["/cgi-bin/user/get"], 2);
    fixture.advance(86_400).await;
    assert_eq!(errcode(&list(&fixture, "").await), 0);
    let mini = fixture.token("shop-mini").await;
    assert_eq!(
        errcode(&fixture.get(&format!("/cgi-bin/user/get?access_token={mini}")).await),
        48001
    );
}
