use crate::fixture::{Fixture, MINI_LEGACY, MINI_TEMPLATE, errcode};
use serde_json::{Value, json};

async fn send(fixture: &Fixture, to: &str, form_id: &str, more: Value) -> Value {
    let mut body = json!({
        "touser": to, "template_id": MINI_LEGACY, "form_id": form_id, "page": "pages/order?id=17",
        "data": {"keyword1": {"value": "Blue kettle"}, "keyword2": {"value": "199.00元"}},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixture.call("shop-mini", "/cgi-bin/message/wxopen/template/send", body).await
}

async fn submit(fixture: &Fixture, name: &str) -> String {
    let done = fixture.act(name, "submit", json!({"app": "shop-mini"})).await;
    assert_eq!(done["pushes"], json!([]), "a form pushes nothing");
    done["form_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn submitted_form_allows_one_message() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let form = submit(&fixture, "bob").await;
    let sent = send(&fixture, &bob, &form, json!({"emphasis_keyword": "keyword2.DATA"})).await;
    assert_eq!(sent, json!({"errcode": 0, "errmsg": "ok"}));
    let screen = fixture.screen("bob").await;
    assert_eq!(screen[0]["kind"], "legacy_template");
    assert_eq!(screen[0]["title"], "order_receipt");
    assert_eq!(screen[0]["fields"][1]["value"], "199.00元");
    assert_eq!(screen[0]["emphasis"], "keyword2");
    assert_eq!(screen[0]["jump"]["mini_program"]["page"], "pages/order?id=17");
    let again = send(&fixture, &bob, &form, json!({})).await;
    assert_eq!(again["errcode"], 41029);
    assert!(again["errmsg"].as_str().unwrap().starts_with("form id used count reach limit"));
    assert_eq!(fixture.screen("bob").await.len(), 1);
    fixture.idle().await;
    assert!(fixture.callback.received().is_empty(), "there is no receipt");
}

#[tokio::test]
async fn form_is_valid_for_its_user_for_seven_days() {
    let fixture = Fixture::new().await;
    let (ann, bob) = (fixture.open_id("ann", "shop-mini"), fixture.open_id("bob", "shop-mini"));
    let form = submit(&fixture, "bob").await;
    let errcode = async |to: &str, form: &str, more: Value| {
        send(&fixture, to, form, more).await["errcode"].as_i64().unwrap()
    };
    assert_eq!(errcode(&ann, &form, json!({})).await, 41028, "another user's");
    assert_eq!(errcode(&bob, "the formId is a mock one", json!({})).await, 41028);
    assert_eq!(errcode(&bob, "", json!({})).await, 41028);
    assert_eq!(errcode("oUnknown", &form, json!({})).await, 40003);
    assert_eq!(errcode(&bob, &form, json!({"template_id": MINI_TEMPLATE})).await, 40037);
    assert_eq!(errcode(&bob, &form, json!({"data": "x"})).await, 47001);

    fixture.advance(7 * 86_400 - 60).await;
    let second = submit(&fixture, "bob").await;
    assert_eq!(errcode(&bob, &form, json!({})).await, 0, "a rejected send does not use it");
    fixture.advance(7 * 86_400 + 1).await;
    assert_eq!(errcode(&bob, &second, json!({})).await, 41028);
}

#[tokio::test]
async fn official_account_has_no_forms() {
    let fixture = Fixture::new().await;
    let (status, error) =
        fixture.control_error("/sandbox/people/bob/submit", json!({"app": "shop"})).await;
    assert_eq!(status, 400);
    assert!(error.contains("a Mini Program"), "{error}");
    let bob = fixture.open_id("bob", "shop");
    let body = json!({"touser": bob, "template_id": MINI_LEGACY, "form_id": "x", "data": {}});
    let answer = fixture.call("shop", "/cgi-bin/message/wxopen/template/send", body).await;
    assert_eq!(answer["errcode"], 48001);
}

#[tokio::test]
async fn uniform_message_is_withdrawn() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let path = "/cgi-bin/message/wxopen/template/uniform_send";
    let body = json!({"touser": bob, "mp_template_msg": {"appid": fixture.app("shop").app_id}});
    assert_eq!(errcode(&fixture.call("shop-mini", path, body).await), 45109);
    assert!(fixture.screen("bob").await.is_empty());
}
