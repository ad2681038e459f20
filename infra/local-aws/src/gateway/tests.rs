use std::{net::TcpListener, sync::Mutex, time::Duration};

use axum::body::Bytes;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    http::HttpClient,
    route::{Limit, Method, Path},
    services::lambda::{BoxFuture, InvokeResult},
};

/// A function that says what a test wants and remembers what it was asked.
#[derive(Default)]
struct Scripted {
    seen: Mutex<Vec<Json>>,
}

impl Invoke for Scripted {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'_, InvokeResult> {
        let function = function.to_owned();
        Box::pin(async move {
            self.seen.lock().unwrap().push(serde_json::from_slice(&payload).unwrap());
            match function.as_str() {
                "fails" => Ok(FunctionResponse::FunctionError(Bytes::from_static(b"{}"))),
                "throttled" => Err(InvokeError::Throttled),
                "nonsense" => {
                    Ok(FunctionResponse::Ok(Bytes::from_static(b"{\"statusCode\": true}")))
                }
                "slow" => std::future::pending().await,
                _ => Ok(FunctionResponse::Ok(Bytes::from_static(
                    br#"{"statusCode": 202, "body": "done", "cookies": ["a=b"]}"#,
                ))),
            }
        })
    }
}

fn start() -> (Server, Arc<Scripted>, HttpClient) {
    with(None)
}

fn with(cors: Option<Cors>) -> (Server, Arc<Scripted>, HttpClient) {
    let route = |method: &str, path: &str, function: &str| Route {
        function: function.to_owned(),
        method: Method::parse(method).unwrap(),
        path: Path::parse(path).unwrap(),
        timeout: Duration::from_millis(if function == "slow" { 50 } else { 30_000 }),
        authorizer: None,
        limit: Limit::default(),
    };
    let mut routes = vec![route("POST", "/callback/{app}", "callback")];
    routes.extend(
        ["fails", "throttled", "nonsense", "slow"]
            .map(|name| route("GET", &format!("/{name}"), name)),
    );
    let mut limited = route("GET", "/limited", "limited");
    // What comes back takes longer than a test.
    limited.limit = Limit { rate: Some(0.001), burst: Some(2) };
    routes.push(limited);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = HttpClient::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let functions = Arc::new(Scripted::default());
    let gateway = serve(
        listener,
        Callers::default(),
        routes,
        cors,
        functions.clone(),
        Observers::default(),
        ["000000000000".to_owned(), "local".to_owned()],
    )
    .unwrap();
    (gateway, functions, http)
}

#[tokio::test]
async fn a_request_becomes_an_event_of_format_2() {
    let (_gateway, functions, http) = start();
    let response = http
        .client()
        .post(http.url("/callback/sh%6Fp?signature=a%2Bb&x=1&x=2"))
        .header("Host", "x.localhost")
        .header("Content-Type", "text/xml")
        .header("X-Many", "1")
        .header("X-Many", "2")
        .header("Cookie", "a=1; b=2")
        .header("User-Agent", "agent")
        .body("<xml>你好</xml>")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["set-cookie"], "a=b");
    assert!(response.headers().contains_key("apigw-requestid"));
    assert_eq!(response.text().await.unwrap(), "done");

    let event = functions.seen.lock().unwrap().pop().unwrap();
    let context = &event["requestContext"];
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /callback/{app}");
    assert_eq!(event["rawPath"], "/callback/shop");
    assert_eq!(event["rawQueryString"], "signature=a%2Bb&x=1&x=2");
    assert_eq!(event["queryStringParameters"], json!({"signature": "a+b", "x": "1,2"}));
    assert_eq!(event["pathParameters"], json!({"app": "shop"}));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["host"], "localhost");
    assert_eq!(event["headers"]["x-many"], "1,2");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("<xml>你好</xml>"), &json!(false))
    );
    assert_eq!(context["http"]["method"], "POST");
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["http"]["protocol"], "HTTP/1.1");
    assert_eq!(context["http"]["userAgent"], "agent");
    assert_eq!(context["stage"], "$default");
}

