use crate::callback::field;
use crate::stage::Stage;
use serde_json::json;

const TOKEN: &str = "anothertoken";
const KEY: &str = "anotherKey0anotherKey0anotherKey0anotherKey";

#[tokio::test]
async fn after_a_change_some_messages_still_come_under_the_keys_of_before() {
    let stage = Stage::new().await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    let told = stage.callback.only();
    let before = stage.app("shop");
    let (status, error) =
        stage.refused("/sandbox/apps/shop/previous_keys", json!({"messages": 1})).await;
    assert_eq!((status, error.contains("console")), (400, true), "{error}");

    let url = format!("{}/shop", stage.callback_base);
    let pasted = json!({"url": url, "token": TOKEN, "encoding_aes_key": KEY});
    stage.post("/sandbox/apps/shop/console", pasted).await;
    let after = stage.app("shop");
    assert_ne!(after.encoding_aes_key.expose(), before.encoding_aes_key.expose());
    stage.post("/sandbox/apps/shop/previous_keys", json!({"messages": 2})).await;
    let says = async || {
        let answer = stage.does("ann", "message", json!({"app": "shop", "text": "hi"})).await;
        assert_eq!(answer["pushes"][0]["reply_valid"], true, "{answer}");
        stage.callback.only()
    };
    assert!(told.is_signed(&before));
    for _ in 0..2 {
        let told = says().await;
        assert!(told.is_signed(&before) && !told.is_signed(&after));
        assert_eq!(field(&told.opened(&before), "Content").unwrap(), "hi");
    }
    let told = says().await;
    assert!(told.is_signed(&after));
    assert_eq!(field(&told.opened(&after), "Content").unwrap(), "hi");
}

#[tokio::test]
async fn what_was_answered_may_come_again() {
    let stage = Stage::new().await;
    stage.post("/sandbox/pushing", json!({"copies": 3})).await;
    let answer = stage.does("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(answer["pushes"].as_array().unwrap().len(), 3);
    let shop = stage.app("shop");
    let told: Vec<_> = stage.callback.told().iter().map(|it| it.opened(&shop)).collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|it| *it == told[0]), "the same message: {told:?}");
    let ciphers: Vec<_> =
        stage.callback.told().iter().map(|it| it.field("Encrypt").unwrap()).collect();
    assert_ne!(ciphers[0], ciphers[1], "encrypted anew");
}

#[tokio::test]
async fn what_is_held_comes_late_and_in_any_order() {
    let stage = Stage::new().await;
    stage.post("/sandbox/pushing", json!({"paused": true})).await;
    let answer = stage.does("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(answer["pushes"], json!([]));
    stage.does("ann", "unfollow", json!({"app": "shop"})).await;
    stage.idle().await;
    assert!(stage.callback.told().is_empty());
    let released = stage.post("/sandbox/release", json!({"newest_first": true})).await;
    assert_eq!(released["pushes"].as_array().unwrap().len(), 2);
    let shop = stage.app("shop");
    let events: Vec<_> = stage.callback.told().iter().map(|it| it.opened(&shop)).collect();
    let names: Vec<_> = events.iter().map(|it| field(it, "Event").unwrap()).collect();
    assert_eq!(names, ["unsubscribe", "subscribe"]);
    let times: Vec<_> = events.iter().map(|it| field(it, "CreateTime").unwrap()).collect();
    assert!(times[0] > times[1], "{times:?}");
    assert_eq!(stage.post("/sandbox/release", json!({})).await["pushes"], json!([]), "once");
    stage.post("/sandbox/pushing", json!({"paused": false})).await;
    stage.does("ann", "follow", json!({"app": "shop"})).await;
    assert_eq!(stage.callback.told().len(), 3);
}
