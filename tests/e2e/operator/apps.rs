//! Apps are set up, rotated and removed without losing anything.

use super::{OTHER_SECRET, SECRET};
use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const NEWS: &str = "wx0000000000005a03";
const ADD_NEWS: [&str; 7] = ["app", "add", "news", "--app-id", NEWS, "--kind", "official-account"];

#[tokio::test]
async fn new_account_receives_pushes_after_its_settings_are_pasted() {
    let world = World::start().await;
    world.account_at_wechat("news", NEWS, SECRET).await;
    let pasted = json!({ "url": world.url("/callback/news"), "token": "tooEarly",
                         "encoding_aes_key": "A".repeat(43) });
    let console = format!("http://{}/sandbox/apps/news/console", world.cloud.wechat());
    let refused = world.client.post(console).json(&pasted).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("token验证失败"), "there is no callback yet");

    let added = world.hongyan(&ADD_NEWS, &format!("{SECRET}\n")).await.json();
    assert_eq!(added["callback"], json!({ "ok": true }), "{added}");
    assert_eq!(added["access_token"], json!({ "ok": true }), "{added}");
    let console = &added["console"];
    let url = console["url"].as_str().unwrap();
    assert!(url.starts_with(&world.url("/callback/news/1-")), "{url}");
    assert_eq!(console["token"].as_str().unwrap().len(), 32);
    assert_eq!(console["encoding_aes_key"].as_str().unwrap().len(), 43);

    world.paste("news", console).await;
    // One that began before there was such an app puts its events off by a minute.
    world.cloud.kill(&world.cloud.function("events")).await.unwrap();
    world.phone("ann").follow("news").await;
    let profile = world.aws.row("users", "item", "profile").await;
    assert!(profile["user"].as_str().unwrap().starts_with(NEWS), "{profile}");
    assert_eq!(profile["follows"], true);

    // Who says the same again is shown the same again, and asked for nothing.
    let again = world.hongyan(&ADD_NEWS, "").await.json();
    assert_eq!(again["console"], added["console"]);
    let replies = json!([{ "on": "follow", "reply": { "text": "欢迎" } }]);
    world.set_replies("news", replies.clone());
    let noted = [ADD_NEWS.as_slice(), &["--original-id", "gh_0123456789ab"]].concat();
    world.hongyan(&noted, "").await.json();
    let stored = world.parameter("apps/news");
    assert_eq!((&stored["original_id"], &stored["replies"]), (&json!("gh_0123456789ab"), &replies));
    let words = world.hongyan_in_words(&ADD_NEWS, "").await;
    for pasted in ["服务器地址(URL)", "令牌(Token)", "消息加解密密钥(EncodingAESKey)", "安全模式"]
    {
        assert!(words.out.contains(pasted), "{words:?}");
    }
    let shown = world.hongyan(&["app", "show", "news"], "").await;
    let (token, key) = (console["token"].as_str().unwrap(), console["encoding_aes_key"].as_str());
    assert!(!shown.out.contains(token) && !shown.out.contains(key.unwrap()), "{shown:?}");
    let shown = shown.json();
    assert_eq!(shown["callback_url"], console["url"]);
    assert_eq!(
        (&shown["callback"]["mode"], &shown["callback"]["rotating"]),
        (&json!("safe"), &json!(false))
    );
    assert!(
        shown["secret"]["changed_at"].is_number()
            && shown["access_token"]["expires_at"].is_number()
    );
    let listed = world.hongyan(&["app", "list"], "").await.json();
    assert_eq!(listed["apps"][0]["callback_url"], world.url("/callback/news/…"));
    let aliases: Vec<_> =
        listed["apps"].as_array().unwrap().iter().map(|it| it["app"].clone()).collect();
    assert_eq!(aliases, ["news", "shop", "shop-mini"]);
}

#[tokio::test]
async fn invalid_setup_changes_nothing() {
    let world = World::start().await;
    let before = world.aws.parameter_names().await;
    let add = async |arguments: &[&str], input: &str| {
        let said = world.hongyan(&[&["app", "add"], arguments].concat(), input).await;
        assert_ne!(said.status, 0, "{said:?}");
        said.error()
    };
    let (kind, words) = add(&["shop", "--app-id", NEWS, "--kind", "mini-program"], SECRET).await;
    assert!(kind == "conflict" && words.contains("another app shop"), "{kind} {words}");
    let same_id = ["news", "--app-id", "wx0000000000005a01", "--kind", "official-account"];
    let (kind, words) = add(&same_id, SECRET).await;
    assert!(kind == "conflict" && words.contains("as shop"), "{kind} {words}");
    for (arguments, input, expected) in [
        (["news", "--app-id", NEWS].as_slice(), format!("{SECRET}\n"), "the kind is"),
        (&["news"], format!("{SECRET}\n"), "an AppID is wx"),
        (&ADD_NEWS[2..], "too short\n".to_owned(), "no AppSecret"),
        (&ADD_NEWS[2..], String::new(), "there was no answer"),
        (&["a/b"], SECRET.to_owned(), "an alias has"),
    ] {
        let (_, words) = add(arguments, &input).await;
        assert!(words.contains(expected), "{arguments:?}: {words}");
    }
    assert_eq!(world.aws.parameter_names().await, before);
}

