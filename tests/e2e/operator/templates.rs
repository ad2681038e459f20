//! Templates are read as the functions read them, and compared with WeChat's.

use crate::world::World;
use serde_json::{Value, json};
use std::path::Path;

const SHOP_TEMPLATE: &str = "SandboxTemplateOfShop-order-shipped-0000001";

fn channel(app: &str, more: &Value) -> Value {
    let mut channel = json!({
        "channel": "template", "app": app, "template_id": SHOP_TEMPLATE,
        "data": { "thing1": "{product}", "time2": "{time}" },
    });
    channel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    channel
}

fn write(path: &Path, channels: &[Value]) {
    let template = json!({ "fields": ["product", "time"], "channels": channels });
    std::fs::write(path, template.to_string()).unwrap();
}

#[tokio::test]
async fn template_is_checked_before_it_is_stored() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arrived.json");
    let file = path.to_str().unwrap();
    let add = ["template", "add", "arrived", file];
    for (channels, expected) in [
        (vec![], "it has no channels"),
        (vec![channel("shop", &json!({ "ulr": "https://x" }))], "channels[0]: unknown field `ulr`"),
        (vec![channel("unknown", &json!({}))], "channels[0] (template): there is no app unknown"),
        (vec![channel("shop-mini", &json!({}))], "shop-mini is of the kind mini_program"),
        (
            vec![channel("shop", &json!({ "mini_program": { "app": "shop" } }))],
            "this needs mini_program",
        ),
    ] {
        write(&path, &channels);
        let (kind, words) = world.hongyan(&add, "").await.error();
        assert!(kind == "invalid" && words.contains(expected), "{kind} {words}");
    }
    let listed = world.hongyan(&["template", "list"], "").await.json();
    assert_eq!(listed["templates"].as_array().unwrap().len(), 1, "{listed}");

    write(&path, &[channel("shop", &json!({}))]);
    assert_eq!(world.hongyan(&add, "").await.json()["outcome"], "added");
    assert_eq!(world.hongyan(&add, "").await.json()["outcome"], "unchanged");
    write(&path, &[channel("shop", &json!({ "url": "https://example.test" }))]);
    assert_eq!(world.hongyan(&add, "").await.error().0, "conflict");
    let replaced = world.hongyan(&[add.as_slice(), &["--replace"]].concat(), "").await.json();
    assert_eq!(replaced["outcome"], "replaced");
    // From a pipe, too; and a notification can use it.
    let text = std::fs::read_to_string(&path).unwrap();
    world.hongyan(&["template", "add", "piped", "-"], &text).await.json();
    world.phone("ann").follow("shop").await;
    let union_id = world.phone("ann").union_id().await;
    let report = world
        .send(&json!({ "id": "order-1", "to": { "union_id": union_id }, "template": "piped",
                       "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" } }))
        .await;
    assert_eq!(report["outcome"], "sent", "{report}");
}

#[tokio::test]
async fn differences_are_shown_and_exit_with_1() {
    let world = World::start().await;
    let checked = world.hongyan(&["template", "check"], "").await.json();
    assert_eq!(checked, json!({ "templates": 1, "differences": [] }));
    let other = json!({ "data": { "thing1": "{product}", "time9": "{time}" } });
    world.set_parameter(
        "templates/other",
        &json!({ "fields": ["product", "time"], "channels": [channel("shop", &other)] }),
    );
    let said = world.hongyan(&["template", "check"], "").await;
    assert_eq!((said.status, said.any_json()["differences"].as_array().unwrap().len()), (1, 2));
    let words = world.hongyan_in_words(&["template", "check", "other"], "").await;
    assert_eq!(words.status, 1);
    assert!(
        words.out.contains("template shop time9: WeChat's template has no such key"),
        "{words:?}"
    );
    assert_eq!(world.hongyan(&["template", "check", "order_shipped"], "").await.status, 0);
}

#[tokio::test]
async fn draft_from_wechats_template_matches_it() {
    let world = World::start().await;
    let listed = world.hongyan(&["template", "pull", "shop"], "").await.json();
    let of = |channel: &str| {
        let all = listed["templates"].as_array().unwrap().iter();
        all.filter(|it| it["channel"] == channel).map(|it| it["title"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("template"), of("bizsend")),
        (vec![json!("order_shipped")], vec![json!("order_arrived")])
    );
    let mini = world.hongyan(&["template", "pull", "shop-mini"], "").await.json();
    let delayed =
        mini["templates"].as_array().unwrap().iter().find(|it| it["title"] == "order_delayed");
    assert_eq!(delayed.unwrap()["consent"], "long_term");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("draft.json");
    let file = path.to_str().unwrap();
    for (app, title) in
        [("shop", SHOP_TEMPLATE), ("shop", "order_arrived"), ("shop-mini", "order_delayed")]
    {
        let _ = std::fs::remove_file(&path);
        let pull = ["template", "pull", app, "--template", title, "--output", file];
        world.hongyan(&pull, "").await.json();
        assert_eq!(world.hongyan(&pull, "").await.error().0, "invalid", "no file is written over");
        world.hongyan(&["template", "add", "draft", file, "--replace"], "").await.json();
        let checked = world.hongyan(&["template", "check", "draft"], "").await.json();
        assert_eq!(checked["differences"], json!([]), "{title}");
    }
    let unknown = ["template", "pull", "shop", "--template", "nothing"];
    assert_eq!(world.hongyan(&unknown, "").await.error().0, "not_found");

    // One list that WeChat refuses leaves the other.
    let refuse = json!({ "path": "/cgi-bin/template/get_all_private_template", "errcode": 48001 });
    world.wechat.fault(refuse).await;
    let said = world.hongyan(&["template", "pull", "shop"], "").await;
    let told = said.any_json();
    assert_eq!((said.status, &told["problems"][0]["channel"]), (1, &json!("template")), "{told}");
    assert_eq!(told["templates"][0]["title"], "order_arrived");
}
