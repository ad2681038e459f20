//! A cloud with the release binaries, in which functions are started again and again.

use hongyan_local::Stack;
use local_aws::Options;
use measuring::processes;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::http::HttpClient;
use shared::wechat::signature;
use std::error::Error;
use std::path::Path;
use wechat_sandbox::ActivityKind;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
const NOOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../noop/template.yaml");

/// What starting and answering has cost, each time.
#[derive(Default)]
pub(crate) struct Cost {
    ready: Vec<f64>,
    first: Vec<f64>,
    started: Vec<f64>,
    warm: Vec<f64>,
    answered: Vec<f64>,
    memory: Vec<f64>,
}

/// The median of each: times in milliseconds, memory in MB.
pub(crate) struct Medians {
    /// From the start of the process until it asks for work.
    pub(crate) ready: f64,
    /// From then until its first answer.
    pub(crate) first: f64,
    /// The processor's time until the first answer.
    pub(crate) started: f64,
    /// An answer of a process that has answered before.
    pub(crate) warm: f64,
    /// The processor's time for such an answer.
    pub(crate) answered: f64,
    /// The most that it had.
    pub(crate) memory: f64,
}

impl Cost {
    pub(crate) fn medians(&self) -> Medians {
        Medians {
            ready: median(&self.ready),
            first: median(&self.first),
            started: median(&self.started),
            warm: median(&self.warm),
            answered: median(&self.answered),
            memory: median(&self.memory),
        }
    }
}

fn median(values: &[f64]) -> f64 {
    measuring::median(values, f64::total_cmp).unwrap_or_default()
}

pub(crate) struct World {
    cloud: Stack,
    client: reqwest::Client,
    greeting: String,
}

impl World {
    /// A world in which every function has been invoked once.
    pub(crate) async fn start(binaries: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = Options::new(TEMPLATE);
        options.extra_stacks = vec![NOOP.into()];
        options.binaries = binaries.into();
        options.environments = 1;
        let cloud = Stack::start(options).await?;
        let client = HttpClient::new().client();
        let world = Self { cloud, client, greeting: greeting() };
        for function in crate::FUNCTIONS {
            world.invoke(function).await?;
        }
        world.cloud.idle().await?;
        Ok(world)
    }

    /// Starts a function anew and has it answer.
    pub(crate) async fn cold(&self, function: &str, cost: &mut Cost) -> Result<(), Box<dyn Error>> {
        loop {
            self.cloud.kill(&self.name(function)).await?;
            let told = self.invoke(function).await?;
            // Its schedule may have come first, and started it.
            if let (Some(ready), Some(first)) =
                (told["ready_ms"].as_f64(), told["duration_ms"].as_f64())
            {
                cost.ready.push(ready);
                cost.first.push(first);
                return Ok(());
            }
        }
    }

    /// Has a function answer so often that has answered before, and notes what its
    /// process has used.
    pub(crate) async fn warm(
        &self,
        function: &str,
        times: usize,
        cost: &mut Cost,
    ) -> Result<(), Box<dyn Error>> {
        let used = || processes::of(function, &self.cloud.processes());
        let before = used();
        for _ in 0..times {
            let told = self.invoke(function).await?;
            cost.warm.extend(told["duration_ms"].as_f64());
        }
        let after = used();
        cost.started.push(before.processor);
        cost.answered.push((after.processor - before.processor) / times as f64);
        cost.memory.push(after.peak);
        Ok(())
    }

    /// Has a function do the least that it is there for; what is told of that
    /// invocation.
    async fn invoke(&self, function: &str) -> Result<Value, Box<dyn Error>> {
        let order = match function {
            "callback" => return self.get(function, &self.greeting).await,
            "login" => return self.get(function, "/.well-known/jwks.json").await,
            "events" | "send" => json!({ "sweep": {} }),
            "followers" => json!({ "status": {} }),
            "token" => json!({}),
            _ => measuring::request(),
        };
        self.cloud.invoke(&self.name(function), &order).await?;
        Ok(self.told(function))
    }

    async fn get(&self, function: &str, path: &str) -> Result<Value, Box<dyn Error>> {
        let url = format!("http://{}{path}", self.cloud.http());
        let answer = self.client.get(url).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(self.told(function))
    }

    /// What is told of the invocation that has just ended; null if another came between.
    fn told(&self, function: &str) -> Value {
        let newest = self.cloud.feed.newest(ActivityKind::Invocation);
        let facts = newest.map(|it| Value::from(it.facts)).unwrap_or_default();
        if facts["function"] == function { facts } else { Value::Null }
    }

    fn name(&self, function: &str) -> String {
        if function == "noop" { function.to_owned() } else { self.cloud.function(function) }
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await;
    }
}

/// WeChat's greeting of the shop's callback, signed.
fn greeting() -> String {
    let world = wechat_sandbox::example();
    let token = world.app("shop").map(|app| app.callback_token.expose()).unwrap_or_default();
    let timestamp = Timestamp::now().0.to_string();
    let signature = signature::sign(&[token, &timestamp, "1"]);
    format!("/callback/shop?signature={signature}&timestamp={timestamp}&nonce=1&echostr=hello")
}

/// How large a binary is, and the zip that is uploaded, in MB.
pub(crate) fn sizes(binary: &Path) -> Result<(f64, f64), Box<dyn Error>> {
    let binary = std::fs::read(binary)?;
    let zip = packaging::archive::of(&binary)?;
    Ok((binary.len() as f64 / 1e6, zip.len() as f64 / 1e6))
}
