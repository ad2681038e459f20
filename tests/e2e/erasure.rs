//! A person requests erasure: 个人信息保护法, article 47.

use crate::phone::password;
use crate::world::{World, order};
use local_aws::services::Fault;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::wechat::crypto::{EncodingAesKey, encrypt};
use shared::wechat::signature::sign;
use std::time::Duration;

const TABLES: [&str; 4] = ["users", "mappings", "events", "notifications"];

async fn erase(world: &World, who: Value) -> Value {
    world.ask_login(&json!({ "erase": who })).await.unwrap()
}

/// All rows in which one of these names stands, but for the marks that stay, and
/// the record of a login code, which has the random id for a minute.
async fn traces(world: &World, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for table in TABLES {
        for row in world.aws.rows(table).await {
            let mut attributes: Vec<_> =
                row.as_object().unwrap().keys().map(String::as_str).collect();
            attributes.sort_unstable();
            let is_mark = attributes == ["expires", "item", "left_at", "user"];
            let text = row.to_string();
            let stays = is_mark || row["item"] == "exchange";
            if !stays && names.iter().any(|name| text.contains(name.as_str())) {
                found.push(format!("{table}: {text}"));
            }
        }
    }
    found
}

/// A message to the shop that WeChat signs and no one can read.
async fn push_unreadable(world: &World, body: &str) {
    let shop = world.cloud.world().apps.into_iter().find(|app| app.alias == "shop").unwrap();
    let key = EncodingAesKey::parse(shop.encoding_aes_key.expose()).unwrap();
    let sealed = encrypt(&key, &shop.app_id, *b"0123456789abcdef", body.as_bytes());
    let (token, timestamp) = (shop.callback_token.expose(), Timestamp::now().to_string());
    let signature = sign(&[token, &timestamp, "1", &sealed]);
    let query = format!("timestamp={timestamp}&nonce=1&encrypt_type=aes&msg_signature={signature}");
    let request = world.client.post(world.url(&format!("/callback/shop?{query}")));
    let body = format!("<xml><ToUserName>gh_1</ToUserName><Encrypt>{sealed}</Encrypt></xml>");
    let answer = request.header("content-type", "text/xml").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    world.idle().await;
}

