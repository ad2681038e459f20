//! The operator's tool: the real binary, against the world of a scenario.

use crate::binaries;
use crate::world::World;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

mod accounts;
mod apps;
mod deployments;
mod doctor;
mod erasure;
mod events;
mod followers;
mod notifications;
mod people;
mod send;
mod templates;

/// Part of every AppSecret that the sandbox has invented.
const SANDBOX_SECRET: &str = "notasecret";
/// AppSecrets of these scenarios.
const SECRET: &str = "c0ffee00c0ffee00c0ffee00c0ffee01";
const OTHER_SECRET: &str = "c0ffee00c0ffee00c0ffee00c0ffee02";

/// What a run of the tool came to.
#[derive(Debug)]
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    /// What was answered in JSON, when all was well.
    fn json(&self) -> Value {
        assert_eq!(self.status, 0, "{self:?}");
        self.any_json()
    }

    fn any_json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The kind of the error, and its words.
    fn error(&self) -> (String, String) {
        let error = &self.any_json()["error"];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("kind"), format!("{} {}", text("problem"), text("advice")))
    }
}

impl World {
    /// Runs the tool for this world's cloud, answers in JSON. `input` is what its
    /// standard input has.
    async fn hongyan(&self, arguments: &[&str], input: &str) -> Said {
        let local = format!("--local=http://{}", self.cloud.aws());
        self.hongyan_as(&[&[local.as_str(), "--json"], arguments].concat(), &[], input).await
    }

    /// Runs the tool as people read it.
    async fn hongyan_in_words(&self, arguments: &[&str], input: &str) -> Said {
        let local = format!("--local=http://{}", self.cloud.aws());
        self.hongyan_as(&[&[local.as_str()], arguments].concat(), &[], input).await
    }

    /// Runs the tool with these arguments and this environment, and nothing else.
    ///
    /// Whatever it says, no secret is in it: none of the sandbox's, none of the input's
    /// lines, no access token.
    async fn hongyan_as(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: &str,
    ) -> Said {
        let mut command = Command::new(binaries::tool());
        command.args(arguments).env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let given = input.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            // A tool that asks for nothing may end before it is told anything.
            let _ = child.stdin.take().unwrap().write_all(given.as_bytes());
            child.wait_with_output().unwrap()
        });
        let output = run.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Said {
            status: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        let tokens = ["wx0000000000005a01", "wx0000000000005a02"].map(|app_id| {
            let stored = self.cloud.aws.parameters.get(&format!("/hongyan/local/tokens/{app_id}"));
            let stored = serde_json::from_str(&stored.unwrap_or_default()).unwrap_or(json!({}));
            stored["token"].as_str().map(str::to_owned)
        });
        let secrets = input.lines().filter(|line| line.len() >= 32).map(str::to_owned);
        let secrets =
            secrets.chain([SANDBOX_SECRET.to_owned()]).chain(tokens.into_iter().flatten());
        for secret in secrets {
            let told = said.out.contains(&secret) || said.err.contains(&secret);
            assert!(!told, "a secret was told by {arguments:?}: {said:?}");
        }
        said
    }

    /// Another Official Account of the business at WeChat, with this AppSecret. Nothing
    /// is known of it here.
    async fn account_at_wechat(&self, alias: &str, app_id: &str, secret: &str) {
        let like = json!({ "like": "shop", "alias": alias, "app_id": app_id });
        self.wechat.post("apps", &like).await;
        self.wechat.post(&format!("apps/{alias}"), &json!({ "secret": secret })).await;
    }

    /// The operator pastes the tool's output into WeChat's console.
    async fn paste(&self, app: &str, console: &Value) {
        let pasted = json!({
            "url": console["url"], "token": console["token"],
            "encoding_aes_key": console["encoding_aes_key"], "mode": "safe", "format": "json",
        });
        self.wechat.post(&format!("apps/{app}/console"), &pasted).await;
    }
}
