use crate::callback::field;
use crate::fixture::Fixture;
use serde_json::json;

const TOKEN: &str = "anothertoken";
const KEY: &str = "anotherKey0anotherKey0anotherKey0anotherKey";

#[tokio::test]
async fn messages_after_a_key_change_use_the_previous_keys() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let received = fixture.callback.take_single();
    let before = fixture.app("shop");
    let (status, error) =
        fixture.control_error("/sandbox/apps/shop/previous_keys", json!({"messages": 1})).await;
    assert_eq!((status, error.contains("console")), (400, true), "{error}");

    let url = format!("{}/shop", fixture.callback_base);
    let pasted = json!({"url": url, "token": TOKEN, "encoding_aes_key": KEY});
    fixture.post("/sandbox/apps/shop/console", pasted).await;
    let after = fixture.app("shop");
    assert_ne!(after.encoding_aes_key.expose(), before.encoding_aes_key.expose());
    fixture.post("/sandbox/apps/shop/previous_keys", json!({"messages": 2})).await;
    let says = async || {
        let answer = fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
        assert_eq!(answer["pushes"][0]["reply_valid"], true, "{answer}");
        fixture.callback.take_single()
    };
    assert!(received.is_signed(&before));
    for _ in 0..2 {
        let received = says().await;
        assert!(received.is_signed(&before) && !received.is_signed(&after));
        assert_eq!(field(&received.decrypted(&before), "Content").unwrap(), "hi");
    }
    let received = says().await;
    assert!(received.is_signed(&after));
    assert_eq!(field(&received.decrypted(&after), "Content").unwrap(), "hi");
}

#[tokio::test]
async fn url_may_have_one_more_part_which_pushes_go_to() {
    let fixture = Fixture::new().await;
    let submitted = |rest: &str| {
        let url = format!("{}/{rest}", fixture.callback_base);
        json!({"url": url, "token": TOKEN, "encoding_aes_key": KEY})
    };
    for other in ["shop-mini", "shop2", "shop/", "shop/a/b", "shop/a?b=c", "news/a"] {
        let refused = fixture.control_error("/sandbox/apps/shop/console", submitted(other)).await;
        assert_eq!(refused.0, 400, "{other}");
    }
    let follow_again = async || {
        fixture.act("ann", "follow", json!({"app": "shop"})).await;
        fixture.act("ann", "unfollow", json!({"app": "shop"})).await;
        let received = fixture.callback.take_all();
        received.into_iter().map(|push| push.url_key).collect::<Vec<_>>()
    };
    let some = |key: &str| Some(key.to_owned());
    fixture.post("/sandbox/apps/shop/console", submitted("shop/first")).await;
    assert_eq!(follow_again().await, [some("first"), some("first")]);
    fixture.post("/sandbox/apps/shop/console", submitted("shop/second")).await;
    // As the keys, the URL isn't known to all of WeChat's servers at once.
    fixture.post("/sandbox/apps/shop/previous_keys", json!({"messages": 1})).await;
    assert_eq!(follow_again().await, [some("first"), some("second")]);
    fixture.post("/sandbox/apps/shop/console", submitted("shop")).await;
    assert_eq!(follow_again().await, [None, None]);
}

#[tokio::test]
async fn acknowledged_push_is_delivered_again() {
    let fixture = Fixture::new().await;
    fixture.post("/sandbox/pushing", json!({"copies": 3})).await;
    let answer = fixture.act("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(answer["pushes"].as_array().unwrap().len(), 3);
    let shop = fixture.app("shop");
    let received: Vec<_> =
        fixture.callback.received().iter().map(|it| it.decrypted(&shop)).collect();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|it| *it == received[0]), "the same message: {received:?}");
    let ciphers: Vec<_> =
        fixture.callback.received().iter().map(|it| it.field("Encrypt").unwrap()).collect();
    assert_ne!(ciphers[0], ciphers[1], "encrypted anew");
}

#[tokio::test]
async fn paused_pushes_are_released_in_either_order() {
    let fixture = Fixture::new().await;
    fixture.post("/sandbox/pushing", json!({"paused": true})).await;
    let answer = fixture.act("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(answer["pushes"], json!([]));
    fixture.act("ann", "unfollow", json!({"app": "shop"})).await;
    fixture.idle().await;
    assert!(fixture.callback.received().is_empty());
    let released = fixture.post("/sandbox/release", json!({"newest_first": true})).await;
    assert_eq!(released["pushes"].as_array().unwrap().len(), 2);
    let shop = fixture.app("shop");
    let events: Vec<_> = fixture.callback.received().iter().map(|it| it.decrypted(&shop)).collect();
    let names: Vec<_> = events.iter().map(|it| field(it, "Event").unwrap()).collect();
    assert_eq!(names, ["unsubscribe", "subscribe"]);
    let times: Vec<_> = events.iter().map(|it| field(it, "CreateTime").unwrap()).collect();
    assert!(times[0] > times[1], "{times:?}");
    assert_eq!(fixture.post("/sandbox/release", json!({})).await["pushes"], json!([]), "once");
    fixture.post("/sandbox/pushing", json!({"paused": false})).await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(fixture.callback.received().len(), 3);
}
