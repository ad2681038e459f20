//! The template itself, deployed with `sam deploy` as a user does it, into ministack:
//! another implementation of CloudFormation, API Gateway, Lambda, DynamoDB and Parameter Store,
//! which believes signatures only, and holds every function to its role.

use crate::sandbox::WeChat;
use crate::world::{order, print_lines};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::config::{BehaviorVersion, Region};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use shared::http::HttpClient;
use shared::wechat::signature::sign;
use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const REGION: &str = "us-east-1";
/// ministack's administrator.
const KEY: &str = "test";
/// A schedule of a minute fires within two.
const TIMEOUT: Duration = Duration::from_secs(150);

/// A file or program that `make interop` has brought along.
fn brought(folder: &str, path: &str) -> PathBuf {
    let folder = std::env::var_os(folder);
    PathBuf::from(folder.expect("run `make interop`, which names its tools")).join(path)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// ministack, as long as this lives.
struct Ministack {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Ministack {
    async fn start(client: &reqwest::Client) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let path = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(brought("MINISTACK", "bin/python"))
            .arg(format!("{REPOSITORY}/tests/e2e/deployed/start_ministack.py"))
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            // For the functions, which have it from here.
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("STATE_DIR", path("state"))
            .env("S3_DATA_DIR", path("s3"))
            .env("TMPDIR", path("tmp"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let ministack = Self { process, port, folder };
        let health = format!("http://127.0.0.1:{port}/_ministack/health");
        until("ministack answers", async || {
            client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        ministack
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs the SAM CLI: what it prints.
    fn sam(&self, arguments: &[&str]) -> String {
        let output = Command::new(brought("SAM", "bin/sam"))
            .args(arguments)
            .env("AWS_ENDPOINT_URL", self.url())
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", KEY)
            .env("SAM_CLI_TELEMETRY", "0")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "sam {arguments:?}: {said}{complained}");
        said
    }

    /// Deploys as `make deploy` does. Each first text of the template has become the
    /// second.
    fn deploy(&self, parameters: &[String], changes: &[(&str, &str)]) {
        let mut text =
            std::fs::read_to_string(format!("{REPOSITORY}/infra/aws/template.yaml")).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "the template has no {from:?} that could be changed");
            text = text.replacen(from, to, 1);
        }
        text = text.replace("../../target", &format!("{REPOSITORY}/target"));
        let template = self.folder.path().join("template.yaml");
        std::fs::write(&template, text).unwrap();
        let template = format!("--template-file={}", template.display());
        let mut arguments = vec!["deploy", &template, "--stack-name=hongyan-try"];
        arguments.extend(["--resolve-s3", "--capabilities=CAPABILITY_IAM"]);
        arguments.push("--parameter-overrides");
        arguments.extend(parameters.iter().map(String::as_str));
        self.sam(&arguments);
    }

    /// An output of the stack.
    fn output(&self, name: &str) -> String {
        let listed =
            self.sam(&["list", "stack-outputs", "--stack-name=hongyan-try", "--output=json"]);
        let outputs: Vec<Value> = serde_json::from_str(&listed).unwrap();
        let found = outputs.iter().find(|output| output["OutputKey"] == name);
        found.unwrap_or_else(|| panic!("no output {name}: {listed}"))["OutputValue"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().map(str::to_owned).collect();
            print_lines(&lines[lines.len().saturating_sub(60)..]);
        }
        // It stops the functions that it has started.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Waits for what comes by itself.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(TIMEOUT, waiting).await.is_err() {
        panic!("after {} seconds, not yet: {what}", TIMEOUT.as_secs());
    }
}

/// AWS, with an administrator's permissions.
struct Administrator {
    dynamodb: aws_sdk_dynamodb::Client,
    lambda: aws_sdk_lambda::Client,
    ssm: aws_sdk_ssm::Client,
}

impl Administrator {
    fn new(url: &str) -> Self {
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::Config::builder()
                        .behavior_version(BehaviorVersion::latest())
                        .region(Region::new(REGION))
                        .credentials_provider(Credentials::new(KEY, KEY, None, None, "test"))
                        .endpoint_url(url)
                        .http_client(HttpClient::new())
                        .build(),
                )
            };
        }
        Self {
            dynamodb: client!(aws_sdk_dynamodb),
            lambda: client!(aws_sdk_lambda),
            ssm: client!(aws_sdk_ssm),
        }
    }

    async fn put(&self, name: &str, kind: ParameterType, value: &str) {
        let put = self.ssm.put_parameter().name(format!("/hongyan/try/{name}"));
        put.r#type(kind).value(value).send().await.unwrap();
    }

    /// How many rows of a table have these texts.
    async fn rows(&self, table: &str, texts: &[(&str, &str)]) -> usize {
        let scan = self.dynamodb.scan().table_name(format!("hongyan-try-{table}"));
        let found = scan.consistent_read(true).send().await.unwrap();
        let fits = |item: &&HashMap<String, AttributeValue>| {
            texts.iter().all(|(name, text)| {
                item.get(*name).and_then(|it| it.as_s().ok()).is_some_and(|it| it == text)
            })
        };
        found.items().iter().filter(fits).count()
    }

    async fn invoke(&self, function: &str, event: &Value) -> Value {
        let call = self.lambda.invoke().function_name(format!("hongyan-try-{function}"));
        let answer = call.payload(Blob::new(event.to_string())).send().await.unwrap();
        let said: Value = serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap();
        assert_eq!(answer.function_error(), None, "{said}");
        said
    }
}

