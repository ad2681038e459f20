//! What each channel sends, to whom, and what it uses up.

use crate::phone::Phone;
use crate::world::{World, order};
use serde_json::{Value, json};

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";
const BIZSEND: &str = "/cgi-bin/message/subscribe/bizsend";
const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";
const LEGACY_SEND: &str = "/cgi-bin/message/wxopen/template/send";

const SHOP_TEMPLATE: &str = "SandboxTemplateOfShop-order-shipped-0000001";
const SHOP_NOTIFICATION: &str = "SandboxTemplateOfShop-order-arrived-0000001";
const MINI_ONE_TIME: &str = "SandboxTemplateOfMini-order-shipped-0000001";
const MINI_LONG_TERM: &str = "SandboxTemplateOfMini-order-delayed-0000001";
const MINI_LEGACY: &str = "SandboxTemplateOfMini-order-receipt-0000001";
const SHOP_MINI: &str = "wx0000000000005a02";

/// A channel that says what and when, with what is different about it.
fn channel(kind: &str, app: &str, template_id: &str, more: &Value) -> Value {
    let mut channel = json!({
        "channel": kind, "app": app, "template_id": template_id,
        "data": { "thing1": "{product}", "time2": "{time}" },
    });
    for (name, value) in more.as_object().unwrap() {
        channel[name] = value.clone();
    }
    channel
}

fn bizsend(more: &Value) -> Value {
    channel("bizsend", "shop", SHOP_NOTIFICATION, more)
}

fn template(more: &Value) -> Value {
    channel("template", "shop", SHOP_TEMPLATE, more)
}

fn subscribe(more: &Value) -> Value {
    channel("subscribe", "shop-mini", MINI_ONE_TIME, more)
}

fn legacy() -> Value {
    let data = json!({ "keyword1": "{product}", "keyword2": "199元" });
    let more =
        json!({ "data": data, "page": "pages/receipt?at={time}", "emphasis_keyword": "keyword2" });
    channel("legacy_template", "shop-mini", MINI_LEGACY, &more)
}

/// Customer service of an app says one thing.
fn service(app: &str, kind: &str, message: Value) -> Value {
    let mut channel = json!({ "channel": "customer_service", "app": app });
    channel[kind] = message;
    channel
}

/// An operator registers a template with these channels.
fn register(world: &World, code: &str, channels: &[Value]) {
    let template = json!({ "fields": ["product", "time"], "channels": channels });
    world.set_parameter(&format!("templates/{code}"), &template);
}

/// Sends a notification of a template to the owner of an account.
async fn send(world: &World, code: &str, id: &str, account: &str) -> Value {
    world.send(&request_for(code, id, json!({ "account": account }))).await
}

fn request_for(code: &str, id: &str, to: Value) -> Value {
    let mut request = order(id, to);
    request["template"] = code.into();
    request
}

/// How it went: the outcome, and the channel that decided.
fn how(report: &Value) -> (&str, &str) {
    (report["outcome"].as_str().unwrap(), report["channel"].as_str().unwrap_or("-"))
}

/// The channels that did not do: which, and WeChat's code, or why.
fn passed(report: &Value) -> Vec<(String, String)> {
    let passed = report["skipped"].as_array().cloned().unwrap_or_default();
    let of = |it: &Value| {
        let code = it["code"].as_i64().map(|code| code.to_string());
        let reason = it["reason"].as_str().unwrap().to_owned();
        (it["channel"].as_str().unwrap().to_owned(), code.unwrap_or(reason))
    };
    passed.iter().map(of).collect()
}

/// The bodies of the calls to a path.
async fn bodies(world: &World, path: &str) -> Vec<Value> {
    let calls = world.wechat.calls(path).await;
    calls.into_iter().map(|mut call| call["body"].take()).collect()
}

/// A world in which bob has logged in to the mini program.
async fn with_bob() -> World {
    let world = World::start().await;
    world.phone("bob").log_in("shop-mini").await;
    world
}

/// The users table's items that begin like this, and their states.
async fn items(world: &World, prefix: &str) -> Vec<(String, String)> {
    let rows = world.aws.rows("users").await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> =
        rows.iter().map(|row| (text(row, "item"), text(row, "state"))).collect();
    found.retain(|(item, _)| item.starts_with(prefix));
    found.sort();
    found
}