/// Fault 30.
#[tokio::test]
async fn a_binary_body_is_base64_coded() {
    let (_gateway, functions, http) = start();
    for (kind, body, coded) in [
        ("image/png", &b"\xff\x00"[..], "/wA="),
        ("application/json", b"\xff", "/w=="),
        ("application/x-www-form-urlencoded", b"a=1", "YT0x"),
    ] {
        let request = http.client().post(http.url("/callback/shop")).header("Content-Type", kind);
        assert_eq!(request.body(body).send().await.unwrap().status(), 202);
        let event = functions.seen.lock().unwrap().pop().unwrap();
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!(coded), &json!(true)),
            "{kind}"
        );
    }
    assert_eq!(http.client().post(http.url("/callback/shop")).send().await.unwrap().status(), 202);
    let event = functions.seen.lock().unwrap().pop().unwrap();
    assert_eq!((event.get("body"), &event["isBase64Encoded"]), (None, &json!(false)));
}

#[tokio::test]
async fn failures_are_answered_as_api_gateway_does() {
    let (_gateway, _, http) = start();
    for (path, status, message) in [
        ("/callback/shop", 404, "Not Found"),
        ("/fails", 500, "Internal Server Error"),
        ("/nonsense", 500, "Internal Server Error"),
        ("/throttled", 503, "Service Unavailable"),
        ("/slow", 503, "Service Unavailable"),
    ] {
        let response = http.client().get(http.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let body: Json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body, json!({"message": message}));
    }
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    let response = http.client().post(http.url("/callback/shop")).body(large).send().await;
    // The server may close the connection while the client still writes.
    assert!(response.is_err() || response.unwrap().status() == 413);
}

#[tokio::test]
async fn a_route_takes_no_more_than_it_may_and_the_others_go_on() {
    let (_gateway, functions, http) = start();
    let get = async |path: &str| http.client().get(http.url(path)).send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(get("/limited").await.status(), 202);
    }
    let refused = get("/limited").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.text().await.unwrap(), r#"{"message":"Too Many Requests"}"#);
    assert_eq!(functions.seen.lock().unwrap().len(), 2, "the function isn't asked");
    assert_eq!(get("/fails").await.status(), 500);
}

#[tokio::test]
async fn pages_of_named_origins_may_ask_and_others_are_told_nothing() {
    let shop = "https://shop.example.com";
    let cors = Cors {
        origins: vec![shop.to_owned()],
        methods: vec!["POST".to_owned()],
        ..Cors::default()
    };
    let (_gateway, functions, http) = with(Some(cors));
    let preflight = async |origin: &str| {
        let asked = http.client().request(reqwest::Method::OPTIONS, http.url("/callback/shop"));
        let asked = asked.header("Origin", origin).header("Access-Control-Request-Method", "POST");
        asked.send().await.unwrap()
    };
    let allowed = preflight(shop).await;
    assert_eq!(allowed.status(), 204);
    assert_eq!(allowed.headers()["access-control-allow-origin"], shop);
    assert_eq!(allowed.headers()["access-control-allow-methods"], "POST");
    let other = preflight("https://evil.example").await;
    assert_eq!(other.status(), 403);
    assert!(other.headers().get("access-control-allow-origin").is_none());
    assert!(functions.seen.lock().unwrap().is_empty(), "no function is asked");

    let asked = http.client().post(http.url("/callback/shop")).header("Origin", shop);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["access-control-allow-origin"], shop);

    // Where nothing is configured, no page of another origin is answered.
    let (_gateway, _, http) = start();
    let asked = http.client().request(reqwest::Method::OPTIONS, http.url("/callback/shop"));
    let asked = asked.header("Origin", shop).header("Access-Control-Request-Method", "POST");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().get("access-control-allow-origin").is_none());
}
