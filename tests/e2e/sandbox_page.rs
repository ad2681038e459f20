//! The sandbox's page in a real browser: the phones, and the inspector beside them.

use crate::browser::Browser;
use crate::world::{World, order};
use serde_json::json;
use shared::config::optional;

/// Opens the mini program on somebody's phone, and waits until they are logged in.
async fn log_in(browser: &Browser, name: &str) {
    browser.tap(&format!("#phone-{name} .tab:nth-child(2)")).await;
    browser.tap_on(&format!("#phone-{name} .discover .row"), "shop-mini").await;
    browser.read(&format!("#phone-{name} .session"), "Logged in as").await;
}

#[tokio::test]
async fn person_follows_logs_in_receives_a_notification_and_taps_it() {
    let world = World::with_example_replies().await;
    let Some(browser) = Browser::open(&world).await else { return };
    browser.read("#phone-ann .screen", "Nothing yet").await;

    browser.tap("#phone-ann .tab:nth-child(2)").await;
    browser.tap_on("#phone-ann .discover .row", "shop").await;
    browser.read("#phone-ann .profile", "not following").await;
    browser.tap_on("#phone-ann .actions button", "Follow").await;
    browser.tap_on("#phone-ann .actions button", "Chat").await;
    browser.read("#phone-ann .lines", "欢迎关注").await;
    browser.tap("#phone-ann .chat .back").await;
    browser.tap("#phone-ann .account .back").await;
    log_in(&browser, "ann").await;
    world.idle().await;

    browser.notify("ann").await;
    browser.read("#notifications .steps", "delivered").await;
    let steps = browser.see("#notifications .steps").await.text().await.unwrap();
    assert!(steps.starts_with("sending"), "{steps}");
    browser.tap("#phone-ann .back").await;
    browser.tap("#phone-ann .tab:nth-child(1)").await;
    browser.read("#phone-ann .row .badge", "1").await;
    browser.tap_on("#phone-ann .chats .row", "shop").await;
    let card = "#phone-ann .card";
    browser.read(card, "蓝色水壶").await;
    browser.read(card, "View in Mini Program").await;

    // From top to bottom, and inside the phone; chromedriver rounds sizes to a pixel.
    let [glass, card] = [browser.edges("#phone-ann .glass").await, browser.edges(card).await];
    assert!(glass[0] < card[0] && card[2] < glass[2], "{card:?} in {glass:?}");
    assert!(glass[1] < card[1] && card[3] < glass[3], "{card:?} in {glass:?}");
    let mut top = card[1];
    for part in [".title", ".field:nth-child(1)", ".field:nth-child(2)", ".jump"] {
        let edges = browser.edges(&format!("#phone-ann .card {part}")).await;
        assert!(
            edges[1] + 1.0 >= top && edges[3] <= card[3] + 1.0,
            "{part}: {edges:?} in {card:?}"
        );
        top = edges[3];
    }

    browser.tap("#phone-ann .card").await;
    browser.read("#phone-ann .path", "pages/order/index").await;
    browser.miss("#phone-ann .badge").await;

    // Underneath: the follow's delivery, the functions, and the call that sent it.
    browser.read("#callbacks .log", "subscribe").await;
    browser.read("#callbacks .log", "signed, accepted").await;
    browser.read("#callbacks .log", "safe mode · XML").await;
    browser.read("#invocations .log", "cold").await;
    browser.read("#invocations .log", "warm").await;
    browser.tap_on("#calls summary", "/cgi-bin/message/template/send").await;
    browser.read("#calls pre", "\"errcode\": 0").await;
    browser.read("#calls pre", "\"access_token\": \"…\"").await;
    browser.close().await;
}

#[tokio::test]
async fn refusal_of_a_consent_is_shown_with_its_consequence() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    log_in(&browser, "bob").await;
    browser.tap("#phone-bob .choices button").await;
    browser.read("#phone-bob .sheet", "shop-mini would like to send you this message").await;
    browser.tap("#phone-bob .sheet .reject").await;
    browser.miss("#phone-bob .sheet").await;
    world.idle().await;
    browser.notify("bob").await;
    browser.read("#notifications .steps", "no consent").await;
    browser.read("#notifications .reason", "consent").await;

    browser.tap("#phone-bob .choices button").await;
    browser.tap("#phone-bob .sheet .allow").await;
    browser.read("#phone-bob .subscriptions", "1 message allowed").await;
    world.idle().await;
    browser.notify("bob").await;
    browser.read("#notifications li:first-child .steps", "delivered").await;
    browser.read("#phone-bob .subscriptions", "not allowed").await;
    browser.tap("#phone-bob .back").await;
    browser.tap("#phone-bob .tab:nth-child(1)").await;
    browser.tap_on("#phone-bob .row", "Service notices").await;
    browser.read("#phone-bob .card .from", "shop-mini").await;
    browser.close().await;
}

