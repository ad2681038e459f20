//! A mini program hands over the form ids that its user's forms gave it.

use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::clock::Timestamp;

const SHOP_MINI: &str = "wx0000000000005a02";
const DAY: u64 = 24 * 3600;

/// Hands over form ids with a session: the status and the answer.
async fn submit_form_ids(world: &World, session: &Value, body: &Value) -> (u16, Value) {
    posted(world, Some(&format!("Bearer {}", token(session))), body).await
}

async fn posted(world: &World, authorization: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = world.client.post(world.url("/form-ids")).json(body);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn token(session: &Value) -> &str {
    session["access_token"].as_str().unwrap()
}

fn form_ids(ids: &[&str]) -> Value {
    json!({ "app": "shop-mini", "form_ids": ids })
}

/// The form ids that are kept, in their order.
async fn kept(world: &World) -> Vec<Value> {
    let mut rows = world.aws.rows("users").await;
    rows.retain(|row| row["item"].as_str().unwrap().starts_with("form#"));
    rows.sort_by_key(|row| row["item"].to_string());
    rows
}

/// Signs claims as the login function does, with its own key.
fn issued(world: &World, session: &Value, changes: &Value) -> String {
    let stored = world.parameter("session/keys/1");
    let der = STANDARD.decode(stored["key"].as_str().unwrap()).unwrap();
    let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(&der).unwrap();
    let mut parts = token(session).split('.');
    let (head, claims) = (parts.next().unwrap(), parts.next().unwrap());
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
        .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn submitted_form_ids_are_kept_for_seven_days() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    let before = Timestamp::now().0;
    let (status, answer) =
        submit_form_ids(&world, &session, &form_ids(&["form-a", "form-b"])).await;
    let after = Timestamp::now().0;
    assert_eq!((status, answer), (200, json!({ "kept": 2 })));

    let user = format!("{SHOP_MINI}#{}", ann.open_id("shop-mini").await);
    let rows = kept(&world).await;
    assert_eq!(rows.len(), 2, "{rows:#?}");
    for (row, id) in rows.iter().zip(["form-a", "form-b"]) {
        assert_eq!((&row["user"], &row["state"]), (&json!(user), &json!("free")));
        assert_eq!(row["item"], format!("form#{id}"));
        let submitted = row["submitted_at"].as_u64().unwrap();
        assert!((before..=after).contains(&submitted), "{row}");
        assert_eq!(row["expires"].as_u64(), Some(submitted + 7 * DAY), "{row}");
    }
    let lines = world.lines().join("\n");
    assert!(!lines.contains("form-a") && !lines.contains(token(&session)), "{lines}");
}

#[tokio::test]
async fn duplicate_form_id_is_kept_once() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let again = form_ids(&["form-a", "form-b", "form-a"]);
    assert_eq!(submit_form_ids(&world, &session, &again).await, (200, json!({ "kept": 2 })));
    let rows = kept(&world).await;
    assert_eq!(submit_form_ids(&world, &session, &again).await, (200, json!({ "kept": 0 })));
    assert_eq!(kept(&world).await, rows);
    let more = form_ids(&["form-c", "form-b"]);
    assert_eq!(submit_form_ids(&world, &session, &more).await, (200, json!({ "kept": 1 })));
    assert_eq!(kept(&world).await.len(), 3);
}

