//! WeChat's back door: the sandbox's control API.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Oddities that take side fields away or change their texts, such as a profile's scene and
/// remark. Chaos draws them because nothing depends on such a field but what shows it.
pub(crate) const CHANGE_SIDE_FIELDS: &[&str] = &[
    "missing_fields",
    "null_fields",
    "empty_fields",
    "raw_control_characters",
    "half_surrogates",
    "invalid_utf8",
];

/// The WeChat of one cloud.
pub(crate) struct WeChat {
    client: Client,
    address: SocketAddr,
}

impl WeChat {
    pub(crate) fn new(client: Client, address: SocketAddr) -> Self {
        Self { client, address }
    }

    /// The next calls to a path go wrong as `fault` says.
    pub(crate) async fn fault(&self, fault: Value) {
        self.post("faults", &fault).await;
    }

    /// Cancels all faults.
    pub(crate) async fn heal(&self) {
        self.send(Method::DELETE, "faults", None).await;
    }

    /// From now on WeChat's answers and pushes are odd in each way that changes no meaning.
    /// The seed and the scenario's name decide which is odd in which way.
    pub(crate) async fn begin_chaos(&self, seed: &str) {
        let seed: u64 = seed.parse().unwrap_or_else(|_| panic!("CHAOS_SEED is no number: {seed}"));
        let scenario = std::thread::current().name().unwrap_or_default().to_owned();
        let mixed = scenario
            .bytes()
            .fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        self.post("oddities", &json!({ "chaos": { "seed": mixed } })).await;
    }

    /// Chaos continues without these oddities: the scenario is about what they change.
    pub(crate) async fn chaos_without(&self, oddities: &[&str]) {
        let mut chaos = self.get("oddities").await["chaos"].take();
        if !chaos.is_null() {
            chaos["except"] = json!(oddities);
            self.post("oddities", &json!({ "chaos": chaos })).await;
        }
    }

    /// WeChat repeats a delivery to the byte, while under chaos each push of a message has
    /// a mixture of its own. Ends it for scenarios that push one message several times.
    pub(crate) async fn end_chaos(&self) {
        self.post("oddities", &json!({ "chaos": null })).await;
    }

    /// WeChat's clock goes forward; that of the functions doesn't.
    pub(crate) async fn advance(&self, seconds: u64) {
        self.post("clock", &json!({ "advance_seconds": seconds })).await;
    }

    /// Ends all access tokens of an app.
    pub(crate) async fn revoke(&self, app: &str) {
        self.post(&format!("apps/{app}/revoke_tokens"), &json!({})).await;
    }

    /// Pushes one message, and gives what the callback answered each time.
    pub(crate) async fn push(&self, order: Value) -> Vec<Value> {
        let mut answer = self.post("push", &order).await;
        serde_json::from_value(answer["answers"].take()).unwrap()
    }

    /// The calls of a path, oldest first.
    pub(crate) async fn calls(&self, path: &str) -> Vec<Value> {
        let calls = self.get("calls").await;
        let calls = calls["calls"].as_array().unwrap();
        calls.iter().filter(|call| call["path"] == path).cloned().collect()
    }

    /// Clears the call log.
    pub(crate) async fn forget_calls(&self) {
        self.send(Method::DELETE, "calls", None).await;
    }

    /// WeChat's time, in seconds.
    pub(crate) async fn now(&self) -> u64 {
        self.get("clock").await["now"].as_u64().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let url = format!("http://{}/sandbox/{path}", self.address);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "the sandbox refused {path} with {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}
