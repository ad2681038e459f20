//! `examples/mini-program`: its very files log in, keep a session, ask for consent, and
//! then a notification arrives.

mod engine;

use super::own_api::order;
use crate::world::World;
use engine::{MiniProgram, Storage};
use serde_json::{Value, json};

const PAGE: &str = "pages/order/index";
const LOGIN: &str = "POST /login/shop-mini";
const REFRESH: &str = "POST /session/refresh";
const ORDERS_REQUEST: &str = "GET /orders";
/// Longer than an access token is good for.
const LONG: u32 = 16 * 60;

/// Bob, who follows nothing and has one order.
async fn world() -> World {
    let world = World::beside(&["orders", "protected-api"]).await;
    let session = world.phone("bob").log_in("shop-mini").await;
    order(&world, session["user"].as_str().unwrap(), "10000001").await;
    world
}

/// Twenty requests of the API, all at once: their statuses.
async fn twenty(program: &MiniProgram<'_>) -> Vec<Value> {
    let call = "getApp().hongyan.request({ url: `${load('config.js').api}/orders` })";
    let twenty = format!("Promise.all(Array.from({{ length: 20 }}, () => {call}))");
    let answers = program.promised(&twenty).await.unwrap();
    answers.as_array().unwrap().iter().map(|answer| answer["statusCode"].clone()).collect()
}

#[tokio::test]
async fn page_logs_in_and_shows_the_orders() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    program.open(PAGE).await;
    let orders = json!([{ "number": "10000001", "product": "蓝色水壶", "state": "待发货" }]);
    assert_eq!(program.value("page.data.orders"), orders);
    assert_eq!(
        *program.requests.borrow(),
        [(LOGIN.to_owned(), 200), (ORDERS_REQUEST.to_owned(), 200)]
    );

    // Closed and opened again, it needs no login.
    let program = MiniProgram::launch(&world, "bob", program.storage.clone());
    program.open(PAGE).await;
    assert_eq!(program.value("page.data.orders"), orders);
    assert_eq!(*program.requests.borrow(), [(ORDERS_REQUEST.to_owned(), 200)]);
}

#[tokio::test]
async fn user_is_notified_of_the_shipment_after_consenting() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    program.open(PAGE).await;
    program.promised("tap('onNotify')").await.unwrap();
    assert_eq!(program.value("page.data.answer"), "好的，发货时通知您");
    assert_eq!(program.value("page.data.asking"), false);

    let shipped = json!({ "order": "10000001", "customer": "bob", "product": "蓝色水壶",
                          "shipped_at": "2026-11-20 15:04" });
    world.cloud.aws.queues.send("orders-local-shipped", shipped.to_string()).unwrap();
    world.idle().await;
    let cards = world.phone("bob").screen_of("subscribe").await;
    assert_eq!(cards.len(), 1, "{cards:?}");
    assert!(cards[0].to_string().contains("蓝色水壶"), "{cards:?}");
    // The card opens a page that is there.
    let pages: Value = serde_json::from_str(&World::example("mini-program/app.json")).unwrap();
    let template = world.parameter("templates/order_shipped");
    assert_eq!(template["channels"][1]["page"], pages["pages"][0]);
    assert!(program.complaints.borrow().is_empty());
}

#[tokio::test]
async fn page_explains_how_to_consent_when_the_user_declines() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    program.open(PAGE).await;
    for (answer, shown, complaints) in [
        ("reject", "好的，不打扰您", 0),
        ("ban", "好的，不打扰您", 0),
        ("20004", "您关闭了订阅消息，请在右上角“…”→“设置”→“通知管理”中打开", 0),
        ("20005", "暂时无法订阅消息", 0),
        ("10002", "网络不好，请再点一次", 0),
        ("10005", "网络不好，请再点一次", 0),
        ("20001", "出错了，请稍后再试", 1),
    ] {
        program.answer.set(answer);
        program.promised("tap('onNotify')").await.unwrap();
        assert_eq!(program.value("page.data.answer"), shown, "{answer}");
        assert_eq!(program.complaints.borrow_mut().drain(..).count(), complaints, "{answer}");
    }
    // WeChat shows the popup only after a tap.
    let id = "[load('config.js').templates.shipped]";
    let asked = program.promised(&format!("getApp().hongyan.askConsent({id})")).await.unwrap();
    assert_eq!(asked, json!({ "accepted": [], "problem": "mistake" }));
    assert!(program.complaints.borrow()[0].contains("TAP gesture"));

    let shipped = json!({ "order": "10000001", "customer": "bob", "product": "蓝色水壶",
                          "shipped_at": "2026-11-20 15:04" });
    world.cloud.aws.queues.send("orders-local-shipped", shipped.to_string()).unwrap();
    world.idle().await;
    assert!(world.phone("bob").screen_of("subscribe").await.is_empty());
}