async fn states(world: &World, prefix: &str) -> Vec<String> {
    let mut states: Vec<_> = items(world, prefix).await.into_iter().map(|(_, it)| it).collect();
    states.sort();
    states
}

#[tokio::test]
async fn subscription_notification_needs_a_consent_and_no_follower() {
    let world = with_bob().await;
    let bob = world.phone("bob");
    let page = json!({ "page": "https://shop.example/orders?at={time}" });
    register(
        &world,
        "arrived",
        &[bizsend(&page), service("shop-mini", "text", json!("{product}"))],
    );
    bob.enter("shop-mini").await;
    // Who has never been seen in the account isn't known there.
    let report = send(&world, "arrived", "order-1", "bob").await;
    assert_eq!(how(&report), ("sent", "customer_service"), "{report}");
    assert_eq!(passed(&report)[0].0, "bizsend");

    bob.consent("shop", "order_arrived", true).await;
    assert_eq!(states(&world, "consent#").await, ["free"]);
    let to = json!({ "app": "shop", "open_id": bob.open_id("shop").await });
    let report = world.send(&request_for("arrived", "order-2", to.clone())).await;
    assert_eq!(how(&report), ("sent", "bizsend"), "{report}");
    assert_eq!(states(&world, "consent#").await, ["used"]);
    let told = world.send(&request_for("arrived", "order-2", to.clone())).await;
    assert_eq!(told["outcome"], "delivered", "the event told so: {told}");

    let sent = bodies(&world, BIZSEND).await.remove(0);
    assert_eq!(sent["touser"], bob.open_id("shop").await);
    assert_eq!(sent["template_id"], SHOP_NOTIFICATION);
    assert_eq!(sent["page"], "https://shop.example/orders?at=2026-11-20%2015%3A04");
    assert_eq!(sent["data"]["thing1"], json!({ "value": "Blue kettle" }));
    assert_eq!(sent["client_msg_id"].as_str().map(str::len), Some(32));
    let shown = bob.screen_of("bizsend").await;
    assert_eq!(shown.len(), 1);

    let report = world.send(&request_for("arrived", "order-3", to)).await;
    assert_eq!(
        passed(&report)[0],
        ("bizsend".to_owned(), "the person has not consented to this message".to_owned())
    );
    assert_eq!(world.wechat.calls(BIZSEND).await.len(), 1, "a third isn't even tried");
}

#[tokio::test]
async fn subscription_notification_opens_a_mini_program() {
    let world = with_bob().await;
    let bob = world.phone("bob");
    let target = json!({ "mini_program": { "app": "shop-mini", "page": "pages/order?at={time}" } });
    register(&world, "arrived", &[bizsend(&target)]);
    bob.consent("shop", "order_arrived", true).await;
    let to = json!({ "app": "shop", "open_id": bob.open_id("shop").await });
    world.send(&request_for("arrived", "order-1", to)).await;
    let sent = bodies(&world, BIZSEND).await.remove(0);
    assert_eq!(
        sent["miniprogram"],
        json!({ "appid": SHOP_MINI, "pagepath": "pages/order?at=2026-11-20%2015%3A04" })
    );
    assert!(sent.get("page").is_none(), "{sent}");
    let shown = bob.screen_of("bizsend").await;
    assert_eq!(shown[0]["jump"]["mini_program"]["app_id"], SHOP_MINI, "{shown:?}");
}

#[tokio::test]
async fn subscription_notification_is_shown_once_when_the_response_is_lost() {
    for fault in [json!({ "reset": true, "after": true }), json!({ "errcode": -1, "after": true })]
    {
        let world = with_bob().await;
        let bob = world.phone("bob");
        register(&world, "arrived", &[bizsend(&json!({})), service("shop", "text", json!("hi"))]);
        bob.follow("shop").await;
        bob.consent("shop", "order_arrived", true).await;
        let mut lost = fault.clone();
        lost["path"] = BIZSEND.into();
        lost["times"] = 3.into();
        world.wechat.fault(lost).await;
        let report = send(&world, "arrived", "order-1", "bob").await;
        assert_eq!(how(&report), ("retrying", "bizsend"), "{report}");
        for attribute in ["retry_at", "due_at"] {
            world.aws.set_time("order-1", attribute, 0).await;
        }
        world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
        world.idle().await;
        let ids: Vec<_> = bodies(&world, BIZSEND).await;
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|it| it["client_msg_id"] == ids[0]["client_msg_id"]));
        assert_eq!(bob.screen().await.len(), 1, "{fault}");
        assert_eq!(world.aws.row("notifications", "id", "order-1").await["status"], "delivered");
        assert_eq!(states(&world, "consent#").await, ["used"]);
    }
}

