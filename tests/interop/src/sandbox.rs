//! The sandbox, in a process of its own.

use reqwest::{Client, Method};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// An app of the sandbox's example. Its credentials are inventions.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct App {
    pub(crate) alias: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) app_id: &'static str,
    pub(crate) secret: &'static str,
    /// What the pushes to its callback are signed with.
    pub(crate) token: &'static str,
    /// What they are encrypted with.
    pub(crate) aes_key: &'static str,
}

/// The service account of the sandbox's example.
pub(crate) const SHOP: App = App {
    alias: "shop",
    kind: "official_account",
    app_id: "wx0000000000005a01",
    secret: "0000000000000000notasecret000001",
    token: "sandboxtoken1",
    aes_key: "SandboxOnlyNotASecret000000000000000000001B",
};
/// The mini program of the sandbox's example.
pub(crate) const SHOP_MINI: App = App {
    alias: "shop-mini",
    kind: "mini_program",
    app_id: "wx0000000000005a02",
    secret: "0000000000000000notasecret000002",
    token: "sandboxtoken2",
    aes_key: "SandboxOnlyNotASecret000000000000000000002B",
};
/// The follower and user of the example.
pub(crate) const ANN: &str = "ann";

/// A sandbox that was started alone. It ends when this is dropped.
pub struct Sandbox {
    child: Child,
    base: String,
    http: Client,
}

/// The sandbox could not be started, or doesn't do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// There is no such program, or it ended at once.
    #[error(
        "{program} does not start{reason}; build it with: cargo build --package wechat-sandbox"
    )]
    Start {
        /// What was to be started.
        program: String,
        /// Why it didn't.
        reason: String,
    },
    /// It could not be asked.
    #[error("the sandbox could not be asked: {0}")]
    Asked(#[from] reqwest::Error),
    /// It says no.
    #[error("the sandbox refused {path}: {answer}")]
    Refused {
        /// What it was asked.
        path: String,
        /// What it said.
        answer: String,
    },
}

impl Sandbox {
    /// Starts `program` as `cargo run --package wechat-sandbox` would, on a free port and with
    /// the example as its world. Without a callback, what it would push waits.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub async fn start(program: &Path, callback: Option<&str>) -> Result<Self, SandboxError> {
        let failed =
            |reason: String| SandboxError::Start { program: program.display().to_string(), reason };
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .args(callback.map(|base| format!("--callback-base={base}")))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!(": {error}")))?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped, by the lines above");
        let read = BufReader::new(stdout).read_line(&mut line);
        let base = line.trim().rsplit(' ').next().filter(|it| it.starts_with("http://"));
        let (Ok(_), Some(base)) = (read, base) else {
            return Err(failed(format!(", or says where it listens otherwise than in {line:?}")));
        };
        // Plain HTTP, and still the client wants to know whose TLS it might use. One
        // that was installed before will do as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build()?;
        let sandbox = Self { child, base: base.to_owned(), http };
        let paused = json!({ "paused": callback.is_none() });
        sandbox.request(Method::POST, "pushing", paused).await?;
        Ok(sandbox)
    }

    /// Where it listens.
    pub(crate) fn base(&self) -> String {
        self.base.clone()
    }

    /// A client that can reach it.
    pub(crate) fn http(&self) -> Client {
        self.http.clone()
    }

    /// Has a person do something.
    pub(crate) async fn act(
        &self,
        name: &str,
        action: &str,
        with: Value,
    ) -> Result<Value, SandboxError> {
        self.request(Method::POST, &format!("people/{name}/{action}"), with).await
    }

    /// Pushes this once, and returns the delivery.
    pub(crate) async fn push(&self, request: Value) -> Result<Value, SandboxError> {
        let mut answer = self.request(Method::POST, "push", request).await?;
        Ok(answer["answers"][0].take())
    }

    /// Answers the next call of `path` with this.
    pub(crate) async fn answer_once(&self, path: &str, body: &Value) -> Result<(), SandboxError> {
        let fault = json!({ "path": path, "body": body.to_string() });
        self.request(Method::POST, "faults", fault).await.map(drop)
    }

    /// How many messages the apps have put on somebody's screen.
    pub(crate) async fn shown(&self, name: &str) -> Result<usize, SandboxError> {
        let screen =
            self.request(Method::GET, &format!("people/{name}/messages"), Value::Null).await?;
        let messages = screen["messages"].as_array().into_iter().flatten();
        Ok(messages.filter(|it| it["kind"] != "sent").count())
    }

    /// A person's openid in an app.
    pub(crate) async fn open_id(&self, name: &str, alias: &str) -> Result<String, SandboxError> {
        let person = self.person(name).await?;
        Ok(person["apps"][alias]["open_id"].as_str().unwrap_or_default().to_owned())
    }

    /// A person's unionid in the example's open-platform account.
    pub(crate) async fn union_id(&self, name: &str) -> Result<String, SandboxError> {
        let person = self.person(name).await?;
        Ok(person["union_ids"]["hongyan"].as_str().unwrap_or_default().to_owned())
    }

    async fn person(&self, name: &str) -> Result<Value, SandboxError> {
        let people = self.request(Method::GET, "people", Value::Null).await?;
        let mut people = people["people"].as_array().into_iter().flatten();
        Ok(people.find(|it| it["name"] == name).cloned().unwrap_or_default())
    }

    /// The calls since the log was cleared.
    pub(crate) async fn calls(&self) -> Result<Vec<Value>, SandboxError> {
        let calls = self.request(Method::GET, "calls", Value::Null).await?;
        Ok(calls["calls"].as_array().cloned().unwrap_or_default())
    }

    pub(crate) async fn forget_calls(&self) -> Result<(), SandboxError> {
        self.request(Method::DELETE, "calls", Value::Null).await.map(drop)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Value, SandboxError> {
        let url = format!("{}/sandbox/{path}", self.base);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.http.request(method, url).body(body).send().await?;
        let fine = answer.status().is_success();
        let answer = answer.text().await?;
        match serde_json::from_str(&answer) {
            Ok(answer) if fine => Ok(answer),
            _ => Err(SandboxError::Refused { path: path.to_owned(), answer }),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // All its state is dropped anyway.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
