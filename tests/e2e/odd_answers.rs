//! WeChat's answers are not always what its documentation says.

use crate::followers::{BATCH, LIST, follow_without_events, import, reconcile, used};
use crate::world::World;
use serde_json::{Value, json};

const USER_INFO: &str = "/cgi-bin/user/info";
const SHOP: &str = "wx0000000000005a01";

async fn followers(world: &World, count: usize) -> Vec<String> {
    follow_without_events(world, count).await;
    let listed = world.wechat.get("apps/shop/followers").await;
    serde_json::from_value(listed["open_ids"].clone()).unwrap()
}

async fn answer_with(world: &World, path: &str, body: impl Into<String>) {
    world.wechat.fault(json!({ "path": path, "body": body.into() })).await;
}

async fn follows(world: &World, open_id: &str) -> bool {
    let user = format!("{SHOP}#{open_id}");
    let rows = world.aws.rows("users").await;
    rows.iter()
        .any(|row| row["user"] == *user && row["item"] == "profile" && row["follows"] == true)
}

/// Fault 87.
#[tokio::test]
async fn odd_profile_is_left_out_of_an_import_and_delays_no_other() {
    let world = World::start().await;
    world.wechat.chaos_without(&["null_profiles", "null_openids"]).await;
    let ids = followers(&world, 6).await;
    let body = format!(
        r#"{{"user_info_list":[null,{{"subscribe":1,"openid":null}},{{"openid":"{}"}},
            {{"subscribe":"1","openid":"{}","subscribe_time":"","unionid":"uOne","remark":"{}"}},
            {{"subscribe":1,"openid":"{}","subscribe_time":1700000000,"unionid":"","remark":"\ud83d","tagid_list":null}},
            {{"subscribe":1,"openid":"{}","subscribe_time":1700000000,"unionid":"uThree"}}]}}"#,
        ids[0], ids[1], '\u{8}', ids[2], ids[3],
    );
    answer_with(&world, BATCH, body).await;
    let done = import(&world).await;
    assert_eq!((&done["state"], &done["imported"]), (&json!("done"), &json!(3)), "{done}");
    assert_eq!(done["unreadable"], 3, "{done}");
    for (place, known) in [false, true, true, true].into_iter().enumerate() {
        assert_eq!(follows(&world, &ids[place]).await, known, "{place}");
    }
    let counted = world.metrics("followers_unreadable");
    let [metric] = counted.as_slice() else { panic!("{counted:?}") };
    assert_eq!((metric.value, metric.dimension("app")), (3, "shop"));
    let log = world.lines().concat();
    assert!(
        log.contains("subscribe is missing") && !log.contains(&ids[0]),
        "it is named without its openid"
    );
    // Nothing is asked again until the next import, which finds the others.
    assert_eq!(used(&world, LIST).await, 1);
    let done = import(&world).await;
    assert_eq!((&done["state"], &done["unreadable"]), (&json!("done"), &json!(0)), "{done}");
    assert!(follows(&world, &ids[0]).await);
}

/// Fault 87.
#[tokio::test]
async fn odd_entry_of_the_list_is_left_out() {
    let world = World::start().await;
    world.wechat.chaos_without(&["null_profiles", "null_openids"]).await;
    let ids = followers(&world, 2).await;
    let body = json!({
        "total": "2", "count": null, "data": { "openid": [null, ids[1], {}] }, "next_openid": ids[1],
    });
    answer_with(&world, LIST, body.to_string()).await;
    let done = import(&world).await;
    assert_eq!((&done["state"], &done["imported"]), (&json!("done"), &json!(1)), "{done}");
    assert_eq!(done["unreadable"], 2, "{done}");
    assert!(follows(&world, &ids[1]).await);
}