#[tokio::test]
async fn two_phones_show_their_own_messages() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    for name in ["ann", "bob"] {
        let phone = world.phone(name);
        phone.follow("shop").await;
        let to = json!({ "app": "shop", "open_id": phone.open_id("shop").await });
        let data = json!({ "product": format!("for {name}"), "time": "2026-11-20 15:04" });
        let request = json!({ "id": name, "to": to, "template": "order_shipped", "data": data });
        world.send(&request).await;
        browser.tap(&format!("#phone-{name} .row")).await;
    }
    for (name, other) in [("ann", "bob"), ("bob", "ann")] {
        let lines = browser.read(&format!("#phone-{name} .lines"), &format!("for {name}")).await;
        assert!(!lines.text().await.unwrap().contains(&format!("for {other}")));
    }
    let [ann, bob] = [browser.edges("#phone-ann").await, browser.edges("#phone-bob").await];
    assert!(ann[2] < bob[0], "{ann:?} beside {bob:?}");
    assert!((ann[1] - bob[1]).abs() < 1.0, "{ann:?} beside {bob:?}");
    // A third one joins them.
    browser.write("#top input", "dora").await;
    browser.tap("#top .join button").await;
    browser.see("#phone-dora").await;
    browser.close().await;
}

#[tokio::test]
async fn reload_keeps_everything() {
    let world = World::with_example_replies().await;
    let Some(browser) = Browser::open(&world).await else { return };
    world.phone("ann").follow("shop").await;
    world.phone("bob").follow("shop").await;
    browser.tap("#phone-ann .row").await;
    browser.write("#phone-ann .answer input", "订单").await;
    browser.tap("#phone-ann .answer form button").await;
    browser.read("#phone-ann .lines", "我的订单").await;
    browser.tap("#language").await;
    browser.read("#phone-bob .row .badge", "1").await;
    let before = browser.read("#phone-ann .lines", "我的订单").await.text().await.unwrap();

    browser.client.refresh().await.unwrap();
    let after = browser.read("#phone-ann .lines", "我的订单").await.text().await.unwrap();
    assert_eq!(after, before);
    browser.read("#phone-bob .row .badge", "1").await;
    browser.read("#inspector h2", "调试面板").await;
    browser.read("#callbacks .log", "subscribe").await;
    browser.read("#callbacks .log", "text").await;
    browser.see("#invocations li").await;

    // What happens from now on is seen as well.
    world.phone("bob").message("shop", "人工").await;
    browser.tap("#phone-bob .row").await;
    browser.read("#phone-bob .own", "人工").await;
    browser.close().await;
}

#[tokio::test]
async fn page_shows_the_replacement_of_a_revoked_token() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    world.phone("ann").follow("shop").await;
    browser.tap("#token li:first-child button").await;
    browser.read("#token li:first-child", "40001").await;
    browser.notify("ann").await;
    browser.read("#calls .log", "40001").await;
    browser.read("#notifications .steps", "delivered").await;
    browser.read("#token li:first-child .age", "left").await;
    browser.close().await;
}

#[tokio::test]
async fn page_shows_queued_notifications() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    world.phone("ann").follow("shop").await;
    let to = json!({ "app": "shop", "open_id": world.phone("ann").open_id("shop").await });
    let message = json!({
        "QueueUrl": format!("http://{}/000000000000/hongyan-local-notifications", world.cloud.aws()),
        "MessageBody": order("order-9-shipped", to).to_string(),
    });
    let sent = world.client.post(format!("http://{}/", world.cloud.aws()));
    let sent = sent.header("x-amz-target", "AmazonSQS.SendMessage").header("authorization", "any");
    assert_eq!(sent.json(&message).send().await.unwrap().status(), 200);
    let steps = browser.read("#notifications .steps", "delivered").await.text().await.unwrap();
    assert!(steps.starts_with("queued"), "{steps}");
    browser.close().await;
}

#[tokio::test]
async fn hundreds_of_concurrent_deliveries_keep_the_page_consistent() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    let message = json!({ "from": "ann", "MsgType": "text", "Content": "hello" });
    let push = json!({ "app": "shop", "message": message, "times": 300 });
    world.wechat.post("push", &push).await;
    browser.see("#callbacks li").await;
    browser.client.refresh().await.unwrap();
    browser.see("#callbacks li").await;
    browser.see("#clock button").await;
    browser.miss("[role=alert]").await;
    browser.close().await;
}