#[tokio::test]
async fn twenty_concurrent_requests_log_in_once_and_refresh_once() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    let all = [200; 20];
    assert_eq!(twenty(&program).await, all);
    assert_eq!((program.requested(LOGIN, 200), program.requests.borrow().len()), (1, 21));

    // The access token has expired, as the phone can tell; and once more, so that the
    // refresh token is the one that came with the last refresh.
    for refreshes in 1..=2 {
        program.pass(LONG);
        assert_eq!(twenty(&program).await, all);
        assert_eq!(program.requested(REFRESH, 200), refreshes);
    }
    assert_eq!(program.requested(ORDERS_REQUEST, 401), 0);

    // It is refused, as the phone can't tell.
    spoil(&program);
    let program = MiniProgram::launch(&world, "bob", program.storage.clone());
    assert_eq!(twenty(&program).await, all);
    assert_eq!(program.requested(ORDERS_REQUEST, 401), 20);
    assert_eq!((program.requested(REFRESH, 200), program.requested(LOGIN, 200)), (1, 0));
}

/// Makes the stored access token invalid.
fn spoil(program: &MiniProgram<'_>) {
    let mut storage = program.storage.borrow_mut();
    let text = storage.get_mut("hongyan.session").unwrap();
    let mut session: Value = serde_json::from_str(text).unwrap();
    let token = session["token"].as_str().unwrap().to_owned();
    session["token"] = json!(format!("{}AAAA", &token[..token.len() - 4]));
    *text = session.to_string();
}

#[tokio::test]
async fn request_is_repeated_when_its_response_is_lost() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    program.lost.set(1);
    assert_eq!(twenty(&program).await, [200; 20]);
    assert_eq!(program.requested(LOGIN, 200), 2);
    let sessions = world.aws.rows("users").await;
    let of_bob = |row: &&Value| row["item"].as_str().unwrap().starts_with("session#");
    // One by the phone, and the one that world() began.
    assert_eq!(sessions.iter().filter(of_bob).count(), 2, "{sessions:#?}");

    program.pass(LONG);
    program.lost.set(1);
    assert_eq!(twenty(&program).await, [200; 20]);
    assert_eq!((program.requested(REFRESH, 200), program.requested(LOGIN, 200)), (2, 2));
    // The refresh token that is kept is the good one.
    program.pass(LONG);
    assert_eq!(twenty(&program).await, [200; 20]);
    assert_eq!(program.requested(REFRESH, 200), 3);

    // Without a network the page says so, and works when there is one again.
    program.pass(LONG);
    program.lost.set(2);
    program.open(PAGE).await;
    assert_eq!(program.value("page.data.problem"), "加载失败，请下拉重试");
    program.promised("page.onPullDownRefresh()").await.unwrap();
    assert_eq!(program.value("page.data.problem"), "");
    assert_eq!(program.value("page.data.orders.length"), 1);

    // Closed and opened again, it repeats the same request: the session continues.
    program.pass(LONG);
    program.lost.set(2);
    program.open(PAGE).await;
    let program = MiniProgram::launch(&world, "bob", program.storage.clone());
    program.pass(4 * LONG);
    assert_eq!(twenty(&program).await, [200; 20]);
    assert_eq!((program.requested(REFRESH, 200), program.requested(REFRESH, 401)), (1, 0));
    assert_eq!(program.requested(LOGIN, 200), 0);
}

#[tokio::test]
async fn page_logs_in_again_when_the_session_has_ended() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    program.open(PAGE).await;
    let stored = program.storage.borrow()["hongyan.session"].clone();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let revoke = json!({ "refresh_token": stored["refresh"] });
    let ended = world.client.post(world.url("/session/revoke")).json(&revoke).send().await;
    assert_eq!(ended.unwrap().status(), 200);
    program.pass(LONG);
    assert_eq!(twenty(&program).await, [200; 20]);
    assert_eq!((program.requested(REFRESH, 401), program.requested(LOGIN, 200)), (1, 2));

    program.promised("getApp().hongyan.logOut()").await.unwrap();
    assert!(program.storage.borrow().is_empty());
    assert_eq!(twenty(&program).await, [200; 20]);
    assert_eq!(program.requested(LOGIN, 200), 3);
}

/// What the page shows and what it does when tapped is there.
#[tokio::test]
async fn page_defines_everything_that_its_markup_names() {
    let world = world().await;
    let program = MiniProgram::launch(&world, "bob", Storage::default());
    program.open(PAGE).await;
    let markup = World::example(&format!("mini-program/{PAGE}.wxml"));
    let after = |mark: &'static str, end: char| {
        markup.split(mark).skip(1).map(move |rest| rest.split(end).next().unwrap().trim())
    };
    for handler in after("bindtap=\"", '"') {
        assert_eq!(program.value(&format!("typeof page.{handler}")), "function", "{handler}");
    }
    let mut named = 0;
    for expression in after("{{", '}').filter(|expression| !expression.starts_with("item.")) {
        let whole =
            format!("new Function('with (this) return typeof ({expression})').call(page.data)");
        assert_ne!(program.value(&whole), "undefined", "{expression}");
        named += 1;
    }
    for field in after("{{item.", '}') {
        assert_eq!(program.value(&format!("typeof page.data.orders[0].{field}")), "string");
        named += 1;
    }
    assert!(named >= 8, "{named}");
    for file in ["json", "wxss"] {
        assert!(!World::example(&format!("mini-program/{PAGE}.{file}")).is_empty());
    }
}
