//! Those who already follow are brought in, and an operator looks on.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn import_shows_its_progress_until_it_is_complete() {
    let world = World::start().await;
    let none = world.hongyan(&["followers", "status"], "").await.json();
    assert_eq!(none["accounts"][0]["state"], "none", "{none}");
    world.wechat.post("apps/shop/synthetic_followers", &json!({ "count": 250 })).await;
    let import = ["followers", "import", "--app", "shop", "--watch"];
    let done = world.hongyan(&import, "").await.json();
    assert_eq!((&done["state"], &done["listed"]), (&json!("done"), &json!(250)), "{done}");
    assert_eq!(done["imported"], 250, "{done}");
    let words = world.hongyan_in_words(&["followers", "status", "--app", "shop"], "").await.out;
    for expected in ["shop: done", "250 of 250 followers listed, 250 imported", "/cgi-bin/user/get"]
    {
        assert!(words.contains(expected), "{expected}: {words}");
    }
}

#[tokio::test]
async fn import_waiting_for_a_quota_can_be_cancelled() {
    let world = World::start().await;
    world.wechat.post("apps/shop/synthetic_followers", &json!({ "count": 250 })).await;
    world.wechat.post("apps/shop/quotas", &json!({ "/cgi-bin/user/get": 0 })).await;
    let import = ["followers", "import", "--app", "shop", "--watch"];
    let said = world.hongyan(&import, "").await;
    let waits = said.any_json();
    assert_eq!((said.status, &waits["state"]), (1, &json!("listing")), "{waits}");
    assert!(waits["continues_at"].is_number(), "{waits}");
    assert!(waits["reason"].as_str().unwrap().contains("45009"), "{waits}");
    let cancel = ["followers", "cancel", "--app", "shop"];
    assert_eq!(world.hongyan(&cancel, "").await.json()["state"], "cancelled");
}

#[tokio::test]
async fn import_requires_an_official_account() {
    let world = World::start().await;
    for (app, expected) in [("shop-mini", "mini program"), ("nowhere", "nowhere")] {
        let said = world.hongyan(&["followers", "import", "--app", app], "").await;
        let (kind, words) = said.error();
        assert_eq!((said.status, kind.as_str()), (2, "invalid"), "{words}");
        assert!(words.contains(expected), "{words}");
    }
}
