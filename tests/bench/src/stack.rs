//! Hongyan's stack with the release binaries on the local AWS, and the sandbox as its
//! WeChat.

use crate::Failure;
use hongyan_local::Stack;
use local_aws::Options;
use local_aws::services::{Fault, FaultHandle};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use shared::clock::Timestamp;
use shared::http::HttpClient;
use shared::wechat::signature;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
/// The stack of a function that does nothing.
pub const NOOP_TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../noop/template.yaml");
/// The name of that function.
pub const NOOP: &str = "noop";
/// Every function, after the one that does nothing.
pub const FUNCTIONS: [&str; 7] =
    [NOOP, "callback", "events", "followers", "login", "send", "token"];
/// The queue of notifications.
pub const QUEUE: &str = "hongyan-local-notifications";
/// WeChat lets a user log in this often per minute.
pub const LOGINS_PER_MINUTE: usize = 100;
/// The DynamoDB operations that functions call, except for the check of the tables at
/// start.
const OPERATIONS: [&str; 6] =
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"];

/// A running stack, and a client for it.
pub struct BenchStack {
    /// The local AWS.
    pub cloud: Stack,
    client: Client,
}

impl BenchStack {
    /// Starts the stack with the binaries of this folder.
    pub async fn start(
        binaries: &Path,
        configure: impl FnOnce(&mut Options),
    ) -> Result<Self, Failure> {
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries.into();
        options.environments = 1;
        configure(&mut options);
        Ok(Self { cloud: Stack::start(options).await?, client: HttpClient::new().client() })
    }

    /// Invokes one of [`FUNCTIONS`].
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, Failure> {
        Ok(self.cloud.invoke(&self.function(function), event).await?)
    }

    /// The name that the stack gives a function.
    #[must_use]
    pub fn function(&self, name: &str) -> String {
        if name == NOOP { name.to_owned() } else { self.cloud.function(name) }
    }

    /// The text at a path of the HTTP API.
    pub async fn get(&self, path: &str) -> Result<String, Failure> {
        text_of(self.client.get(self.http_url(path))).await
    }

    /// The text at a path of the HTTP API that requires an access token.
    pub async fn get_with_token(&self, path: &str, token: &str) -> Result<String, Failure> {
        text_of(self.client.get(self.http_url(path)).bearer_auth(token)).await
    }

    /// Posts JSON to the HTTP API.
    pub async fn post(&self, path: &str, body: &Value) -> Result<String, Failure> {
        text_of(self.client.post(self.http_url(path)).json(body)).await
    }

    fn http_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.cloud.http())
    }

    /// Reads from the sandbox's control API.
    pub async fn sandbox(&self, path: &str) -> Result<Value, Failure> {
        json_of(self.client.get(self.sandbox_url(path))).await
    }

    /// Posts to the sandbox's control API.
    pub async fn control(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        json_of(self.client.post(self.sandbox_url(path)).json(body)).await
    }

    fn sandbox_url(&self, path: &str) -> String {
        format!("http://{}/sandbox/{path}", self.cloud.wechat())
    }

    /// Reads from the local AWS.
    pub async fn aws(&self, path: &str) -> Result<Value, Failure> {
        let url = format!("http://{}{path}", self.cloud.aws());
        json_of(self.client.get(url).header("authorization", "any")).await
    }

    /// The unionid of everybody in the sandbox's world who has one, by their names.
    pub async fn union_ids(&self) -> Result<BTreeMap<String, String>, Failure> {
        let people = self.sandbox("people").await?;
        let union_id = |person: &Value| {
            let id = person["union_ids"].as_object()?.values().next()?.as_str()?;
            Some((person["name"].as_str()?.to_owned(), id.to_owned()))
        };
        Ok(people["people"].as_array().into_iter().flatten().filter_map(union_id).collect())
    }

    /// The unionid of ann, the person of the example world.
    pub async fn union_id_of_ann(&self) -> Result<String, Failure> {
        Ok(self.union_ids().await?.remove("ann").ok_or("ann has no unionid")?)
    }

    /// What the sandbox has recorded of the calls to WeChat's API.
    pub async fn wechat_calls(&self) -> Result<Vec<Value>, Failure> {
        let calls = self.sandbox("calls").await?;
        Ok(calls["calls"].as_array().cloned().unwrap_or_default())
    }

    /// Counts the calls that a function makes from now on.
    pub async fn count_calls(&self, function: &str) -> Result<CallCounter<'_>, Failure> {
        let function = self.function(function);
        let count = |operation: &str| {
            // A fault that delays by nearly nothing, and counts what it delays.
            let fault = Fault::new("dynamodb", operation).by(function.clone());
            self.cloud.aws.faults.inject(fault.delay(Duration::from_millis(1)))
        };
        let dynamodb = OPERATIONS.into_iter().map(count).collect::<Result<_, _>>()?;
        Ok(CallCounter { stack: self, dynamodb, wechat_before: self.wechat_calls().await?.len() })
    }

    /// Stops the stack.
    pub async fn stop(self) {
        self.cloud.stop().await;
    }
}

/// Counts calls of DynamoDB and of WeChat.
pub struct CallCounter<'a> {
    stack: &'a BenchStack,
    dynamodb: Vec<FaultHandle>,
    wechat_before: usize,
}

impl CallCounter<'_> {
    /// How many there were, of DynamoDB and of WeChat.
    pub async fn finish(self) -> Result<(u64, usize), Failure> {
        self.dynamodb.iter().for_each(FaultHandle::cancel);
        let dynamodb = self.dynamodb.iter().map(FaultHandle::fired).sum();
        Ok((dynamodb, self.stack.wechat_calls().await?.len() - self.wechat_before))
    }
}

/// Template parameters under which the HTTP API throttles no request.
#[must_use]
pub fn unthrottled() -> BTreeMap<String, String> {
    let limits =
        ["CallbackRate", "CallbackBurst", "LoginRate", "LoginBurst", "DefaultRate", "DefaultBurst"];
    limits.map(|name| (name.to_owned(), "9999".to_owned())).into()
}

/// WeChat's verification of the shop's callback URL, signed. The answer is `hello`.
#[must_use]
pub fn url_verification() -> String {
    let world = wechat_sandbox::example();
    let token = world.app("shop").map(|app| app.callback_token.expose()).unwrap_or_default();
    let timestamp = Timestamp::now().0.to_string();
    let signature = signature::sign(&[token, &timestamp, "1"]);
    format!("/callback/shop?signature={signature}&timestamp={timestamp}&nonce=1&echostr=hello")
}

async fn text_of(request: RequestBuilder) -> Result<String, Failure> {
    let response = request.send().await?;
    let (status, text) = (response.status(), response.text().await?);
    if status.is_success() { Ok(text) } else { Err(format!("{status}: {text}").into()) }
}

async fn json_of(request: RequestBuilder) -> Result<Value, Failure> {
    Ok(serde_json::from_str(&text_of(request).await?)?)
}