#[tokio::test]
async fn faults_stay_until_they_fire_and_the_clock_advances() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    world.phone("ann").follow("shop").await;
    browser.see("#faults select[name=kind]").await.select_by_value("quota").await.unwrap();
    browser.tap("#faults form .main").await;
    browser.read("#faults ul", "errcode 45009 · /cgi-bin/message/template/send · 1×").await;
    browser.notify("ann").await;
    browser.read("#calls .log", "fault: errcode").await;
    browser.miss("#faults li").await;
    browser.tap("#faults form .main").await;
    browser.see("#faults li").await;
    browser.tap_on("#faults form button", "Clear all").await;
    browser.miss("#faults li").await;

    let told = world.wechat.now().await;
    let shown = "return document.querySelector('#clock time').textContent.slice(0, -3)";
    let before = browser.script(shown).await;
    browser.tap_on("#clock button", "1 hour").await;
    while browser.script(shown).await == before {
        tokio::task::yield_now().await;
    }
    browser.tap_on("#clock button", "1 day").await;
    browser.read("#token li:first-child", "expired").await;
    let now = world.wechat.now().await;
    assert!(now - told >= 86_400, "{told} {now}");
    browser.close().await;
}

#[tokio::test]
async fn every_action_is_available_by_keyboard() {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    const ESCAPE: &str = "\u{e00c}";
    let world = World::with_example_replies().await;
    let Some(browser) = Browser::open(&world).await else { return };
    browser.script("document.querySelector('#phone-ann .tab:nth-child(2)').focus()").await;
    browser.press(ENTER).await;
    // The screen has the focus now, and its first button is next.
    browser.see("#screen-ann.discover:focus").await;
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.see("#screen-ann.account:focus").await;
    browser.press(TAB).await;
    browser.see("#phone-ann .back:focus").await;
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.read("#phone-ann .actions", "Unfollow").await;
    // The button is gone, and the focus is still on this phone.
    browser.see("#screen-ann:focus").await;
    browser.press(TAB).await;
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.see("#screen-ann.chat:focus").await;
    for _ in 0..6 {
        browser.press(TAB).await;
    }
    browser.see("#phone-ann .answer input:focus").await;
    browser.press(&format!("订单{ENTER}")).await;
    browser.read("#phone-ann .lines", "我的订单").await;
    browser.press(ESCAPE).await;
    browser.see("#screen-ann.account:focus").await;
    browser.press(ESCAPE).await;
    browser.see("#screen-ann.discover:focus").await;

    // A question takes the focus, and leads back where it came from.
    log_in(&browser, "bob").await;
    browser.script("document.querySelector('#phone-bob .choices button').focus()").await;
    browser.press(ENTER).await;
    browser.see("#phone-bob .allow:focus").await;
    browser.see("#screen-bob[inert]").await;
    browser.press(ENTER).await;
    browser.read("#phone-bob .subscriptions", "1 message allowed").await;
    browser.see("#screen-bob:focus").await;
    browser.close().await;
}

#[tokio::test]
async fn page_has_two_languages_two_themes_and_a_phone_layout() {
    let world = World::start().await;
    let Some(browser) = Browser::on_a_telephone(&world).await else { return };
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let light = browser.script(ground).await;
    browser.tap("#theme").await;
    browser.see("html[data-theme=dark]").await;
    assert_ne!(browser.script(ground).await, light);

    browser.read("#inspector h2", "Inspector").await;
    assert_eq!(browser.script("return document.documentElement.lang").await, "en");
    browser.tap("#language").await;
    browser.read("#inspector h2", "调试面板").await;
    assert_eq!(browser.script("return document.documentElement.lang").await, "zh-CN");
    // Every word is there in both.
    let script = "return import('/page/words.js').then(({ missing }) => missing())";
    assert_eq!(browser.script(script).await, json!([]));

    // At the width of a phone, nothing overflows.
    let widths = "return [document.documentElement.scrollWidth, innerWidth]";
    let widths = browser.script(widths).await;
    assert_eq!(widths[0], widths[1]);
    let phone = browser.edges("#phone-ann").await;
    assert!(phone[0] >= 0.0 && phone[2] <= widths[1].as_f64().unwrap(), "{phone:?}");
    browser.close().await;
}

