//! The list of an account's followers, and who they are.

use crate::stage::{Stage, errcode};
use serde_json::{Value, json};

async fn list(stage: &Stage, after: &str) -> Value {
    let token = stage.token("shop").await;
    stage.get(&format!("/cgi-bin/user/get?access_token={token}&next_openid={after}")).await
}

async fn batch(stage: &Stage, open_ids: &[&str]) -> Value {
    let users: Vec<_> =
        open_ids.iter().map(|it| json!({ "openid": it, "lang": "zh_CN" })).collect();
    stage.call("shop", "/cgi-bin/user/info/batchget", json!({ "user_list": users })).await
}

#[tokio::test]
async fn the_list_ends_as_wechats_does() {
    let stage = Stage::new().await;
    assert_eq!(list(&stage, "").await, json!({ "total": 0, "count": 0, "next_openid": "" }));
    let ann = stage.open_id("ann", "shop");
    stage.does("ann", "follow", json!({ "app": "shop" })).await;
    let page = list(&stage, "").await;
    assert_eq!(
        page,
        json!({ "total": 1, "count": 1, "data": { "openid": [ann] }, "next_openid": ann })
    );
    // After the last one there is no data; and who has left is still a place in it.
    stage.does("ann", "unfollow", json!({ "app": "shop" })).await;
    stage.does("bob", "follow", json!({ "app": "shop" })).await;
    let page = list(&stage, &ann).await;
    assert_eq!(page["data"]["openid"], json!([stage.open_id("bob", "shop")]));
    let end = list(&stage, &stage.open_id("bob", "shop")).await;
    assert_eq!(end, json!({ "total": 1, "count": 0, "next_openid": "" }));
    assert_eq!(errcode(&list(&stage, "oNobody").await), 40003);
}

#[tokio::test]
async fn a_million_are_listed_in_a_hundred_pages() {
    let stage = Stage::new().await;
    let made =
        stage.post("/sandbox/apps/shop/synthetic_followers", json!({ "count": 1_000_000 })).await;
    stage.does("ann", "follow", json!({ "app": "shop" })).await;
    let first = list(&stage, "").await;
    assert_eq!((&first["total"], &first["count"]), (&json!(1_000_001), &json!(10_000)));
    assert_eq!(first["data"]["openid"][1], made["first"]);
    let (mut pages, mut listed, mut page) = (1, 10_000, first);
    while page["count"] != 0 {
        page = list(&stage, page["next_openid"].as_str().unwrap()).await;
        pages += 1;
        listed += page["count"].as_u64().unwrap();
    }
    assert_eq!((pages, listed), (102, 1_000_001));
    // Everything was written down, and little of it kept.
    let calls = stage.get("/sandbox/calls").await;
    assert!(calls.to_string().len() < 4 << 20);
}

#[tokio::test]
async fn a_hundred_are_asked_about_at_once_and_one_stranger_spoils_it() {
    let stage = Stage::new().await;
    stage
        .post(
            "/sandbox/apps/shop/synthetic_followers",
            json!({ "count": 101, "since": 1_700_000_000 }),
        )
        .await;
    let all = stage.get("/sandbox/apps/shop/followers").await;
    assert_eq!(all["total"], 101);
    let all: Vec<&str> =
        all["open_ids"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let told = batch(&stage, &all[..100]).await;
    assert_eq!(told["user_info_list"].as_array().unwrap().len(), 100);
    // In no order that anybody could rely on.
    let one = &told["user_info_list"][99];
    assert_eq!((&one["openid"], &one["subscribe_time"]), (&json!(all[0]), &json!(1_700_000_000)));
    assert!(one["unionid"].is_string());
    assert_eq!(errcode(&batch(&stage, &all).await), 40032);
    assert_eq!(errcode(&batch(&stage, &[]).await), 40032);
    assert_eq!(errcode(&batch(&stage, &[all[0], "oNobody"]).await), 40003);
    let odd = stage.call("shop", "/cgi-bin/user/info/batchget", json!({ "users": [] })).await;
    assert_eq!(errcode(&odd), 47001);

    stage.post("/sandbox/apps/shop/synthetic_followers/0/unfollow", json!({})).await;
    stage.post("/sandbox/apps/shop", json!({ "open_platform": null })).await;
    let told = batch(&stage, &all[..2]).await;
    assert_eq!(told["user_info_list"][1], json!({ "subscribe": 0, "openid": all[0] }));
    assert!(told["user_info_list"][0].get("unionid").is_none());
}

#[tokio::test]
async fn one_of_the_crowd_is_told_of_unless_it_is_done_silently() {
    let stage = Stage::new().await;
    stage.post("/sandbox/apps/shop/synthetic_followers", json!({ "count": 3 })).await;
    let told = stage.post("/sandbox/apps/shop/synthetic_followers/1/unfollow", json!({})).await;
    assert_eq!(told["pushes"].as_array().unwrap().len(), 1, "{told}");
    let again = stage.post("/sandbox/apps/shop/synthetic_followers/1/unfollow", json!({})).await;
    assert_eq!(again["changed"], false);
    let silent = json!({ "silently": true });
    let told =
        stage.post("/sandbox/apps/shop/synthetic_followers/2/unfollow", silent.clone()).await;
    assert_eq!(told["pushes"], json!([]));
    assert_eq!(stage.get("/sandbox/apps/shop/followers").await["total"], 1);
    let with = json!({ "app": "shop", "silently": true });
    assert_eq!(stage.does("ann", "follow", with).await["pushes"], json!([]));
    assert_eq!(stage.get("/sandbox/apps/shop/followers").await["total"], 2);
    for (path, body, words) in [
        ("apps/shop/synthetic_followers/3/follow", silent.clone(), "numbered from 0"),
        ("apps/shop/synthetic_followers/0/message", silent, "can follow and unfollow"),
        ("apps/shop-mini/synthetic_followers", json!({ "count": 1 }), "an Official Account"),
        ("apps/shop/synthetic_followers", json!({ "count": 10_000_001 }), "10000000 or less"),
        ("apps/shop", json!({ "list_page": 0 }), "1 or more"),
    ] {
        let (status, error) = stage.refused(&format!("/sandbox/{path}"), body).await;
        assert!((status == 400 || status == 404) && error.contains(words), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_days_lists_are_counted_and_can_be_fewer() {
    let stage = Stage::new().await;
    stage.post("/sandbox/apps/shop/quotas", json!({ "/cgi-bin/user/get": 2 })).await;
    for errcode_of in [0, 0, 45009] {
        assert_eq!(errcode(&list(&stage, "").await), errcode_of);
    }
    let quotas = stage.get("/sandbox/apps/shop/quotas").await;
    assert_eq!(quotas["used"]["/cgi-bin/user/get"], 2);
    stage.advance(86_400).await;
    assert_eq!(errcode(&list(&stage, "").await), 0);
    let mini = stage.token("shop-mini").await;
    assert_eq!(errcode(&stage.get(&format!("/cgi-bin/user/get?access_token={mini}")).await), 48001);
}