#[tokio::test]
async fn form_ids_require_a_session_of_this_issuer() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let body = form_ids(&["form-a"]);
    let bobs = issued(&world, &session, &json!({ "sub": "bob" }));
    let (message, signature) = bobs.rsplit_once('.').unwrap();
    let (_, signature_of_ann) = token(&session).rsplit_once('.').unwrap();
    assert_ne!(signature, signature_of_ann);
    let now = Timestamp::now().0;
    let forged = [
        format!("{message}.{signature_of_ann}"),
        format!("{message}."),
        issued(&world, &session, &json!({ "exp": now - 1 })),
        issued(&world, &session, &json!({ "nbf": now + 60 })),
        issued(&world, &session, &json!({ "iat": now + 60 })),
        issued(&world, &session, &json!({ "iss": "https://example.com" })),
        issued(&world, &session, &json!({ "aud": "another" })),
    ];
    let mut tried: Vec<_> = forged.iter().map(|token| Some(format!("Bearer {token}"))).collect();
    tried.extend([None, Some("Bearer any".to_owned()), Some("Basic YTpi".to_owned())]);
    for authorization in tried {
        let (status, answer) = posted(&world, authorization.as_deref(), &body).await;
        assert_eq!((status, answer), (401, json!({ "message": "Unauthorized" })));
    }
    assert!(kept(&world).await.is_empty());

    // As they are signed with the right key, only what was changed was wrong.
    let good = issued(&world, &session, &json!({ "exp": now + 60 }));
    assert_eq!(posted(&world, Some(&good), &body).await.0, 200);
    let request = world.client.post(world.url("/form-ids")).json(&body);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    let request = world.client.post(world.url("/form-ids")).json(&body);
    let refused = request.bearer_auth(&forged[6]).send().await.unwrap();
    assert_eq!(
        refused.headers()["www-authenticate"],
        r#"Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience""#
    );
}

/// Fault 73.
#[tokio::test]
async fn form_ids_cannot_be_submitted_for_another_user() {
    let world = World::start().await;
    let (ann, bob) = (world.phone("ann"), world.phone("bob"));
    let session = ann.log_in("shop-mini").await;
    bob.log_in("shop-mini").await;
    let of_bob = bob.open_id("shop-mini").await;
    for field in ["open_id", "user", "sub", "account"] {
        let mut body = form_ids(&["form-a"]);
        body[field] = json!(of_bob);
        let (status, answer) = submit_form_ids(&world, &session, &body).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(field), "{answer}");
    }
    assert!(kept(&world).await.is_empty());
    // What a request says of itself outside of the token counts for nothing.
    let url = world.url(&format!("/form-ids?sub={of_bob}&user={of_bob}"));
    let request = world.client.post(url).bearer_auth(token(&session)).header("x-user", &of_bob);
    assert_eq!(request.json(&form_ids(&["form-a"])).send().await.unwrap().status(), 200);
    let of_ann = format!("{SHOP_MINI}#{}", ann.open_id("shop-mini").await);
    let rows = kept(&world).await;
    assert!(rows.len() == 1 && rows[0]["user"] == of_ann, "{rows:#?}");
}