#[tokio::test]
#[ignore = "it needs the SAM CLI, ministack and the zips for x86_64; `make interop` runs it"]
async fn core_flow_works_where_the_template_is_deployed() {
    let client = HttpClient::new().client();
    let ministack = Ministack::start(&client).await;
    let wechat = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = wechat.local_addr().unwrap();
    let parameters = [
        "Stage=try".to_owned(),
        "Architecture=x86_64".to_owned(),
        format!("WeChatUrl=http://{address}"),
    ];
    ministack.deploy(&parameters, &[]);
    let output = ministack.output("Api");
    let api = output.trim_start_matches("https://").split('.').next().unwrap();
    // ministack answers under this path as well, for who can't resolve its names.
    let api = format!("{}/_aws/execute-api/{api}/$default", ministack.url());
    let world = wechat_sandbox::example();
    let sandbox = wechat_sandbox::Sandbox::start_with(
        wechat_sandbox::Options::new(wechat, format!("{api}/callback")),
        world.clone(),
    )
    .await
    .unwrap();
    let people = WeChat::new(client.clone(), address);
    let aws = Administrator::new(&ministack.url());

    // What an operator stores.
    for app in &world.apps {
        let alias = &app.alias;
        let kind = if alias == "shop" { "official_account" } else { "mini_program" };
        let public = json!({ "app_id": app.app_id.as_str(), "kind": kind });
        aws.put(&format!("apps/{alias}"), ParameterType::String, &public.to_string()).await;
        let callback = json!({
            "mode": "safe",
            "token": app.callback_token.expose(),
            "encoding_aes_key": app.encoding_aes_key.expose(),
        });
        let secret = ParameterType::SecureString;
        aws.put(&format!("callback/{alias}"), secret.clone(), &callback.to_string()).await;
        aws.put(&format!("secrets/{alias}"), secret, app.secret.expose()).await;
    }
    let shipped = json!({
        "fields": ["product", "time"],
        "channels": [{
            "channel": "template", "app": "shop",
            "template_id": world.apps[0].templates[0].template_id,
            "data": { "thing1": "{product}", "time2": "{time}" },
        }],
    });
    aws.put("templates/order_shipped", ParameterType::String, &shipped.to_string()).await;

    // WeChat's URL verification, when the address is entered in its console.
    let now = people.now().await.to_string();
    let signature = sign(&[world.apps[0].callback_token.expose(), &now, "77"]);
    let query = format!("signature={signature}&timestamp={now}&nonce=77&echostr=hello");
    let verification = client.get(format!("{api}/callback/shop?{query}")).send().await.unwrap();
    assert_eq!(verification.status(), 200);
    assert_eq!(verification.text().await.unwrap(), "hello");

    // The schedule fetches the tokens; no other function has requested them.
    until("the schedule has fetched an access token", async || {
        let name = format!("/hongyan/try/tokens/{}", world.apps[0].app_id);
        aws.ssm.get_parameter().name(name).send().await.is_ok()
    })
    .await;

    // ann follows: by the callback and the stream into the tables.
    let done = people.post("people/ann/follow", &json!({ "app": "shop" })).await;
    assert_eq!(done["pushes"][0]["reply_valid"], true, "{done}");
    until("ann is known", async || aws.rows("users", &[("item", "profile")]).await == 1).await;

    // She logs in to the mini program, under an account of the business's.
    let create = json!({ "create_account": { "username": "ann", "password": "ann's password" } });
    aws.invoke("login", &create).await;
    let code = people.post("people/ann/login", &json!({ "app": "shop-mini" })).await;
    let login = json!({ "code": code["code"], "username": "ann", "password": "ann's password" });
    let answer = client.post(format!("{api}/login/shop-mini")).json(&login).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let session: Value = answer.json().await.unwrap();
    assert_eq!(session["bound"], "ann");
    assert_eq!(session["follows"], json!({ "shop": true }));

    // And is told, once.
    for _ in 0..2 {
        let report =
            aws.invoke("send", &order("order-17-shipped", json!({ "account": "ann" }))).await;
        let outcome = report["notifications"][0]["outcome"].as_str().unwrap();
        assert!(["sent", "delivered"].contains(&outcome), "{report}");
    }
    let screen = people.get("people/ann/messages").await;
    assert_eq!(screen["messages"].as_array().unwrap().len(), 1, "{screen}");
    until("her receipt is noted", async || {
        let delivered = [("id", "order-17-shipped"), ("status", "delivered")];
        aws.rows("notifications", &delivered).await == 1
    })
    .await;

    // An update reaches the functions, and a role that lacks something is felt.
    let put = "dynamodb:DescribeTimeToLive, dynamodb:PutItem]";
    ministack.deploy(&parameters, &[(put, "dynamodb:DescribeTimeToLive]")]);
    let done = people.post("people/bob/follow", &json!({ "app": "shop" })).await;
    assert_eq!(done["pushes"][0]["status"], 500, "{done}");
    ministack.deploy(&parameters, &[]);
    let done = people.post("people/carol/follow", &json!({ "app": "shop" })).await;
    assert_eq!(done["pushes"][0]["reply_valid"], true, "{done}");
    until("carol is known", async || aws.rows("users", &[("item", "profile")]).await == 2).await;
    sandbox.stop().await;
}
