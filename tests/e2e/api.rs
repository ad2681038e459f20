//! What the HTTP API is asked and answers is what `infra/aws/openapi.json` says, and
//! strangers find their way by that and by the pages under `/.well-known`.

use crate::world::World;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const DOCUMENT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/aws/openapi.json"));
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/api");

/// Asks, and checks that the answer is one that the document names, in the form
/// that it gives.
async fn call(
    world: &World,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> (u16, Value) {
    let url = world.url(&path.replace("{app}", "shop-mini"));
    let mut request = world.client.request(method.parse().unwrap(), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = &body {
        request = request.json(body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();

    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let operation = &document["paths"][path][method.to_lowercase()];
    let check = |schema: &Value, value: &Value| {
        let mut schema = schema.clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        validator.validate(value).map_err(|error| format!("{method} {path} {status}: {error}"))
    };
    let documented = &operation["responses"][status.to_string()];
    assert!(documented.is_object(), "{method} {path} isn't said to answer {status}: {answer}");
    check(&documented["content"]["application/json"]["schema"], &answer).unwrap();
    if let Some(body) = &body {
        let asked = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(check(asked, body).is_ok(), status != 400, "{method} {path}: {answer}");
    }
    (status, answer)
}

#[tokio::test]
async fn every_response_is_documented() {
    let world = World::start().await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    world.account("ann").await;
    let login = "/login/{app}";
    let code = ann.code("shop-mini").await;
    let (status, session) = call(&world, "POST", login, None, Some(json!({ "code": code }))).await;
    assert_eq!(status, 200);
    let token = session["access_token"].as_str();
    let wrong = json!({ "code": "c", "username": "ann", "password": "not her password" });
    for (body, expected) in [
        (json!({ "code": "never-given" }), 401),
        (wrong, 401),
        (json!({}), 400),
        (json!({ "code": "c", "username": "ann" }), 400),
        (json!({ "code": "c d" }), 400),
        (json!({ "code": "c", "username": "a b", "password": "long enough" }), 400),
        (json!({ "code": "c", "username": "ann", "password": "short" }), 400),
        (json!({ "code": "c", "colour": "red" }), 400),
    ] {
        assert_eq!(call(&world, "POST", login, None, Some(body)).await.0, expected);
    }

    let (status, who) = call(&world, "GET", "/session", token, None).await;
    assert_eq!((status, &who["user"]), (200, &session["user"]));
    assert_eq!(call(&world, "GET", "/session", None, None).await.0, 401);
    assert_eq!(call(&world, "GET", "/session", Some("a.b.c"), None).await.0, 401);

    let code = ann.phone_code("shop-mini").await;
    let phone = async |code: Value| call(&world, "POST", "/phone", token, Some(code)).await.0;
    assert_eq!(phone(json!({ "code": code })).await, 200);
    assert_eq!(phone(json!({ "code": 17 })).await, 400);

    for (app, form_ids, expected) in [
        ("shop-mini", json!(["form-1"]), 200),
        ("shop", json!(["form-1"]), 404),
        ("shop-mini", json!([]), 400),
        ("shop-mini", json!(vec!["form"; 21]), 400),
        ("shop-mini", json!(["form 1"]), 400),
    ] {
        let body = json!({ "app": app, "form_ids": form_ids });
        assert_eq!(call(&world, "POST", "/form-ids", token, Some(body)).await.0, expected);
    }

    let held = |token: &Value| Some(json!({ "refresh_token": token }));
    let refresh = "/session/refresh";
    let (status, next) = call(&world, "POST", refresh, None, held(&session["refresh_token"])).await;
    assert_eq!(status, 200);
    for (path, body, expected) in [
        (refresh, held(&json!("forged")), 401),
        (refresh, Some(json!({})), 400),
        ("/session/revoke", held(&next["refresh_token"]), 200),
        ("/session/revoke", held(&json!("forged")), 200),
        ("/session/revoke", Some(json!({})), 400),
        (refresh, held(&next["refresh_token"]), 401),
    ] {
        assert_eq!(call(&world, "POST", path, None, body).await.0, expected, "{path}");
    }
    for page in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        assert_eq!(call(&world, "GET", page, None, None).await.0, 200);
    }
}

/// Runs a program that `make interop` has brought along.
async fn run(program: &str, arguments: &[&str], input: &str) -> Output {
    let peers =
        std::env::var_os("PEERS").expect("run `make interop`, which names the folder PEERS");
    let mut run = Command::new(PathBuf::from(peers).join("python/bin").join(program));
    let folder = tempfile::tempdir().unwrap();
    run.args(arguments).current_dir(folder.path());
    run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = run.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    output.await.unwrap()
}

fn output_text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[tokio::test]
#[ignore = "it needs PyJWT; `make interop` runs it"]
async fn pyjwt_accepts_valid_sessions_only() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let token = session["access_token"].as_str().unwrap();
    let verify = format!("{FOLDER}/verify.py");
    let output = run("python", &[&verify], token).await;
    assert!(output.status.success(), "{}", output_text(&output));
    assert_eq!(output_text(&output).trim(), session["user"].as_str().unwrap());

    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(342));
    let output = run("python", &[&verify], &forged).await;
    assert!(!output.status.success());
    assert!(output_text(&output).contains("InvalidSignatureError"), "{}", output_text(&output));
}

#[tokio::test]
#[ignore = "it needs schemathesis; `make interop` runs it"]
async fn schemathesis_finds_no_error_and_no_undocumented_response() {
    let world = World::start().await;
    world.token_round().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let bearer = format!("Authorization: Bearer {}", session["access_token"].as_str().unwrap());
    let config = format!("{FOLDER}/schemathesis.toml");
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/aws/openapi.json");
    let arguments = ["--config-file", &config, "run", document, "--url", &world.url("")];
    let options = ["-H", &bearer, "--max-examples", "100", "--continue-on-failure", "--no-color"];
    let output = run("schemathesis", &[&arguments[..], &options].concat(), "").await;
    assert!(output.status.success(), "{}", output_text(&output));
    assert!(output_text(&output).contains("10 selected / 10 total"), "{}", output_text(&output));
    world.sought.forget_logins();
}