#[tokio::test]
async fn interrupted_setup_leaves_no_partial_app_and_can_be_repeated() {
    let world = World::start().await;
    world.account_at_wechat("news", NEWS, SECRET).await;
    for parameter in ["callback/news", "apps/news"] {
        let fault = Fault::new("ssm", "PutParameter").on(format!("/hongyan/local/{parameter}"));
        let fault = fault.refuse("InternalServerError");
        let fault = world.cloud.aws.faults.inject(fault).unwrap();
        let said = world.hongyan(&ADD_NEWS, SECRET).await;
        assert_eq!(said.error().0, "unavailable", "{said:?}");
        fault.cancel();
        assert!(world.cloud.aws.parameters.get("/hongyan/local/apps/news").is_none());
        // What is left of it does no harm.
        world.token_round().await;
    }
    let added = world.hongyan(&ADD_NEWS, SECRET).await.json();
    assert_eq!(added["access_token"]["ok"], true, "{added}");
}

#[tokio::test]
async fn wrong_app_secret_is_reported_and_can_be_replaced() {
    let world = World::start().await;
    world.account_at_wechat("news", NEWS, SECRET).await;
    let said = world.hongyan(&ADD_NEWS, OTHER_SECRET).await;
    assert_eq!(said.status, 1, "{said:?}");
    let added = said.any_json();
    assert_eq!(added["callback"]["ok"], true, "{added}");
    let advice = added["access_token"]["advice"].as_str().unwrap();
    assert!(advice.contains("hongyan app rotate news --secret"), "{added}");
    let rotate = ["app", "rotate", "news", "--secret"];
    let rotated = world.hongyan(&rotate, SECRET).await.json();
    assert_eq!(rotated["access_token"], json!({ "ok": true }), "{rotated}");

    let said = world.hongyan(&rotate, OTHER_SECRET).await;
    let (kind, words) = said.error();
    assert!(kind == "refused" && words.contains("the previous one is restored"), "{words}");
    let stored = world.cloud.aws.parameters.get("/hongyan/local/secrets/news");
    assert_eq!(stored.as_deref(), Some(SECRET));
    // WeChat has another from now on.
    world.wechat.post("apps/news", &json!({ "secret": OTHER_SECRET })).await;
    world.hongyan(&rotate, OTHER_SECRET).await.json();
}

