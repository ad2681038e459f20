//! Why a person can be reached, or not.

use crate::phone::Phone;
use crate::world::World;
use serde_json::{Value, json};

/// The tool's report on a person: whether they can be reached, and why.
async fn person(world: &World, who: &str, more: &[&str]) -> (bool, String) {
    let said = world.hongyan_in_words(&[&["person", who], more].concat(), "").await;
    assert!(said.status <= 1, "{said:?}");
    (said.status == 0, said.out)
}

async fn names_of(phone: &Phone<'_>) -> [String; 3] {
    [phone.open_id("shop").await, phone.open_id("shop-mini").await, phone.union_id().await]
}

fn tells(told: &str, expected: &[&str]) {
    for words in expected {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[tokio::test]
async fn reachable_person_is_shown_by_channel_without_identity() {
    let (world, _) = World::with_ann().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    let user = format!("user={}", session["user"].as_str().unwrap());
    let open_id = format!("app=shop,open_id={}", ann.open_id("shop").await);
    for who in ["account=ann", &user, &open_id] {
        let (reachable, told) = person(&world, who, &["--template", "order_shipped"]).await;
        assert!(reachable, "{told}");
        tells(
            &told,
            &[
                "With order_shipped, the ",
                "+ template of shop: would be used; unlimited",
                "+ subscribe of shop-mini: is a fallback; 1 may be sent",
                "with sample values",
                "+ shop: they follow it",
                "+ shop-mini: 1 consent is left",
                "accounts        ann",
            ],
        );
        let json = world.hongyan(&["person", who, "--template", "order_shipped"], "").await;
        let told = format!("{told}{}", json.out);
        for name in names_of(&ann).await {
            assert!(!told.contains(&name), "{name}: {told}");
        }
        assert_eq!(json.json()["reachable"], true);
    }
    assert!(world.aws.rows("notifications").await.is_empty(), "nothing is sent");
}

#[tokio::test]
async fn missing_things_are_shown_with_advice() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.log_in("shop-mini").await;
    let by_template = ["--template", "order_shipped"];
    let (reachable, told) = person(&world, "account=bob", &by_template).await;
    assert!(!reachable, "{told}");
    tells(
        &told,
        &[
            "With order_shipped, the account bob can't be reached.",
            "- template of shop: the person has never been seen in this app",
            "what to do: have them follow shop",
            "- subscribe of shop-mini: the person has not consented",
            "wx.requestSubscribeMessage with SandboxTemplateOfMini-order-shipped-0000001",
            "- shop: they have never been seen here",
            "- shop-mini: no consent is left",
            "- shop-mini: no customer-service window is open",
        ],
    );
    // Nothing reaches him by any template, either.
    assert!(!person(&world, "account=bob", &[]).await.0);

    bob.consent("shop-mini", "order_shipped", true).await;
    let (reachable, told) = person(&world, "account=bob", &by_template).await;
    assert!(reachable, "{told}");
    tells(&told, &["+ subscribe of shop-mini: would be used; 1 may be sent"]);
    // WeChat refuses a value that breaks a rule, for any recipient.
    let unfit = ["--data", "product=Kettle", "--data", "time=soon"];
    let (reachable, told) =
        person(&world, "account=bob", &[&by_template[..], &unfit].concat()).await;
    assert!(!reachable && told.contains("time2"), "{told}");

    bob.follow("shop").await;
    bob.unfollow("shop").await;
    let (_, told) = person(&world, "account=bob", &by_template).await;
    tells(
        &told,
        &["- template of shop: the person does not follow", "- shop: they don't follow it"],
    );
}

#[tokio::test]
async fn person_without_a_unionid_or_an_account_is_reported() {
    let world = World::start().await;
    world.wechat.post("apps/shop", &json!({ "open_platform": Value::Null })).await;
    let carol = world.phone("carol");
    carol.follow("shop").await;
    let who = format!("app=shop,open_id={}", carol.open_id("shop").await);
    let (reachable, told) = person(&world, &who, &[]).await;
    assert!(reachable, "{told}");
    tells(
        &told,
        &[
            "user            none: they have never logged in",
            "- no account is bound",
            "- WeChat has sent no unionid",
            "open.weixin.qq.com",
            "+ shop: a customer-service window is open",
        ],
    );
    // Only the unionid that isn't there would lead from one app to the other.
    carol.log_in("shop-mini").await;
    let (_, told) = person(&world, "account=carol", &[]).await;
    tells(&told, &["- shop: they have never been seen here", "accounts        carol"]);
}

#[tokio::test]
async fn unbound_account_differs_from_unknown_account() {
    let world = World::start().await;
    world.account("ann").await;
    let (reachable, told) = person(&world, "account=ann", &["--template", "order_shipped"]).await;
    assert!(!reachable, "{told}");
    tells(&told, &["- no account is bound", "- shop-mini: they have never been seen here"]);
    let error = async |arguments: &[&str]| world.hongyan(arguments, "").await.error();
    let (kind, words) = error(&["person", "account=unknown"]).await;
    assert!(kind == "not_found" && words.contains("the account unknown"), "{kind} {words}");
    let (kind, words) = error(&["person", "account=ann", "--template", "order_lost"]).await;
    assert!(kind == "not_found" && words.contains("template list"), "{kind} {words}");
    let (kind, words) = error(&["person", "app=nowhere,open_id=oAnn"]).await;
    assert!(kind == "not_found" && words.contains("app list"), "{kind} {words}");
    let (kind, _) = error(&["person", "union_id=uAnn"]).await;
    assert_eq!(kind, "usage");
}
