//! The doctor finds what is wrong, and gives advice.

use crate::world::{World, order};
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What fails or is to be looked at: the check, what it is about, and the words.
async fn troubles(world: &World) -> Vec<(String, String, String)> {
    let said = world.hongyan(&["doctor"], "").await;
    let report = said.any_json();
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{said:?}"));
    let failed = findings.iter().any(|it| it["state"] == "failed");
    assert_eq!((said.status, &report["ok"]), (i32::from(failed), &json!(!failed)), "{said:?}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let troubles = findings.iter().filter(|it| it["state"] == "failed" || it["state"] == "warning");
    troubles
        .map(|it| {
            assert!(it["advice"].is_string(), "no advice: {it}");
            let words = format!("{} → {}", text(&it["found"]), text(&it["advice"]));
            (text(&it["check"]), text(&it["subject"]), words)
        })
        .collect()
}

/// The one trouble there is of this check.
async fn trouble(world: &World, check: &str, of: &str) -> String {
    let all = troubles(world).await;
    let mut found = all.iter().filter(|it| (it.0.as_str(), it.1.as_str()) == (check, of));
    let words = found.next().unwrap_or_else(|| panic!("no {check} {of}: {all:#?}")).2.clone();
    assert!(found.next().is_none(), "{all:#?}");
    words
}

#[tokio::test]
async fn doctor_finds_nothing_when_the_deployment_works() {
    let (world, _) = World::with_ann().await;
    assert_eq!(troubles(&world).await, []);
    let words = world.hongyan_in_words(&["doctor"], "").await;
    assert!(words.out.contains("No problems found."), "{words:?}");
    assert!(words.out.contains("skipped  alarms: there are none on this machine"), "{words:?}");
}

#[tokio::test]
async fn doctor_reports_missing_parameters() {
    let world = World::start().await;
    world.aws.delete_parameter("secrets/shop").await;
    world.aws.delete_parameter("callback/shop-mini").await;
    let all = troubles(&world).await;
    let told = |check: &str, of: &str, words: &str| {
        all.iter().any(|it| it.0 == check && it.1 == of && it.2.contains(words))
    };
    assert!(told("app", "shop", "hongyan app rotate shop --secret"), "{all:#?}");
    assert!(told("access_token", "shop", "its AppSecret is not under /secrets"), "{all:#?}");
    assert!(told("app", "shop-mini", "hongyan app add shop-mini"), "{all:#?}");

    world.aws.delete_parameter("apps/shop-mini").await;
    let left = trouble(&world, "app", "shop-mini").await;
    assert!(left.contains("hongyan app remove shop-mini"), "{left}");
    world.aws.delete_parameter("apps/shop").await;
    let none = trouble(&world, "app", "").await;
    assert!(none.contains("hongyan app add"), "{none}");
    world.aws.delete_parameter("deployment").await;
    let gone = trouble(&world, "deployment", "").await;
    assert!(gone.contains("make run"), "{gone}");
}

#[tokio::test]
async fn doctor_reports_a_wrong_app_secret_and_a_blocked_address() {
    let world = World::start().await;
    let closed = json!({ "path": "/cgi-bin/stable_token", "errcode": 40164, "times": 2,
        "errmsg": "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist" });
    world.wechat.fault(closed).await;
    let words = trouble(&world, "access_token", "shop").await;
    assert!(words.contains("add 203.0.113.9 to the IP list (IP白名单)"), "{words}");
    world.wechat.heal().await;
    world.set_parameter("secrets/shop", "c0ffee00c0ffee00c0ffee00c0ffee03");
    let words = trouble(&world, "access_token", "shop").await;
    assert!(words.contains("hongyan app rotate shop --secret"), "{words}");
    assert!(words.contains("expires in"), "the stored token stays in use: {words}");
}

#[tokio::test]
async fn doctor_reports_a_callback_with_another_token() {
    let world = World::start().await;
    // It reads its settings, and can't read them again.
    world.phone("ann").follow("shop").await;
    let caller = world.cloud.function("callback");
    let unread = Fault::new("ssm", "GetParametersByPath").by(caller).refuse("InternalServerError");
    world.cloud.aws.faults.inject(unread).unwrap();
    let mut settings = world.parameter("callback/shop");
    settings["token"] = json!("anotherTokenThanBefore");
    world.set_parameter("callback/shop", &settings);
    let words = trouble(&world, "callback", "shop").await;
    assert!(words.contains("status 403") && words.contains("another token"), "{words}");
}

/// Fault 38.
#[tokio::test]
async fn doctor_lists_unknown_error_codes_of_the_last_day() {
    let (world, to) = World::with_ann().await;
    let send = "/cgi-bin/message/template/send";
    for (id, code) in [("order-1", 45999), ("order-2", -77), ("order-3", 45999)] {
        world.wechat.fault(json!({ "path": send, "errcode": code, "times": 3 })).await;
        let report = world.send(&order(id, to.clone())).await;
        assert_eq!(report["outcome"], "retrying", "{report}");
        world.wechat.heal().await;
    }
    let token = json!({ "path": "/cgi-bin/stable_token", "errcode": 45998, "times": 2 });
    world.wechat.fault(token).await;
    assert!(world.invoke("token", &json!({})).await.is_err());
    let list = json!({ "path": "/cgi-bin/user/get", "errcode": 45997, "times": 2 });
    world.wechat.fault(list).await;
    world.invoke("followers", &json!({ "import": { "app": "shop" } })).await.unwrap();
    world.wechat.heal().await;

    let all = troubles(&world).await;
    let mut told: Vec<_> = all.iter().filter(|it| it.0 == "error_codes").collect();
    told.sort_by_key(|it| (it.2.clone(), it.1.clone()));
    let words = |code: &str| {
        let own: Vec<_> = told.iter().filter(|it| it.2.contains(code)).collect();
        assert_eq!(own.len(), 1, "{code}: {told:#?}");
        own[0].2.clone()
    };
    assert!(words(" 45999 ").contains(send), "{told:#?}");
    assert!(words(" 45999 ").contains("rid "), "{told:#?}");
    assert!(words(" -77 ").contains(send), "{told:#?}");
    let of_tokens = told.iter().filter(|it| it.2.contains(" 45998 "));
    let of_tokens: BTreeSet<_> = of_tokens.map(|it| it.1.as_str()).collect();
    assert_eq!(of_tokens, BTreeSet::from(["shop", "shop-mini"]));
    assert!(words(" 45997 ").contains("user/get"), "{told:#?}");

    let counted = world.metrics("unknown_codes");
    let of = |code: &str| counted.iter().filter(|it| it.dimension("code") == code).count();
    // An attempt is three calls, all of which are counted.
    assert_eq!((of("45999"), of("-77")), (6, 3), "{counted:?}");
    assert!(counted.iter().all(|it| it.dimension("app").starts_with("shop")), "{counted:?}");
    let rows = world.aws.rows("notifications").await;
    let days = rows.iter().filter(|row| row["id"].as_str().unwrap().starts_with("unknown_codes#"));
    assert!((1..=2).contains(&days.count()), "{rows:?}");

    // What is older than a day isn't listed.
    for row in rows {
        let id = row["id"].as_str().unwrap();
        for name in row.as_object().unwrap().keys().filter(|name| name.starts_with("at ")) {
            world.aws.set_time(id, name, 1).await;
        }
    }
    assert_eq!(troubles(&world).await, []);
}

#[tokio::test]
async fn doctor_reports_dead_letters_differences_and_missing_unionids() {
    let world = World::start().await;
    world.cloud.aws.queues.send("hongyan-local-notifications-dlq", "{}".to_owned()).unwrap();
    let mut template = world.parameter("templates/order_shipped");
    template["channels"][0]["template_id"] = json!("gone");
    world.set_parameter("templates/order_shipped", &template);
    world.wechat.post("apps/shop", &json!({ "open_platform": null })).await;
    world.phone("ann").follow("shop").await;
    world.set_parameter(
        "apps/shop-mini",
        &json!({ "app_id": "wx0000000000005a02",
        "kind": "mini_program", "repleis": [] }),
    );
    let all = troubles(&world).await;
    let told: Vec<_> = all.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    assert_eq!(
        told,
        [
            ("dead_letters", "hongyan-local-notifications-dlq"),
            ("app", "shop-mini"),
            ("template", "order_shipped"),
            ("unionid", "shop"),
        ],
        "{all:#?}"
    );
    for (at, words) in
        ["redrive", "repleis", "copy the id", "open.weixin.qq.com"].iter().enumerate()
    {
        assert!(all[at].2.contains(words), "{words}: {:?}", all[at]);
    }
}
