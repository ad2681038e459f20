//! A sandbox with a callback, and requests to it.

use crate::callback::Callback;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Once;
use wechat_sandbox::{App, Options, Sandbox};

pub(crate) const SHOP_TEMPLATE: &str = "SandboxTemplateOfShop-order-shipped-0000001";
pub(crate) const SHOP_NOTIFICATION: &str = "SandboxTemplateOfShop-order-arrived-0000001";
pub(crate) const MINI_TEMPLATE: &str = "SandboxTemplateOfMini-order-shipped-0000001";
pub(crate) const MINI_LONG_TERM: &str = "SandboxTemplateOfMini-order-delayed-0000001";
pub(crate) const MINI_LEGACY: &str = "SandboxTemplateOfMini-order-receipt-0000001";

pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) callback: Callback,
    pub(crate) callback_base: String,
    pub(crate) http: reqwest::Client,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with_data(None).await
    }

    pub(crate) async fn with_data(data: Option<PathBuf>) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().unwrap();
        });
        let callback = Callback::default();
        let callback_base = callback.start().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let options = Options { data, ..Options::new(listener, callback_base.clone()) };
        let sandbox = Sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox, callback, callback_base, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.address())
    }

    pub(crate) fn app(&self, alias: &str) -> App {
        self.sandbox.world().app(alias).unwrap().clone()
    }

    pub(crate) fn open_id(&self, name: &str, app: &str) -> String {
        self.sandbox.world().person(name).unwrap().relations[app].open_id.as_str().to_owned()
    }

    /// GET of WeChat's API or the control API.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// POST to WeChat's API or the control API.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post_for_status(path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn post_for_status(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.http.post(self.url(path)).body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// The status and the error of the control API.
    pub(crate) async fn control_error(&self, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.post_for_status(path, &body).await;
        (status, answer["error"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn act(&self, name: &str, action: &str, with: Value) -> Value {
        self.post(&format!("/sandbox/people/{name}/{action}"), with).await
    }

    pub(crate) async fn advance(&self, seconds: i64) {
        self.post("/sandbox/clock", json!({ "advance_seconds": seconds })).await;
    }

    pub(crate) async fn now(&self) -> i64 {
        self.get("/sandbox/clock").await["now"].as_i64().unwrap()
    }

    pub(crate) async fn idle(&self) {
        self.get("/sandbox/idle").await;
    }

    pub(crate) async fn screen(&self, name: &str) -> Vec<Value> {
        let messages = self.get(&format!("/sandbox/people/{name}/messages")).await;
        messages["messages"].as_array().unwrap().clone()
    }

    pub(crate) async fn stable(&self, app: &str, force: bool) -> Value {
        let app = self.app(app);
        let body = json!({
            "grant_type": "client_credential", "appid": app.app_id, "secret": app.secret.expose(),
            "force_refresh": force,
        });
        self.post("/cgi-bin/stable_token", body).await
    }

    pub(crate) async fn token(&self, app: &str) -> String {
        self.stable(app, false).await["access_token"].as_str().unwrap().to_owned()
    }

    /// Calls WeChat's API with the app's token.
    pub(crate) async fn call(&self, app: &str, path: &str, body: Value) -> Value {
        let token = self.token(app).await;
        self.post(&format!("{path}?access_token={token}"), body).await
    }

    pub(crate) async fn send_template(&self, to: &str, more: Value) -> Value {
        let body = order(to, SHOP_TEMPLATE, &more);
        self.call("shop", "/cgi-bin/message/template/send", body).await
    }

    pub(crate) async fn send_subscribe(&self, to: &str, more: Value) -> Value {
        let body = order(to, MINI_TEMPLATE, &more);
        self.call("shop-mini", "/cgi-bin/message/subscribe/send", body).await
    }

    /// Injects a fault.
    pub(crate) async fn fault(&self, fault: Value) {
        self.post("/sandbox/faults", fault).await;
    }

    pub(crate) async fn send_text(&self, app: &str, to: &str) -> i64 {
        let body = json!({"touser": to, "msgtype": "text", "text": {"content": "hello"}});
        errcode(&self.call(app, "/cgi-bin/message/custom/send", body).await)
    }
}

/// A message about an order.
pub(crate) fn order(to: &str, template_id: &str, more: &Value) -> Value {
    let mut body = json!({
        "touser": to, "template_id": template_id,
        "data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "2026-11-20 15:04"}},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The errcode; 0 without one.
pub(crate) fn errcode(answer: &Value) -> i64 {
    answer.get("errcode").map_or(0, |errcode| errcode.as_i64().unwrap())
}