/// A mini program's user submits a form, and hands its id over.
async fn submit(phone: &Phone<'_>, session: &Value) -> String {
    let world = phone.world;
    let path = format!("people/{}/submit", phone.name);
    let submitted = world.wechat.post(&path, &json!({ "app": "shop-mini" })).await;
    let form_id = submitted["form_id"].as_str().unwrap().to_owned();
    submit_form_ids(world, session, &form_id).await;
    form_id
}

async fn submit_form_ids(world: &World, session: &Value, form_id: &str) {
    let body = json!({ "app": "shop-mini", "form_ids": [form_id] });
    let request = world.client.post(world.url("/form-ids")).json(&body);
    let request = request.bearer_auth(session["access_token"].as_str().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// Makes a form id so much older.
async fn age(world: &World, form_id: &str, seconds: u64) {
    let item = format!("form#{form_id}");
    let row = world.aws.row("users", "item", &item).await;
    let earlier = |name: &str| (row[name].as_u64().unwrap() - seconds).to_string();
    let update = json!({
        "TableName": "hongyan-local-users",
        "Key": { "user": { "S": row["user"] }, "item": { "S": item } },
        "UpdateExpression": "SET submitted_at = :s, #e = :e",
        "ExpressionAttributeNames": { "#e": "expires" },
        "ExpressionAttributeValues":
            { ":s": { "N": earlier("submitted_at") }, ":e": { "N": earlier("expires") } },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
}

#[tokio::test]
async fn form_id_pays_for_one_message_and_the_oldest_is_used_first() {
    let world = World::start().await;
    register(&world, "receipt", &[legacy()]);
    let bob = world.phone("bob");
    let session = bob.log_in("shop-mini").await;
    let (second, first) = (submit(&bob, &session).await, submit(&bob, &session).await);
    age(&world, &first, 3600).await;
    for (at, form_id) in [&first, &second].into_iter().enumerate() {
        let report = send(&world, "receipt", &format!("order-{at}"), "bob").await;
        assert_eq!(how(&report), ("sent", "legacy_template"), "{report}");
        let sent = bodies(&world, LEGACY_SEND).await;
        assert_eq!(sent[at]["form_id"], **form_id);
        assert_eq!(sent[at]["emphasis_keyword"], "keyword2.DATA");
        assert_eq!(sent[at]["page"], "pages/receipt?at=2026-11-20%2015%3A04");
        assert!(sent[at].get("client_msg_id").is_none(), "{sent:?}");
    }
    assert_eq!(states(&world, "form#").await, ["used", "used"]);
    let report = send(&world, "receipt", "order-2", "bob").await;
    assert_eq!(how(&report), ("unreachable", "-"), "{report}");
    assert_eq!(world.wechat.calls(LEGACY_SEND).await.len(), 2);
    let shown = bob.screen_of("legacy_template").await;
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["emphasis"], "keyword2");
    assert_eq!(shown[0]["fields"][0]["value"], "Blue kettle");

    // The used one can't come back.
    submit_form_ids(&world, &session, &first).await;
    assert_eq!(send(&world, "receipt", "order-3", "bob").await["outcome"], "unreachable");
}

#[tokio::test]
async fn expired_form_id_is_never_used() {
    let world = World::start().await;
    register(&world, "receipt", &[legacy(), subscribe(&json!({}))]);
    let bob = world.phone("bob");
    let session = bob.log_in("shop-mini").await;
    let old = submit(&bob, &session).await;
    let (day, minute) = (24 * 3600, 60);
    age(&world, &old, 7 * day - minute).await;
    let report = send(&world, "receipt", "order-1", "bob").await;
    assert_eq!(how(&report), ("no_consent", "-"), "{report}");
    assert!(passed(&report)[0].1.contains("seven days"), "{report}");
    assert!(world.wechat.calls(LEGACY_SEND).await.is_empty());
    assert_eq!(states(&world, "form#").await, ["free"], "TTL has not removed it");
    let young = submit(&bob, &session).await;
    age(&world, &young, 7 * day - 10 * minute).await;
    assert_eq!(how(&send(&world, "receipt", "order-2", "bob").await), ("sent", "legacy_template"));
}

#[tokio::test]
async fn next_form_id_is_tried_when_wechat_refuses_one() {
    let world = World::start().await;
    register(&world, "receipt", &[legacy(), subscribe(&json!({}))]);
    let bob = world.phone("bob");
    let session = bob.log_in("shop-mini").await;
    for made_up in ["formone", "formtwo"] {
        submit_form_ids(&world, &session, made_up).await;
        age(&world, made_up, 3600).await;
    }
    let good = submit(&bob, &session).await;
    let report = send(&world, "receipt", "order-1", "bob").await;
    assert_eq!(how(&report), ("sent", "legacy_template"), "{report}");
    let codes: Vec<_> = passed(&report).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["41028", "41028"]);
    assert_eq!(bodies(&world, LEGACY_SEND).await[2]["form_id"], good);
    assert_eq!(states(&world, "form#").await, ["invalid", "invalid", "used"]);
    assert_eq!(bob.screen().await.len(), 1);

    // One that another sender has used already, and nothing after it.
    submit(&bob, &session).await;
    world.wechat.fault(json!({ "path": LEGACY_SEND, "errcode": 41029 })).await;
    let report = send(&world, "receipt", "order-2", "bob").await;
    assert_eq!(how(&report), ("no_consent", "-"), "{report}");
    assert_eq!(passed(&report)[0].1, "41029");
    assert_eq!(states(&world, "form#").await, ["invalid", "invalid", "invalid", "used"]);
}

#[tokio::test]
async fn form_id_is_released_when_certainly_nothing_was_sent() {
    let world = World::start().await;
    register(&world, "receipt", &[legacy(), subscribe(&json!({}))]);
    let bob = world.phone("bob");
    let session = bob.log_in("shop-mini").await;
    submit(&bob, &session).await;
    let mut outcomes = Vec::new();
    for (at, errcode) in [45011, 47003, -1].into_iter().enumerate() {
        world.wechat.fault(json!({ "path": LEGACY_SEND, "errcode": errcode })).await;
        // The quota of the minute would be known to the next one.
        let report = send(&world, "receipt", &format!("order-{at}"), "bob").await;
        outcomes.push(report["outcome"].as_str().unwrap().to_owned());
        world.cloud.kill(&world.cloud.function("send")).await.unwrap();
        let state = if errcode == -1 { "reserved" } else { "free" };
        assert_eq!(states(&world, "form#").await, [state], "{errcode}: {report}");
    }
    assert_eq!(outcomes, ["retrying", "failed", "ambiguous"]);
    assert_eq!(how(&send(&world, "receipt", "order-9", "bob").await).0, "no_consent");
}

#[tokio::test]
async fn subscription_message_has_page_state_and_language() {
    let world = with_bob().await;
    let bob = world.phone("bob");
    let more = json!({ "page": "pages/order?of={product}", "state": "trial", "lang": "en_US" });
    register(&world, "trial", &[subscribe(&more)]);
    register(&world, "plain", &[subscribe(&json!({}))]);
    for code in ["trial", "plain"] {
        bob.consent("shop-mini", "order_shipped", true).await;
        assert_eq!(how(&send(&world, code, code, "bob").await), ("sent", "subscribe"));
    }
    let sent = bodies(&world, SUBSCRIBE_SEND).await;
    assert_eq!(sent[0]["page"], "pages/order?of=Blue%20kettle");
    assert_eq!(
        (&sent[0]["miniprogram_state"], &sent[0]["lang"]),
        (&json!("trial"), &json!("en_US"))
    );
    let names: Vec<_> = sent[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["data", "template_id", "touser"], "what isn't said is WeChat's choice");
    let shown = bob.screen_of("subscribe").await;
    assert_eq!(shown[0]["jump"]["mini_program"]["state"], "trial");
}

#[tokio::test]
async fn long_term_consent_is_valid_until_it_is_withdrawn() {
    let world = with_bob().await;
    let bob = world.phone("bob");
    let long_term =
        channel("subscribe", "shop-mini", MINI_LONG_TERM, &json!({ "long_term": true }));
    register(&world, "delayed", &[long_term]);
    assert_eq!(how(&send(&world, "delayed", "order-0", "bob").await).0, "no_consent");
    bob.consent("shop-mini", "order_delayed", true).await;
    for at in 1..5 {
        let report = send(&world, "delayed", &format!("order-{at}"), "bob").await;
        assert_eq!(how(&report), ("sent", "subscribe"), "{report}");
    }
    assert_eq!(states(&world, "consent#").await, ["free"]);
    assert_eq!(bob.screen().await.len(), 4);
    bob.withdraw("shop-mini", "order_delayed").await;
    assert_eq!(how(&send(&world, "delayed", "order-5", "bob").await).0, "no_consent");
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 4);

    // One whose withdrawal was not pushed: WeChat refuses the message, once.
    bob.consent("shop-mini", "order_delayed", true).await;
    world.wechat.fault(json!({ "path": SUBSCRIBE_SEND, "errcode": 43101 })).await;
    let report = send(&world, "delayed", "order-6", "bob").await;
    assert_eq!((how(&report).0, passed(&report)[0].1.as_str()), ("no_consent", "43101"));
    assert_eq!(how(&send(&world, "delayed", "order-7", "bob").await).0, "no_consent");
    assert_eq!(world.wechat.calls(SUBSCRIBE_SEND).await.len(), 5, "WeChat isn't asked again");
    let drift: Vec<_> = world.metrics("consent_drift");
    assert_eq!(drift.len(), 1);
}

#[tokio::test]
async fn concurrent_sends_share_one_long_term_consent() {
    let world = with_bob().await;
    let long_term =
        channel("subscribe", "shop-mini", MINI_LONG_TERM, &json!({ "long_term": true }));
    register(&world, "delayed", &[long_term]);
    world.phone("bob").consent("shop-mini", "order_delayed", true).await;
    let ids: Vec<_> = (0..12).map(|at| format!("order-{at}")).collect();
    let requests: Vec<_> =
        ids.iter().map(|id| request_for("delayed", id, json!({ "account": "bob" }))).collect();
    for report in world.send_at_once(&requests).await {
        assert_eq!(how(&report), ("sent", "subscribe"), "{report}");
    }
    assert_eq!(world.phone("bob").screen().await.len(), 12);
}

#[tokio::test]
async fn customer_service_sends_every_message_type() {
    let (world, _) = World::with_ann().await;
    let ann = world.phone("ann");
    let card = json!({ "title": "{product}", "description": "{time}", "url": "https://shop.example/?of={product}" });
    let page = json!({ "title": "{product}", "page": "pages/order", "thumb_media_id": "thumb" });
    let mut of_shop = page.clone();
    of_shop["app_id"] = SHOP_MINI.into();
    let menu = json!({ "head": "{product}?", "items": [{ "id": "1", "content": "yes" }, { "id": "2", "content": "no" }] });
    let said = [
        ("shop", "text", json!("{product} {time}"), "text"),
        ("shop", "image", json!({ "media_id": "picture" }), "image"),
        ("shop", "news", card.clone(), "news"),
        ("shop", "mini_program_page", of_shop, "miniprogrampage"),
        ("shop", "menu", menu.clone(), "msgmenu"),
        ("shop-mini", "text", json!("{product} {time}"), "text"),
        ("shop-mini", "image", json!({ "media_id": "picture" }), "image"),
        ("shop-mini", "link", card.clone(), "link"),
        ("shop-mini", "mini_program_page", page, "miniprogrampage"),
    ];
    let mut expected = 0;
    for (at, (app, kind, message, msgtype)) in said.into_iter().enumerate() {
        let code = format!("said-{at}");
        register(&world, &code, &[service(app, kind, message)]);
        ann.message(app, "Hello?").await;
        let report = send(&world, &code, &code, "ann").await;
        assert_eq!(how(&report), ("sent", "customer_service"), "{app} {kind}: {report}");
        let sent = bodies(&world, CUSTOM_SEND).await.pop().unwrap();
        assert_eq!(sent["msgtype"], msgtype);
        assert!(sent[msgtype].is_object(), "{sent}");
        expected += 1;
    }
    let shown = ann.screen_of("customer_service").await;
    assert_eq!(shown.len(), expected);
    assert_eq!(shown[0]["text"], "Blue kettle 2026-11-20 15:04");
    assert_eq!(shown[2]["jump"]["url"], "https://shop.example/?of=Blue%20kettle");
    assert_eq!(shown[3]["jump"]["mini_program"]["app_id"], SHOP_MINI);

    // What one kind of app can't say, WeChat refuses: that is told, and gives the
    // place back.
    let wrong =
        [("shop", "link", card.clone()), ("shop-mini", "news", card), ("shop-mini", "menu", menu)];
    for (at, (app, kind, message)) in wrong.into_iter().enumerate() {
        let code = format!("wrong-{at}");
        register(&world, &code, &[service(app, kind, message)]);
        ann.message(app, "Hello?").await;
        let report = send(&world, &code, &code, "ann").await;
        assert_eq!(how(&report).0, "failed", "{app} {kind}: {report}");
        assert_eq!(passed(&report)[0].1, "40008", "{report}");
        assert!(report["skipped"][0]["advice"].is_string(), "{report}");
    }
    assert_eq!(ann.screen_of("customer_service").await.len(), expected);
}

#[tokio::test]
async fn each_trigger_opens_a_window_for_its_number_of_messages() {
    let (world, _) = World::with_ann().await;
    let ann = world.phone("ann");
    register(&world, "of-shop", &[service("shop", "text", json!("{product} {time}"))]);
    register(&world, "of-mini", &[service("shop-mini", "text", json!("{product} {time}"))]);
    let until_refused = async |code: &str, from: usize| {
        let mut sent = 0;
        loop {
            let report = send(&world, code, &format!("{code}-{}", from + sent), "ann").await;
            match how(&report).0 {
                "sent" => sent += 1,
                "unreachable" => return sent,
                _ => panic!("{report}"),
            }
        }
    };
    assert_eq!(until_refused("of-shop", 0).await, 3, "she has just followed");
    ann.click("shop", "ORDERS").await;
    assert_eq!(until_refused("of-shop", 10).await, 3);
    ann.scan("shop", "scene").await;
    assert_eq!(until_refused("of-shop", 20).await, 3);
    ann.message("shop", "Hello?").await;
    assert_eq!(until_refused("of-shop", 30).await, 5);
    assert_eq!(until_refused("of-mini", 0).await, 0, "there was no message to the mini program");
    ann.enter("shop-mini").await;
    assert_eq!(until_refused("of-mini", 10).await, 2);
    assert_eq!(world.wechat.calls(CUSTOM_SEND).await.len(), 16, "WeChat wasn't asked in vain");
    ann.message("shop", "Still there?").await;
    ann.unfollow("shop").await;
    assert_eq!(until_refused("of-shop", 50).await, 0, "who leaves takes every window along");
}

#[tokio::test]
async fn template_message_links_to_a_page_or_a_mini_program_with_fields() {
    let (world, _) = World::with_ann().await;
    register(
        &world,
        "web",
        &[template(&json!({ "url": "https://shop.example/{product}?at={time}" }))],
    );
    let target =
        json!({ "mini_program": { "app": "shop-mini", "page": "pages/order?of={product}" } });
    register(&world, "mini", &[template(&target)]);
    register(&world, "none", &[template(&json!({}))]);
    for code in ["web", "mini", "none"] {
        assert_eq!(how(&send(&world, code, code, "ann").await), ("sent", "template"));
    }
    let sent = bodies(&world, TEMPLATE_SEND).await;
    assert_eq!(sent[0]["url"], "https://shop.example/Blue%20kettle?at=2026-11-20%2015%3A04");
    assert_eq!(
        sent[1]["miniprogram"],
        json!({ "appid": SHOP_MINI, "pagepath": "pages/order?of=Blue%20kettle" })
    );
    let names: Vec<_> = sent[2].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["client_msg_id", "data", "template_id", "touser"]);
    let mut ids: Vec<_> = sent.iter().map(|it| it["client_msg_id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| id.len() <= 32 && id.bytes().all(|c| c.is_ascii_alphanumeric())));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn longest_id_makes_a_client_msg_id_that_wechat_accepts() {
    let (world, to) = World::with_ann().await;
    let id = "x/".repeat(64);
    assert_eq!(world.send(&order(&id, to.clone())).await["outcome"], "sent");
    world.phone("bob").follow("shop").await;
    world.phone("bob").log_in("shop-mini").await;
    let to = json!([to, { "account": "bob" }]);
    let both = world.send_to_several(&order(&format!("{}y", &id[1..]), to)).await;
    assert_eq!(both.len(), 2);
    let sent = bodies(&world, TEMPLATE_SEND).await;
    let mut ids: Vec<_> = sent.iter().map(|it| it["client_msg_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test]
async fn first_usable_channel_is_selected() {
    let (world, to) = World::with_ann().await;
    let ann = world.phone("ann");
    let all = [
        legacy(),
        bizsend(&json!({})),
        subscribe(&json!({})),
        template(&json!({})),
        service("shop", "text", json!("{product} {time}")),
    ];
    register(&world, "all", &all);
    let session = ann.log_in("shop-mini").await;
    ann.message("shop", "Hello?").await;
    ann.consent("shop", "order_arrived", true).await;
    ann.consent("shop-mini", "order_shipped", true).await;
    submit(&ann, &session).await;
    let mut through = Vec::new();
    for at in 0..5 {
        let report = send(&world, "all", &format!("order-{at}"), "ann").await;
        through.push(how(&report).1.to_owned());
    }
    assert_eq!(through, ["legacy_template", "bizsend", "subscribe", "template", "template"]);

    // The request's own order, and none but these.
    let chosen = async |id: &str, channels: Value| {
        let mut request = request_for("all", id, to.clone());
        request["channels"] = channels;
        let report = world.send(&request).await;
        let passed: Vec<_> = passed(&report).into_iter().map(|(channel, _)| channel).collect();
        (how(&report).0.to_owned(), how(&report).1.to_owned(), passed.join(" "))
    };
    let found = |outcome: &str, channel: &str, passed: &str| {
        (outcome.to_owned(), channel.to_owned(), passed.to_owned())
    };
    let service_first = chosen("a", json!(["customer_service", "template"])).await;
    assert_eq!(service_first, found("sent", "customer_service", ""));
    let last = chosen("b", json!(["subscribe", "bizsend", "template"])).await;
    assert_eq!(last, found("sent", "template", "subscribe bizsend"));
    let none = chosen("c", json!(["legacy_template", "subscribe"])).await;
    assert_eq!(none, found("no_consent", "-", "legacy_template subscribe"));
    assert_eq!(chosen("d", json!(["legacy_template"])).await.0, "unreachable");
}

#[tokio::test]
async fn channel_of_an_unknown_app_is_reported_and_skipped() {
    let (world, _) = World::with_ann().await;
    let nowhere = channel("subscribe", "shop-app", MINI_ONE_TIME, &json!({}));
    let opens = json!({ "mini_program": { "app": "shop-app" } });
    register(
        &world,
        "moved",
        &[nowhere, template(&opens), service("shop", "text", json!("{product} {time}"))],
    );
    let report = send(&world, "moved", "order-1", "ann").await;
    assert_eq!(how(&report), ("sent", "customer_service"), "{report}");
    let passed = passed(&report);
    assert!(passed[0].1.contains("not under /apps"), "{passed:?}");
    assert!(passed[1].1.contains("not under /apps"), "{passed:?}");

    // As soon as it is stored, it is used.
    let mut app = world.parameter("apps/shop-mini");
    app["app_id"] = "wx0000000000005a09".into();
    world.set_parameter("apps/shop-app", &app);
    world.cloud.kill(&world.cloud.function("send")).await.unwrap();
    let report = send(&world, "moved", "order-2", "ann").await;
    assert_eq!(passed_reason(&report, 0), "the person has never been seen in this app");
    assert_eq!(passed_reason(&report, 1), "invalid appid", "{report}");
}

fn passed_reason(report: &Value, at: usize) -> &str {
    report["skipped"][at]["reason"].as_str().unwrap().split(" rid").next().unwrap().trim()
}

/// Fault 52.
#[tokio::test]
async fn person_is_found_in_each_app_by_any_identifier() {
    let (world, _) = World::with_ann().await;
    let ann = world.phone("ann");
    register(&world, "mini", &[subscribe(&json!({}))]);
    register(&world, "shop", &[template(&json!({}))]);
    let names = [
        json!({ "account": "ann" }),
        json!({ "union_id": ann.union_id().await }),
        json!({ "app": "shop", "open_id": ann.open_id("shop").await }),
        json!({ "app": "shop-mini", "open_id": ann.open_id("shop-mini").await }),
    ];
    for (at, to) in names.into_iter().enumerate() {
        ann.consent("shop-mini", "order_shipped", true).await;
        for code in ["mini", "shop"] {
            let report = world.send(&request_for(code, &format!("{code}-{at}"), to.clone())).await;
            assert_eq!(report["outcome"], "sent", "{code} {at}: {report}");
        }
    }
    let to: Vec<_> = bodies(&world, TEMPLATE_SEND).await;
    let open_id = ann.open_id("shop").await;
    assert!(to.len() == 4 && to.iter().all(|it| it["touser"] == open_id), "{to:?}");
    assert_eq!(bodies(&world, SUBSCRIBE_SEND).await.len(), 4);
    assert_eq!(ann.screen().await.len(), 8);
    for (id, to) in [
        ("union", json!({ "union_id": "oNobody" })),
        ("account", json!({ "account": "unknown" })),
        ("user", json!({ "app": "nowhere", "open_id": "oNobody" })),
    ] {
        assert_eq!(
            world.send(&request_for("shop", id, to)).await["outcome"],
            "unreachable",
            "{id}"
        );
    }
}

/// Fault 53.
#[tokio::test]
async fn unfollowed_person_is_not_called_again() {
    let (world, to) = World::with_ann().await;
    let ann = world.phone("ann");
    // Her unfollow was not pushed; WeChat refuses the message.
    world.wechat.fault(json!({ "path": TEMPLATE_SEND, "errcode": 43004 })).await;
    let mut only = order("order-1", to.clone());
    only["channels"] = json!(["template"]);
    let report = world.send(&only).await;
    assert_eq!(how(&report).0, "unreachable", "{report}");
    assert_eq!(passed(&report)[0].1, "43004");
    assert!(report.get("retry_at").is_none(), "{report}");
    assert_eq!(world.wechat.calls(TEMPLATE_SEND).await.len(), 1, "nothing is tried again");
    let mut again = order("order-2", to);
    again["channels"] = json!(["template", "customer_service"]);
    let report = world.send(&again).await;
    assert_eq!(report["outcome"], "sent", "{report}");
    assert_eq!(ann.screen().await.len(), 1);
}

/// Fault 95.
#[tokio::test]
async fn app_that_is_new_as_a_target_is_found_at_once() {
    let (world, ann) = World::with_ann().await;
    register(&world, "warm", &[template(&json!({}))]);
    let request = |code: &str, id: &str| request_for(code, id, ann.clone());
    assert_eq!(how(&world.send(&request("warm", "warm")).await), ("sent", "template"));
    let third = json!({ "app_id": SHOP_MINI, "kind": "mini_program" });
    for (code, channel) in [
        ("target", template(&json!({ "mini_program": { "app": "third", "page": "pages/a" } }))),
        ("sender", channel("subscribe", "fourth", MINI_ONE_TIME, &json!({}))),
    ] {
        register(&world, code, &[channel]);
        let failed = world.send(&request(code, &format!("{code}-1"))).await;
        assert_eq!(failed["outcome"], "failed", "{failed}");
        let reason = failed["skipped"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("not under /apps"), "{failed}");
    }
    world.set_parameter("apps/third", &third);
    let sent = world.send(&request("target", "target-2")).await;
    assert_eq!(how(&sent), ("sent", "template"), "{sent}");
    world.set_parameter("apps/fourth", &third);
    let sent = world.send(&request("sender", "sender-2")).await;
    assert_ne!(sent["outcome"], "failed", "{sent}");
    // A field that is new in a template is no error of the caller's.
    let more = json!({ "fields": ["product", "time", "note"], "channels": [template(&json!({}))] });
    world.set_parameter("templates/target", &more);
    let mut new_field = request("target", "target-3");
    new_field["data"]["note"] = json!("new");
    assert_eq!(how(&world.send(&new_field).await), ("sent", "template"));
}
