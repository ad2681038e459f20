use crate::fixture::{Fixture, errcode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn invalid_request_has_its_errcode() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/message/template/send?access_token={token}");
    let post = async |path: &str, body: &'static str| {
        // reqwest omits the length of an empty body.
        let request =
            fixture.http.post(fixture.url(path)).header("content-length", body.len()).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json; encoding=utf-8");
        errcode(&serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    };
    assert_eq!(errcode(&fixture.get(&path).await), 43002);
    assert_eq!(errcode(&fixture.get("/cgi-bin/stable_token").await), 43002);
    assert_eq!(post("/cgi-bin/token", "{}").await, 43001);
    assert_eq!(post("/cgi-bin/message/nothing/send", "{}").await, 40066);
    assert_eq!(post("/cgi-bin/message/template/send", "{}").await, 41001);
    assert_eq!(post(&path, "").await, 44002);
    assert_eq!(post(&path, "{\"touser\":").await, 47001);
    assert_eq!(post(&path, "[]").await, 47001);
    // The token is checked before the body.
    assert_eq!(
        post("/cgi-bin/message/template/send?access_token=unknown_but_long_enough", "").await,
        40001
    );
}

#[tokio::test]
async fn post_without_a_length_gets_412_and_no_body() {
    let fixture = Fixture::new().await;
    let mut wire = tokio::net::TcpStream::connect(fixture.sandbox.address()).await.unwrap();
    let request = "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
                   Connection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    wire.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 412 Precondition Failed\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}