#[tokio::test]
async fn page_loads_no_external_resource_and_escapes_user_text() {
    let world = World::start().await;
    let Some(browser) = Browser::open(&world).await else { return };
    let ann = world.phone("ann");
    ann.follow("shop").await;
    ann.message("shop", "<img src=x onerror=\"document.title='owned'\">").await;
    browser.tap("#phone-ann .row").await;
    browser.read("#phone-ann .own", "<img src=x").await;
    browser.miss("#phone-ann img").await;
    assert_ne!(browser.client.title().await.unwrap(), "owned");
    let foreign = "return performance.getEntriesByType('resource').map(it => it.name).filter(it => !it.startsWith(location.origin))";
    assert_eq!(browser.script(foreign).await, json!([]));
    let loaded = browser.script("return performance.getEntriesByType('resource').length").await;
    assert!(loaded.as_u64().unwrap() >= 10, "{loaded}");
    browser.close().await;
}

#[tokio::test]
async fn person_scans_taps_the_menu_asks_customer_service_and_rejects_messages() {
    let world = World::with_example_replies().await;
    let Some(browser) = Browser::open(&world).await else { return };
    browser.tap("#phone-ann .tab:nth-child(2)").await;
    browser.tap_on("#phone-ann .discover .row", "shop").await;
    browser.write("#phone-ann form input", "counter_7").await;
    browser.tap_on("#phone-ann form button", "Scan").await;
    browser.read("#phone-ann .actions", "Unfollow").await;
    let shop = &world.wechat.get("people").await["people"][0]["apps"]["shop"];
    assert_eq!(shop["follows"]["scene"], "counter_7");

    browser.tap_on("#phone-ann .actions button", "Chat").await;
    browser.tap_on("#phone-ann .menu button", "我的订单").await;
    browser.read("#phone-ann .lines", "您还没有新的订单。").await;
    browser.tap("#phone-ann .more").await;
    browser.tap_on("#phone-ann .actions button", "Reject messages").await;
    browser.read("#phone-ann .profile", "Messages are rejected").await;
    world.idle().await;
    browser.notify("ann").await;
    browser.read("#notifications .steps", "blocked").await;
    browser.tap_on("#phone-ann .actions button", "Unfollow").await;
    browser.read("#phone-ann .profile p", "not following").await;

    log_in(&browser, "bob").await;
    browser.tap_on("#phone-bob .actions button", "Contact customer service").await;
    browser.read("#phone-bob .head", "shop-mini · customer service").await;
    browser.read("#phone-bob .lines", "您好，请问有什么可以帮您？").await;
    browser.write("#phone-bob .answer input", "人工").await;
    browser.tap("#phone-bob .answer form button").await;
    browser.read("#phone-bob .own", "人工").await;
    browser.close().await;
}

/// A small shop on a busy morning, for the READMEs.
#[tokio::test]
#[ignore = "it makes the READMEs' pictures; `make screenshots` runs it"]
async fn pictures() {
    let folder = optional("SCREENSHOTS").expect("run `make screenshots`, which names the folder");
    let world = World::with_example_replies().await;
    let window = ["--window-size=1480,1010", "--force-device-scale-factor=1.25"];
    let browser = Browser::with(&world, &window).await.expect("`make screenshots` needs a browser");
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    ann.follow("shop").await;
    ann.click("shop", "ORDERS").await;
    for (at, language) in ["en", "zh"].into_iter().enumerate() {
        browser.script(&format!("localStorage.setItem('language', '\"{language}\"')")).await;
        browser.client.refresh().await.unwrap();
        if at == 0 {
            log_in(&browser, "ann").await;
            log_in(&browser, "bob").await;
            bob.consent("shop-mini", "order_shipped", true).await;
            for name in ["bob", "ann"] {
                browser.notify(name).await;
                world.idle().await;
                browser.read("#notifications li:first-child .steps", "delivered").await;
            }
            // A third one, who is unknown.
            browser.notify("carol").await;
            browser.read("#notifications li:first-child .steps", "unreachable").await;
            browser.tap("#phone-ann .back").await;
            browser.tap("#phone-ann .tab:nth-child(1)").await;
            browser.tap_on("#phone-ann .row", "shop").await;
            ann.message("shop", "订单").await;
        }
        browser.tap("#phone-bob .choices button").await;
        browser.read("#phone-bob .sheet", "order_shipped").await;
        browser.read("#phone-ann .card", "蓝色水壶").await;
        for look in ["light", "dark"] {
            browser.script(&format!("document.documentElement.dataset.theme = '{look}'")).await;
            let picture = browser.client.screenshot().await.unwrap();
            std::fs::write(format!("{folder}/phones.{language}.{look}.png"), picture).unwrap();
        }
    }
    browser.close().await;
}
