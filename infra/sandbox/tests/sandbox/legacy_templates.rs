use crate::stage::{MINI_LEGACY, MINI_TEMPLATE, Stage, errcode};
use serde_json::{Value, json};

async fn send(stage: &Stage, to: &str, form_id: &str, more: Value) -> Value {
    let mut body = json!({
        "touser": to, "template_id": MINI_LEGACY, "form_id": form_id, "page": "pages/order?id=17",
        "data": {"keyword1": {"value": "Blue kettle"}, "keyword2": {"value": "199.00元"}},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stage.call("shop-mini", "/cgi-bin/message/wxopen/template/send", body).await
}

async fn submit(stage: &Stage, name: &str) -> String {
    let done = stage.does(name, "submit", json!({"app": "shop-mini"})).await;
    assert_eq!(done["pushes"], json!([]), "the callback is not told of forms");
    done["form_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_submitted_form_is_one_message() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    let form = submit(&stage, "bob").await;
    let sent = send(&stage, &bob, &form, json!({"emphasis_keyword": "keyword2.DATA"})).await;
    assert_eq!(sent, json!({"errcode": 0, "errmsg": "ok"}));
    let screen = stage.screen("bob").await;
    assert_eq!(screen[0]["kind"], "legacy_template");
    assert_eq!(screen[0]["title"], "order_receipt");
    assert_eq!(screen[0]["fields"][1]["value"], "199.00元");
    assert_eq!(screen[0]["emphasis"], "keyword2");
    assert_eq!(screen[0]["jump"]["mini_program"]["page"], "pages/order?id=17");
    let again = send(&stage, &bob, &form, json!({})).await;
    assert_eq!(again["errcode"], 41029);
    assert!(again["errmsg"].as_str().unwrap().starts_with("form id used count reach limit"));
    assert_eq!(stage.screen("bob").await.len(), 1);
    stage.idle().await;
    assert!(stage.callback.told().is_empty(), "there is no receipt");
}

#[tokio::test]
async fn a_form_is_its_persons_own_and_lives_seven_days() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.open_id("ann", "shop-mini"), stage.open_id("bob", "shop-mini"));
    let form = submit(&stage, "bob").await;
    let errcode = async |to: &str, form: &str, more: Value| {
        send(&stage, to, form, more).await["errcode"].as_i64().unwrap()
    };
    assert_eq!(errcode(&ann, &form, json!({})).await, 41028, "somebody else's");
    assert_eq!(errcode(&bob, "the formId is a mock one", json!({})).await, 41028);
    assert_eq!(errcode(&bob, "", json!({})).await, 41028);
    assert_eq!(errcode("oNobody", &form, json!({})).await, 40003);
    assert_eq!(errcode(&bob, &form, json!({"template_id": MINI_TEMPLATE})).await, 40037);
    assert_eq!(errcode(&bob, &form, json!({"data": "x"})).await, 47001);

    stage.advance(7 * 86_400 - 60).await;
    let second = submit(&stage, "bob").await;
    assert_eq!(errcode(&bob, &form, json!({})).await, 0, "nothing refused has used it");
    stage.advance(7 * 86_400 + 1).await;
    assert_eq!(errcode(&bob, &second, json!({})).await, 41028);
}

#[tokio::test]
async fn an_official_account_has_no_forms() {
    let stage = Stage::new().await;
    let (status, error) = stage.refused("/sandbox/people/bob/submit", json!({"app": "shop"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("a Mini Program"), "{error}");
    let bob = stage.open_id("bob", "shop");
    let body = json!({"touser": bob, "template_id": MINI_LEGACY, "form_id": "x", "data": {}});
    let answer = stage.call("shop", "/cgi-bin/message/wxopen/template/send", body).await;
    assert_eq!(answer["errcode"], 48001);
}

#[tokio::test]
async fn the_uniform_message_is_gone() {
    let stage = Stage::new().await;
    let bob = stage.open_id("bob", "shop-mini");
    let path = "/cgi-bin/message/wxopen/template/uniform_send";
    let body = json!({"touser": bob, "mp_template_msg": {"appid": stage.app("shop").app_id}});
    assert_eq!(errcode(&stage.call("shop-mini", path, body).await), 45109);
    assert!(stage.screen("bob").await.is_empty());
}