/// Fault 24.
#[tokio::test]
async fn key_rotation_loses_no_message() {
    let world = World::start().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let done = AtomicBool::new(false);
    let text = json!({ "from": "ann", "MsgType": "text", "Content": "你好" });
    let order = json!({ "app": "shop", "message": text });
    // Two at a time, so that two processes of the function are at it.
    let traffic = async || {
        let mut answers = Vec::new();
        while !done.load(Ordering::Relaxed) {
            answers.extend(world.wechat.push(order.clone()).await);
        }
        answers
    };
    let rotation = async {
        let former = world.hongyan(&["app", "show", "shop"], "").await.json();
        let begun = world.hongyan(&["app", "rotate", "shop"], "").await.json();
        assert_ne!(begun["console"]["url"], former["callback_url"]);
        assert_eq!((&begun["rotation"], &begun["again"]), (&json!("begun"), &json!(false)));
        assert_eq!(begun["callback"], json!({ "ok": true }), "{begun}");
        // Said again, it doesn't rotate again.
        let again = world.hongyan(&["app", "rotate", "shop"], "").await.json();
        assert_eq!((&again["again"], &again["console"]), (&json!(true), &begun["console"]));
        let shown = world.hongyan(&["app", "show", "shop"], "").await.json();
        assert_eq!(shown["callback"]["rotating"], true);
        world.paste("shop", &begun["console"]).await;
        // Not all of WeChat's servers have heard of it yet: these come under the keys
        // of before, or those of the traffic do.
        world.wechat.post("apps/shop/previous_keys", &json!({ "messages": 4 })).await;
        let mut late = Vec::new();
        for _ in 0..4 {
            late.extend(world.wechat.push(order.clone()).await);
        }
        let finish = ["app", "rotate", "shop", "--finish"];
        let asked = world.hongyan(&finish, "").await;
        assert_eq!(
            asked.error().0,
            "cancelled",
            "there is no terminal for the question: {asked:?}"
        );
        let finished = world.hongyan(&[finish.as_slice(), &["--yes"]].concat(), "").await.json();
        assert_eq!(finished["rotation"], "finished");
        done.store(true, Ordering::Relaxed);
        late
    };
    let (mut answers, more, late) = tokio::join!(traffic(), traffic(), rotation);
    assert!(answers.len() > 1 && more.len() > 1);
    answers.extend(more);
    answers.extend(late);
    for answer in &answers {
        assert_eq!(
            (&answer["status"], &answer["body"]),
            (&json!(200), &json!("success")),
            "{answer}"
        );
    }
    world.idle().await;
    let events = world.aws.rows("events").await;
    let texts = events.iter().filter(|row| row["kind"] == "text").count();
    assert_eq!(texts, answers.len());
    let stored = world.parameter("callback/shop");
    assert!(stored.get("previous_token").is_none(), "it is finished");
    assert_eq!(stored["url_version"], 2);
    assert!(stored.get("previous_url_version").is_none());
    let again = world.hongyan(&["app", "rotate", "shop", "--finish", "--yes"], "").await.json();
    assert_eq!(again["rotation"], "not_rotating");
}

/// A stage from before there were keys: its functions run, and know no secret.
#[tokio::test]
async fn first_key_is_made_and_accepted_at_once() {
    let world = World::start().await;
    world.aws.delete_parameter("url-secret").await;
    world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
    let doctor = async || {
        let said = world.hongyan(&["doctor"], "").await.json();
        let findings = said["findings"].as_array().unwrap().iter();
        let mut of_shop =
            findings.filter(|it| it["check"] == "callback" && it["subject"] == "shop").cloned();
        of_shop.next().unwrap()
    };
    let without = doctor().await;
    assert_eq!(without["state"], "warning", "{without}");
    let advice = without["advice"].as_str().unwrap();
    assert!(advice.contains("hongyan app add shop"), "{without}");
    let shown = world.hongyan(&["app", "show", "shop"], "").await.json();
    assert_eq!(shown["callback_url"], world.url("/callback/shop"));

    let add = ["app", "add", "shop", "--app-id", "wx0000000000005a01", "--kind"];
    let added = [add.as_slice(), &["official-account"]].concat();
    let added = world.hongyan(&added, "").await.json();
    assert_eq!(added["callback"], json!({ "ok": true }), "{added}");
    let url = added["console"]["url"].as_str().unwrap();
    assert!(url.starts_with(&world.url("/callback/shop/1-")), "{added}");
    world.paste("shop", &added["console"]).await;
    world.phone("ann").follow("shop").await;
    let with = doctor().await;
    assert_eq!(with["state"], "ok", "{with}");
    let found = with["found"].as_str().unwrap();
    assert!(found.contains("/callback/shop/… passes"), "{with}");
    assert!(found.contains("CallbackWithoutKey"), "consoles may still have the other: {with}");
}

#[tokio::test]
async fn removed_app_leaves_no_secret() {
    let world = World::start().await;
    let remove = ["app", "remove", "shop"];
    let asked = world.hongyan(&remove, "").await;
    assert_eq!(asked.error().0, "cancelled", "{asked:?}");
    assert!(world.cloud.aws.parameters.get("/hongyan/local/apps/shop").is_some());

    let removed = world.hongyan(&[remove.as_slice(), &["--yes"]].concat(), "").await.json();
    assert_eq!(removed["templates"], json!(["order_shipped"]));
    let gone = ["apps/shop", "callback/shop", "secrets/shop", "tokens/wx0000000000005a01"];
    let gone = gone.map(|name| Value::from(format!("/hongyan/local/{name}")));
    assert_eq!(removed["deleted"], json!(gone));
    for name in gone {
        assert!(world.cloud.aws.parameters.get(name.as_str().unwrap()).is_none(), "{name}");
    }
    assert!(world.cloud.aws.parameters.get("/hongyan/local/tokens/wx0000000000005a02").is_some());
    let again = world.hongyan(&[remove.as_slice(), &["--yes"]].concat(), "").await;
    assert_eq!(again.error().0, "not_found");
}