/// Ann does all that one can do, and is sent things.
async fn ann_lives(world: &World) -> (Value, Vec<String>) {
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    ann.message("shop", "Where is my kettle?").await;
    ann.enter("shop-mini").await;
    ann.consent("shop-mini", "order_shipped", true).await;
    let token = session["access_token"].as_str().unwrap();
    let form_ids = json!({ "app": "shop-mini", "form_ids": ["form-1", "form-2"] });
    for (path, body) in
        [("/form-ids", form_ids), ("/phone", json!({ "code": ann.phone_code("shop-mini").await }))]
    {
        let request = world.client.post(world.url(path)).bearer_auth(token).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
    let tomorrow = world.wechat.now().await + 24 * 3600;
    for (id, to) in [
        ("later-1", json!({ "account": "ann" })),
        ("later-2", json!({ "union_id": ann.union_id().await })),
        ("later-3", json!({ "app": "shop", "open_id": ann.open_id("shop").await })),
    ] {
        let mut request = order(id, to);
        request["send_at"] = json!(tomorrow);
        assert_eq!(world.send(&request).await["outcome"], "scheduled");
    }
    let now = order("now-1", json!({ "account": "ann" }));
    assert_eq!(world.send(&now).await["outcome"], "sent");
    let names = vec![
        ann.open_id("shop").await,
        ann.open_id("shop-mini").await,
        ann.union_id().await,
        session["user"].as_str().unwrap().to_owned(),
        "account#ann".to_owned(),
        "\"ann\"".to_owned(),
        "Where is my kettle".to_owned(),
    ];
    (session, names)
}

#[tokio::test]
async fn erased_person_is_gone_from_every_table() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.follow("shop").await;
    let bobs = bob.log_in("shop-mini").await;
    let tomorrow = world.wechat.now().await + 24 * 3600;
    let mut request = order("bobs", json!({ "account": "bob" }));
    request["send_at"] = json!(tomorrow);
    world.send(&request).await;
    let (session, names) = ann_lives(&world).await;
    assert!(traces(&world, &names).await.len() > 20);

    let report = erase(&world, json!({ "user": session["user"] })).await;
    assert_eq!((&report["complete"], &report["user"]), (&json!(true), &session["user"]));
    let gone = json!({
        "accounts": 1, "events": 5, "form_ids": 2, "mappings": 5, "notifications": 3, "consents": 1,
        "phone_numbers": 1, "profiles": 2, "sessions": 1, "windows": 3,
    });
    assert_eq!(report["deleted"], gone);
    assert_eq!(report["retained"].as_array().unwrap().len(), 8, "{report}");
    assert_eq!(traces(&world, &names).await, [""; 0]);

    // Of what was sent, or never will be, the caller can still ask.
    let outcome = async |id: &str| {
        world.aws.row("notifications", "id", id).await["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome("now-1").await, "delivered");
    for id in ["later-1", "later-2", "later-3"] {
        assert_eq!(outcome(id).await, "cancelled");
    }
    assert_eq!(outcome("bobs").await, "scheduled");
    let report = world.send(&order("after-1", json!({ "account": "ann" }))).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");

    // Her session ends, and what is left of it leads nowhere.
    let token = session["access_token"].as_str().unwrap();
    let held = json!({ "refresh_token": session["refresh_token"] });
    let refreshed = world.client.post(world.url("/session/refresh")).json(&held);
    assert_eq!(refreshed.send().await.unwrap().status(), 401);
    let code = json!({ "code": world.phone("ann").phone_code("shop-mini").await });
    let phone = world.client.post(world.url("/phone")).bearer_auth(token).json(&code);
    assert_eq!(phone.send().await.unwrap().status(), 401);

    // Bob is as he was.
    let (status, again) =
        world.log_in("shop-mini", &json!({ "code": bob.code("shop-mini").await })).await;
    assert_eq!((status, &again["user"]), (200, &bobs["user"]));
    assert_eq!(again["bound"], "bob");
    let lines = world.lines().concat();
    assert!(names[..3].iter().all(|name| !lines.contains(name)), "no log names anybody");
}

#[tokio::test]
async fn erasure_can_be_repeated_and_takes_any_identifier() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    let open_id = ann.open_id("shop").await;
    let first = erase(&world, json!({ "app": "shop", "open_id": open_id })).await;
    assert_eq!(first["user"], session["user"]);
    assert_eq!(first["deleted"]["profiles"], 2, "{first}");
    for who in [
        json!({ "app": "shop", "open_id": open_id }),
        json!({ "user": session["user"] }),
        json!({ "account": "ann" }),
    ] {
        let again = erase(&world, who).await;
        assert_eq!((&again["complete"], &again["deleted"]), (&json!(true), &json!({})), "{again}");
    }

    // A follower who has never logged in is a user too.
    let bob = world.phone("bob");
    bob.follow("shop").await;
    bob.message("shop", "hello").await;
    let names = [bob.open_id("shop").await, bob.union_id().await];
    let report = erase(&world, json!({ "app": "shop", "open_id": names[0] })).await;
    assert_eq!(report["user"], Value::Null);
    assert_eq!(
        (&report["deleted"]["events"], &report["deleted"]["windows"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(traces(&world, &names).await, [""; 0]);
}

#[tokio::test]
async fn returning_person_is_a_new_user() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let before = ann.log_in("shop-mini").await;
    erase(&world, json!({ "account": "ann" })).await;

    // The account went with her: it bears a name.
    let code = ann.code("shop-mini").await;
    let login = json!({ "code": code, "username": "ann", "password": password("ann") });
    assert_eq!(world.log_in("shop-mini", &login).await.0, 401);
    let after = ann.log_in("shop-mini").await;
    assert_ne!(after["user"], before["user"]);
    assert_eq!(after["follows"], json!({ "shop": false }), "unknown, until she follows again");
    // The second in which she was erased, and the next, are over.
    world.wechat.advance(2).await;
    ann.unfollow("shop").await;
    ann.follow("shop").await;
    let report = world.send(&order("order-1", json!({ "account": "ann" }))).await;
    assert_eq!(report["channel"], "template", "{report}");
    // The day's mark is gone with her return.
    let rows = world.aws.rows("users").await;
    let profiles: Vec<_> = rows.iter().filter(|row| row["item"] == "profile").collect();
    assert_eq!(profiles.len(), 2);
    assert!(profiles.iter().all(|row| row["expires"].is_null()), "{profiles:#?}");
}

#[tokio::test]
async fn erasure_continues_in_the_next_call_when_time_runs_out() {
    let world = World::changed(&[("Timeout: 29", "Timeout: 6")]).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    for at in 0..60 {
        ann.message("shop", &format!("hello {at}")).await;
    }
    let names = [ann.open_id("shop").await];
    // Each deletion of an event takes long, and many take too long.
    let slow = Fault::new("dynamodb", "DeleteItem").by(world.cloud.function("login"));
    let slow = slow.delay(Duration::from_millis(700));
    let slow = world.cloud.aws.faults.inject(slow).unwrap();
    let who = json!({ "app": "shop", "open_id": names[0] });
    let first = erase(&world, who.clone()).await;
    assert_eq!(first["complete"], false, "{first}");
    assert!(first["next"].as_str().unwrap().contains("invoke again"), "{first}");
    assert!(!traces(&world, &names).await.is_empty());
    slow.cancel();
    let mut last = erase(&world, who.clone()).await;
    while last["complete"] != true {
        last = erase(&world, who.clone()).await;
    }
    assert_eq!(last["deleted"]["events"], 61, "the total: {last}");
    assert_eq!(traces(&world, &names).await, [""; 0]);
    assert_eq!(traces(&world, &["erasure".to_owned()]).await, [""; 0]);
}

#[tokio::test]
async fn interrupted_erasure_is_finished_when_it_is_repeated() {
    let world = World::start().await;
    // What has come by then is counted.
    world.wechat.chaos_without(&["receipt_late"]).await;
    let (session, names) = ann_lives(&world).await;
    let broken = Fault::new("dynamodb", "DeleteItem").by(world.cloud.function("login"));
    let broken = world.cloud.aws.faults.inject(broken.refuse("AccessDeniedException")).unwrap();
    let who = json!({ "erase": { "account": "ann" } });
    assert!(world.ask_login(&who).await.is_err());
    assert!(!traces(&world, &names).await.is_empty());
    broken.cancel();
    let report = world.ask_login(&who).await.unwrap();
    assert_eq!((&report["complete"], &report["user"]), (&json!(true), &session["user"]));
    assert_eq!(
        (&report["deleted"]["events"], &report["deleted"]["sessions"]),
        (&json!(5), &json!(1))
    );
    assert_eq!(traces(&world, &names).await, [""; 0]);
    assert_eq!(traces(&world, &["erasure".to_owned()]).await, [""; 0]);
}

/// Fault 114.
#[tokio::test]
async fn unreadable_events_are_erased_in_whatever_form_they_name_the_person() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let open_id = ann.open_id("shop").await;
    let escaped = |form: &dyn Fn(u32) -> String| -> String {
        open_id.chars().map(|c| form(u32::from(c))).collect()
    };
    let xml = |id: &str| format!("<xml><FromUserName>{id}</FromUserName>&nbsp;my secret diary");
    for body in [
        xml(&open_id),
        xml(&escaped(&|code| format!("&#{code};"))),
        format!(r#"{{"MsgType":"text","Content":"my secret diary {open_id}"#),
        format!(
            r#"{{"FromUserName":"{}","Content":"my secret diary"#,
            escaped(&|code| format!("\\u{code:04x}"))
        ),
        format!("openid={}&text=my secret diary", escaped(&|code| format!("%{code:02x}"))),
    ] {
        push_unreadable(&world, &body).await;
    }
    push_unreadable(&world, "<xml>another person's secret diary&nbsp;").await;
    assert_eq!(traces(&world, &["my secret diary".to_owned()]).await.len(), 5);
    let report = erase(&world, json!({ "app": "shop", "open_id": open_id })).await;
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(traces(&world, &["my secret diary".to_owned(), open_id]).await, [""; 0]);
    assert_eq!(traces(&world, &["another person's".to_owned()]).await.len(), 1);
}

/// Fault 114.
#[tokio::test]
async fn erased_person_is_erased_again_after_a_restoration() {
    let world = World::start().await;
    let bob = world.phone("bob");
    bob.follow("shop").await;
    let bobs = bob.log_in("shop-mini").await;
    let (session, names) = ann_lives(&world).await;
    push_unreadable(&world, &format!("<xml>{}&nbsp;", names[0])).await;
    let mut backup = Vec::new();
    for table in TABLES {
        backup.push((table, world.aws.backup(table).await));
    }
    erase(&world, json!({ "user": session["user"] })).await;
    assert_eq!(traces(&world, &names).await, [""; 0]);

    for (table, rows) in &backup {
        world.aws.restore(table, rows).await;
    }
    world.idle().await;
    assert!(traces(&world, &names).await.len() > 20);
    let mut again = world.ask_login(&json!({ "erase_again": {} })).await.unwrap();
    while again["complete"] != true {
        again = world.ask_login(&json!({ "erase_again": {} })).await.unwrap();
    }
    assert_eq!(again["people"], 1, "{again}");
    assert_eq!(traces(&world, &names).await, [""; 0]);
    let what = again["retained"].to_string();
    for place in ["point-in-time", "37", "stream", "dead-letter", "EventBridge", "logs"] {
        assert!(what.contains(place), "{place}: {what}");
    }

    let nothing = world.ask_login(&json!({ "erase_again": {} })).await.unwrap();
    assert_eq!((&nothing["people"], &nothing["complete"]), (&json!(0), &json!(true)));

    // Bob is as he was, and Ann is a new person.
    let (status, as_before) =
        world.log_in("shop-mini", &json!({ "code": bob.code("shop-mini").await })).await;
    assert_eq!((status, &as_before["user"]), (200, &bobs["user"]));
    let ann = world.phone("ann").log_in("shop-mini").await;
    assert_ne!(ann["user"], session["user"]);
    let list = world.aws.rows("erasures").await;
    let listed = json!(list).to_string();
    assert!(!list.is_empty() && names.iter().all(|name| !listed.contains(name)), "{listed}");
    assert!(list.iter().all(|row| row["expires"].is_number()), "{listed}");
    let lines = world.lines().concat();
    assert!(names[..3].iter().all(|name| !lines.contains(name)), "no log names anybody");
}
