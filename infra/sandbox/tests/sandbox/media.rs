use crate::fixture::{Fixture, errcode};
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\r\n--looks like the end";

/// Uploads a file in a multipart form.
async fn upload(fixture: &Fixture, app: &str, kind: &str, name: &str, bytes: &[u8]) -> Value {
    let token = fixture.token(app).await;
    let head = format!("--edge\r\nContent-Disposition: form-data; name=\"media\"; {name}\r\n");
    let form = [
        head.as_bytes(),
        b"Content-Type: application/octet-stream\r\n\r\n",
        bytes,
        b"\r\n--edge--\r\n",
    ];
    let path = format!("/cgi-bin/media/upload?access_token={token}&type={kind}");
    let request = fixture
        .http
        .post(fixture.url(&path))
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(form.concat());
    request.send().await.unwrap().text().await.unwrap().parse().unwrap()
}

async fn send_image(fixture: &Fixture, media_id: &Value) -> i64 {
    let ann = fixture.open_id("ann", "shop");
    let body = json!({"touser": ann, "msgtype": "image", "image": {"media_id": media_id}});
    errcode(&fixture.call("shop", "/cgi-bin/message/custom/send", body).await)
}

#[tokio::test]
async fn upload_can_be_sent_and_fetched_for_three_days() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let fixture = Fixture::with_data(Some(file.clone())).await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    let uploaded = upload(&fixture, "shop", "image", "filename=\"a.PNG\"", PNG).await;
    assert_eq!(uploaded["type"], "image");
    assert!(uploaded["created_at"].is_i64() && uploaded.get("errcode").is_none(), "{uploaded}");
    let id = &uploaded["media_id"];
    assert_eq!(send_image(&fixture, id).await, 0);

    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/media/get?access_token={token}&media_id={}", id.as_str().unwrap());
    let fetched = fixture.http.get(fixture.url(&path)).send().await.unwrap();
    assert_eq!(fetched.headers()["content-type"], "image/png");
    assert_eq!(fetched.headers()["content-disposition"], "attachment; filename=\"a.PNG\"");
    assert_eq!(fetched.bytes().await.unwrap(), PNG);
    let calls = fixture.get("/sandbox/calls").await;
    let last = calls["calls"].as_array().unwrap().last().unwrap();
    assert_eq!(last["answer"], format!("… ({} bytes of image/png)", PNG.len()));
    let other = fixture.token("shop-mini").await;
    let of_other = path.replace(&token, &other);
    assert_eq!(errcode(&fixture.get(&of_other).await), 40007, "another app's");
    fixture.sandbox.stop().await;

    let fixture = Fixture::with_data(Some(file)).await;
    let fetched = fixture.http.get(fixture.url(&path)).send().await.unwrap();
    assert_eq!(fetched.bytes().await.unwrap(), PNG, "also after a restart");
    fixture.advance(3 * 86_400).await;
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(send_image(&fixture, id).await, 40007);
    let path = path.replace(&token, &fixture.token("shop").await);
    assert_eq!(errcode(&fixture.get(&path).await), 40007);
}

#[tokio::test]
async fn upload_is_checked_by_type_name_and_size() {
    let fixture = Fixture::new().await;
    let thumb = vec![7; (64 << 10) + 1];
    for (app, kind, name, bytes, code) in [
        ("shop", "image", "filename=\"a.png\"", PNG, 0),
        ("shop-mini", "image", "filename=a.gif", PNG, 0),
        ("shop", "poem", "filename=\"a.png\"", PNG, 40004),
        ("shop-mini", "voice", "filename=\"a.mp3\"", PNG, 40004),
        ("shop", "image", "filename=\"a.exe\"", PNG, 40005),
        ("shop", "image", "filename=\"png\"", PNG, 40005),
        ("shop", "image", "x=y", PNG, 41005),
        ("shop", "image", "filename=\"a.png\"", b"", 44001),
        ("shop", "thumb", "filename=\"a.jpg\"", &thumb[1..], 0),
        ("shop", "thumb", "filename=\"a.jpg\"", &thumb[..], 45001),
    ] {
        let answer = upload(&fixture, app, kind, name, bytes).await;
        assert_eq!(errcode(&answer), code, "{app} {kind} {name} {answer}");
    }
    let largest = vec![7; 10 << 20];
    let answer = upload(&fixture, "shop", "image", "filename=\"a.jpg\"", &largest).await;
    assert_eq!(errcode(&answer), 0);
    let answer = fixture.call("shop", "/cgi-bin/media/upload", json!({"type": "image"})).await;
    assert_eq!(errcode(&answer), 40004, "a type in the body is ignored");
}

#[tokio::test]
async fn video_is_fetched_from_its_url() {
    let fixture = Fixture::new().await;
    let uploaded = upload(&fixture, "shop", "video", "filename=\"a.mp4\"", b"film").await;
    let id = uploaded["media_id"].as_str().unwrap();
    let token = fixture.token("shop").await;
    let answer =
        fixture.get(&format!("/cgi-bin/media/get?access_token={token}&media_id={id}")).await;
    let url = answer["video_url"].as_str().unwrap();
    assert!(url.starts_with(&fixture.url("/")), "{url}");
    let film = fixture.http.get(url).send().await.unwrap();
    assert_eq!(film.headers()["content-type"], "video/mp4");
    assert_eq!(film.bytes().await.unwrap(), "film");
}

#[tokio::test]
async fn permanent_material_is_added_by_the_control_api() {
    let fixture = Fixture::new().await;
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(send_image(&fixture, &json!("poster")).await, 40007);
    let kept = json!({"media_id": "poster", "type": "image"});
    fixture.post("/sandbox/apps/shop/media", kept).await;
    fixture.advance(4 * 86_400).await;
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(send_image(&fixture, &json!("poster")).await, 0);
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/media/get?access_token={token}&media_id=poster");
    assert_eq!(errcode(&fixture.get(&path).await), 40007, "media/get returns uploads only");
    let (_, error) =
        fixture.control_error("/sandbox/apps/shop/media", json!({"media_id": "x"})).await;
    assert!(error.contains("type"), "{error}");
}