/// A person who isn't on the list has left only if WeChat says so.
#[tokio::test]
async fn odd_answer_unfollows_no_one() {
    let world = World::start().await;
    let ids = followers(&world, 2).await;
    import(&world).await;
    answer_with(&world, LIST, r#"{"total":0,"count":0,"next_openid":""}"#).await;
    answer_with(&world, BATCH, format!(r#"{{"user_info_list":[null,{{"openid":"{}"}}]}}"#, ids[1]))
        .await;
    let night = reconcile(&world).await;
    assert_eq!((&night["left"], &night["unreadable"]), (&json!(0), &json!(2)), "{night}");
    for id in &ids {
        assert!(follows(&world, id).await);
    }
}

/// Fault 87.
#[tokio::test]
async fn follow_is_applied_whatever_is_odd_in_the_profile() {
    for odd in [
        r#"{"openid":null,"unionid":"uOdd","subscribe_time":""}"#,
        "{\"subscribe\":\"1\",\"openid\":7,\"unionid\":\"uOdd\",\"remark\":\"a\u{8}\\ud83d\"}",
        r#"{"subscribe":true,"unionid":"uOdd","tagid_list":"","qr_scene":"x"}"#,
    ] {
        let world = World::start().await;
        answer_with(&world, USER_INFO, odd).await;
        world.phone("ann").follow("shop").await;
        let event = world.aws.row("events", "kind", "subscribe").await;
        assert!(event["applied_at"].is_number(), "{odd}: {event}");
        let profile = world.aws.row("users", "item", "profile").await;
        assert_eq!(
            (&profile["follows"], &profile["union_id"]),
            (&json!(true), &json!("uOdd")),
            "{odd}"
        );
    }
}

/// Fault 88.
#[tokio::test]
async fn follow_of_an_uncertified_account_is_applied_without_a_profile() {
    let world = World::start().await;
    world.wechat.fault(json!({ "path": USER_INFO, "times": 100, "errcode": 48001 })).await;
    let people = ["ann", "bob"];
    for name in people {
        world.phone(name).follow("shop").await;
    }
    world.idle().await;
    let rows = world.aws.rows("events").await;
    assert_eq!(rows.len(), people.len());
    assert!(rows.iter().all(|row| row["applied_at"].is_number()), "{rows:#?}");
    assert_eq!(world.wechat.calls(USER_INFO).await.len(), people.len());
    let lines = world.lines();
    let lines: Vec<_> = lines.iter().filter(|line| line.contains("48001")).collect();
    // Each environment says it once an hour; a schedule may have started a second one.
    let environments = world.lines();
    let environments =
        environments.iter().filter(|line| line.starts_with("events") && line.contains("(cold)"));
    assert!((1..=environments.count()).contains(&lines.len()), "{lines:#?}");
    assert!(!lines[0].contains("ERROR"), "{lines:#?}");
    for name in people {
        assert!(follows(&world, &world.phone(name).open_id("shop").await).await);
    }
}

/// WeChat's answer about a follower is readable by a look-up, and gone with the person.
#[tokio::test]
async fn details_of_a_follower_are_kept_and_erased() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let union_id = ann.union_id().await;
    let info = json!({
        "subscribe": 1, "openid": ann.open_id("shop").await, "subscribe_time": 1_700_000_000,
        "unionid": union_id, "language": "zh_CN", "remark": "pays late", "tagid_list": [128, 2],
        "subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 0, "qr_scene_str": "poster",
    });
    answer_with(&world, USER_INFO, info.to_string()).await;
    ann.follow("shop").await;
    let who = json!({ "app": "shop", "open_id": ann.open_id("shop").await });
    let found = world.ask_login(&json!({ "look_up": who })).await.unwrap();
    assert_eq!(
        found["apps"][0]["follower"],
        json!({
            "subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene_str": "poster", "tagid_list": [128, 2],
            "remark": "pays late", "language": "zh_CN",
        }),
        "{found}"
    );
    assert!(!world.lines().concat().contains("pays late"), "it is in no log");
    world.ask_login(&json!({ "erase": who })).await.unwrap();
    let rows = world.aws.rows("users").await;
    assert!(!json!(rows).to_string().contains("pays late"), "{rows:#?}");
}

/// Fault 89.
#[tokio::test]
async fn empty_unionid_is_none_and_the_login_succeeds() {
    let world = World::start().await;
    let ann = world.phone("ann");
    for body in [
        json!({ "openid": ann.open_id("shop-mini").await, "session_key": "k", "unionid": "" }),
        json!({ "openid": ann.open_id("shop-mini").await, "unionid": null, "errcode": "0" }),
    ] {
        answer_with(&world, "/sns/jscode2session", body.to_string()).await;
        let code = ann.code("shop-mini").await;
        let (status, session) = world.log_in("shop-mini", &json!({ "code": code })).await;
        assert_eq!(status, 200, "{session}");
    }
}

/// Fault 89.
#[tokio::test]
async fn phone_number_is_read_from_numbers_and_without_the_pure_one() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    for info in [
        json!({ "phoneNumber": "+8613800001234", "purePhoneNumber": 13_800_001_234_u64, "countryCode": 86 }),
        json!({ "phoneNumber": "+8613800001234", "countryCode": "86" }),
        json!({ "phoneNumber": 13_800_001_234_u64, "purePhoneNumber": null }),
    ] {
        let body = json!({ "errcode": 0, "errmsg": "ok", "phone_info": info });
        answer_with(&world, "/wxa/business/getuserphonenumber", body.to_string()).await;
        let code = ann.phone_code_of("shop-mini", json!({ "number": "13800001234" })).await;
        let token = session["access_token"].as_str().unwrap();
        let request = world.client.post(world.url("/phone")).bearer_auth(token);
        let answer = request.json(&json!({ "code": code })).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{info}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({ "phone": "138****1234", "country_code": "86" }), "{info}");
    }
}