#[tokio::test]
async fn invalid_form_ids_are_named_and_none_is_kept() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let refused = async |body: Value, status: u16, words: &[&str]| {
        let (found, answer) = submit_form_ids(&world, &session, &body).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(found, status, "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    refused(json!({ "app": "shop-mini" }), 400, &["form_ids"]).await;
    refused(json!({ "form_ids": ["form-a"] }), 400, &["app"]).await;
    refused(json!("hello"), 400, &[]).await;
    refused(form_ids(&[]), 400, &["form_ids", "1 to 20"]).await;
    refused(form_ids(&["form-a"; 21]), 400, &["form_ids", "1 to 20"]).await;
    for bad in ["", "a#b", "a b", "é", &"x".repeat(129)] {
        refused(form_ids(&["form-a", bad]), 400, &["form_ids[1]", "1 to 128"]).await;
    }
    refused(form_ids(&["the formId is a mock one"]), 400, &["form_ids[0]", "phone"]).await;
    refused(form_ids(&[&"x".repeat(9000)]), 413, &[]).await;
    let of = |app: &str| json!({ "app": app, "form_ids": ["form-a"] });
    refused(of("unknown"), 404, &["app", "mini program"]).await;
    refused(of("shop"), 404, &["app", "mini program"]).await;
    assert!(kept(&world).await.is_empty());
}

#[tokio::test]
async fn form_ids_of_a_user_unknown_in_the_app_require_a_new_login() {
    let world = World::start().await;
    let ann = world.phone("ann");
    let session = ann.log_in("shop-mini").await;
    let body = form_ids(&["form-a"]);
    // Such as one of before the row that leads to them was written.
    let key = json!({
        "subject": { "S": format!("person#{}", session["user"].as_str().unwrap()) },
        "app_id": { "S": SHOP_MINI },
    });
    let delete = json!({ "TableName": "hongyan-local-mappings", "Key": key });
    world.aws.call_service("DynamoDB_20120810.DeleteItem", &delete).await;
    let (status, answer) = submit_form_ids(&world, &session, &body).await;
    assert_eq!(status, 403);
    assert!(answer["error"].as_str().unwrap().contains("log in to it again"), "{answer}");

    let stranger = issued(&world, &session, &json!({ "sub": "0123456789abcdef" }));
    assert_eq!(posted(&world, Some(&stranger), &body).await.0, 401);
    assert!(kept(&world).await.is_empty());

    let session = ann.log_in("shop-mini").await;
    assert_eq!(submit_form_ids(&world, &session, &body).await, (200, json!({ "kept": 1 })));
}

#[tokio::test]
async fn form_ids_are_deleted_when_the_user_closes_the_wechat_account() {
    let world = World::start().await;
    let bob = world.phone("bob");
    let session = bob.log_in("shop-mini").await;
    let body = form_ids(&["form-a", "form-b"]);
    assert_eq!(submit_form_ids(&world, &session, &body).await.0, 200);
    let person = format!("person#{}", session["user"].as_str().unwrap());
    let open_id = bob.open_id("shop-mini").await;
    let row = world.aws.row("mappings", "subject", &person).await;
    assert_eq!((&row["app_id"], &row["open_id"]), (&json!(SHOP_MINI), &json!(open_id)));

    let closed = json!({
        "from": "oSystem", "MsgType": "event", "Event": "user_authorization_cancellation",
        "OpenID": open_id, "AppID": SHOP_MINI, "RevokeInfo": "301",
    });
    let now = world.wechat.now().await + 5;
    let push = json!({ "app": "shop-mini", "message": closed, "create_time": now });
    assert_eq!(world.wechat.push(push).await[0]["body"], "success");
    world.idle().await;
    assert!(kept(&world).await.is_empty());
    let mappings = world.aws.rows("mappings").await;
    assert!(mappings.iter().all(|row| row["subject"] != person), "{mappings:#?}");
    // The access token lives for some minutes yet; its session has ended.
    assert_eq!(submit_form_ids(&world, &session, &form_ids(&["form-c"])).await.0, 401);
    assert!(kept(&world).await.is_empty());
}

#[tokio::test]
async fn form_ids_are_rejected_after_logout() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let held = json!({ "refresh_token": session["refresh_token"] });
    let revoked = world.client.post(world.url("/session/revoke")).json(&held).send().await;
    assert_eq!(revoked.unwrap().status().as_u16(), 200);
    let (status, answer) = submit_form_ids(&world, &session, &form_ids(&["form-1"])).await;
    assert_eq!(status, 401, "{answer}");
    assert!(kept(&world).await.is_empty());
}

/// Fault 113.
#[tokio::test]
async fn form_ids_are_refused_unless_the_operator_wants_them() {
    let world = World::with_parameters(&[("FormIds", "off")]).await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let (status, answer) = submit_form_ids(&world, &session, &form_ids(&["form-a"])).await;
    assert_eq!(status, 404, "{answer}");
    assert_eq!(kept(&world).await, [json!(null); 0]);
}

/// Fault 113.
#[tokio::test]
async fn hundred_free_form_ids_are_enough() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let numbered = |from: u32| {
        let ids: Vec<_> = (from..from + 20).map(|at| format!("form-{at}")).collect();
        json!({ "app": "shop-mini", "form_ids": ids })
    };
    for from in [0, 20, 40, 60, 80] {
        assert_eq!(submit_form_ids(&world, &session, &numbered(from)).await.0, 200);
    }
    let (status, answer) = submit_form_ids(&world, &session, &numbered(100)).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("100 form ids"), "{answer}");
    assert_eq!(submit_form_ids(&world, &session, &numbered(80)).await.0, 200, "a repeat");
    assert_eq!(kept(&world).await.len(), 100);
}
