//! A cloud with the release binaries, a WeChat, and ann; and what the functions have
//! used so far of all that AWS asks money for.

use hongyan_local::Stack;
use local_aws::{Logs, Options};
use measuring::processes::{self, Used};
use serde_json::{Value, json};
use shared::http::HttpClient;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What a world can do again and again.
pub const WORKS: [&str; 4] = ["callback", "login", "notification", "minute"];

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
/// WeChat lets a user log in 100 times a minute.
const A_MINUTE: usize = 100;

/// What a function has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// What it may use, in MB of memory.
    pub memory: f64,
    /// The most that a process of it had, in MB.
    pub peak: f64,
    /// How often it was invoked.
    pub invocations: f64,
    /// Processor time, in milliseconds.
    pub processor: f64,
    /// Calls of DynamoDB.
    pub dynamodb: f64,
    /// Calls of WeChat.
    pub wechat: f64,
    /// Read request units of DynamoDB.
    pub reads: f64,
    /// Write request units of DynamoDB.
    pub writes: f64,
    /// What it has logged itself.
    pub log_bytes: f64,
}

impl Usage {
    /// What was added since, for each of so many. Memory and its peak stay as they are.
    #[must_use]
    pub fn since(self, before: Option<&Self>, times: f64) -> Self {
        let before = before.copied().unwrap_or_default();
        let each = |after: f64, before: f64| (after - before) / times;
        Self {
            memory: self.memory,
            peak: self.peak,
            invocations: each(self.invocations, before.invocations),
            processor: each(self.processor, before.processor),
            dynamodb: each(self.dynamodb, before.dynamodb),
            wechat: each(self.wechat, before.wechat),
            reads: each(self.reads, before.reads),
            writes: each(self.writes, before.writes),
            log_bytes: each(self.log_bytes, before.log_bytes),
        }
    }
}

/// What a function has logged, in bytes, and how often it was invoked.
#[derive(Clone, Copy, Default)]
struct Logged {
    bytes: f64,
    invocations: f64,
}

/// The cloud, the WeChat, and ann.
pub struct World {
    /// The cloud alone.
    pub cloud: Stack,
    client: reqwest::Client,
    logged: Arc<Mutex<BTreeMap<String, Logged>>>,
    /// Ann's unionid.
    union_id: Value,
    done: usize,
}

impl World {
    /// A world in which ann follows, and every function has started.
    ///
    /// # Errors
    ///
    /// When the cloud doesn't start, or ann can't follow.
    pub async fn start(binaries: &Path) -> Result<Self, Box<dyn Error>> {
        let logged = Arc::<Mutex<BTreeMap<String, Logged>>>::default();
        let log = logged.clone();
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries.into();
        options.environments = 1;
        options.logs = Logs::to(true, move |line| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let log = log.entry(short(&line.function).to_owned()).or_default();
            if !line.platform {
                log.bytes += line.text.len() as f64;
            } else if line.text.starts_with("START") {
                log.invocations += 1.0;
            }
        });
        let cloud = Stack::start(options).await?;
        let client = HttpClient::new().client();
        let mut world = Self { cloud, client, logged, union_id: Value::Null, done: 0 };
        world.cloud.invoke(&world.cloud.function("token"), &json!({})).await?;
        world.sandbox("people/ann/follow", &json!({ "app": "shop" })).await?;
        world.cloud.idle().await?;
        let people = world.ask("people").await?;
        let people = people["people"].as_array().cloned().unwrap_or_default();
        let ann = people.into_iter().find(|person| person["name"] == "ann").unwrap_or_default();
        let union_id = ann["union_ids"].as_object().and_then(|ids| ids.values().next());
        world.union_id = union_id.cloned().ok_or("ann has no unionid")?;
        world.cloud.aws.usage.reset();
        Ok(world)
    }

    /// Does one of [`WORKS`] so often, and waits until nothing more comes of it.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub async fn work(&mut self, work: &str, times: usize) -> Result<(), Box<dyn Error>> {
        for number in 0..times {
            self.done += 1;
            match work {
                "callback" => self.message().await?,
                "login" => self.log_in(number).await?,
                "notification" => self.notify().await?,
                _ => self.minute().await?,
            }
        }
        Ok(self.cloud.idle().await?)
    }

    /// Ann writes something, a second later than last time: within one second, nothing
    /// more would take effect.
    async fn message(&self) -> Result<(), Box<dyn Error>> {
        self.sandbox("clock", &json!({ "advance_seconds": 1 })).await?;
        let message = json!({ "app": "shop", "text": format!("hello {}", self.done) });
        let done = self.sandbox("people/ann/message", &message).await?;
        // One after the other, as in a calm hour: each event is a batch of its own.
        self.cloud.idle().await?;
        if done["pushes"][0]["reply_valid"] == true { Ok(()) } else { Err("not taken".into()) }
    }

    /// Somebody logs in by code.
    async fn log_in(&self, number: usize) -> Result<(), Box<dyn Error>> {
        let name = format!("p{}-{}", self.done - number, number / A_MINUTE);
        if number.is_multiple_of(A_MINUTE) {
            self.sandbox("people", &json!({ "name": name })).await?;
        }
        let path = format!("people/{name}/login");
        let code = self.sandbox(&path, &json!({ "app": "shop-mini" })).await?;
        let url = format!("http://{}/login/shop-mini", self.cloud.http());
        let login = json!({ "code": code["code"] });
        let answer = self.client.post(url).json(&login).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(())
    }

    /// Ann is told something by a template message, and WeChat's receipt comes.
    async fn notify(&self) -> Result<(), Box<dyn Error>> {
        let request = json!({
            "id": format!("order-{}", self.done), "to": { "union_id": self.union_id },
            "template": "order_shipped", "channels": ["template"],
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        });
        let answer = self.cloud.invoke(&self.cloud.function("send"), &request).await?;
        self.cloud.idle().await?;
        if answer["notifications"][0]["outcome"] == "sent" {
            Ok(())
        } else {
            Err(format!("it was not sent: {answer}").into())
        }
    }

    /// What the schedules do in a minute in which nothing happens.
    async fn minute(&self) -> Result<(), Box<dyn Error>> {
        for (function, order) in [
            ("token", json!({})),
            ("events", json!({ "sweep": {} })),
            ("send", json!({ "sweep": {} })),
            ("followers", json!({ "continue": {} })),
        ] {
            self.cloud.invoke(&self.cloud.function(function), &order).await?;
        }
        Ok(())
    }

    /// What each function has used since the world began.
    ///
    /// # Errors
    ///
    /// When the sandbox or the cloud doesn't tell.
    pub async fn usage(&self) -> Result<BTreeMap<String, Usage>, Box<dyn Error>> {
        let calls = self.ask("calls").await?;
        let calls = calls["calls"].as_array().cloned().unwrap_or_default();
        let logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut usage = BTreeMap::new();
        for (function, logged) in logged {
            let name = self.cloud.function(&function);
            let metered = self.cloud.aws.usage.of(&name);
            let wechat = calls.iter().filter(|call| calls_of(&function, &call["path"]));
            let Used { processor, peak } = processes::of(&function, &self.cloud.processes());
            let used = Usage {
                memory: self.memory(&name).await?,
                peak,
                invocations: logged.invocations,
                processor,
                dynamodb: metered.calls as f64,
                wechat: wechat.count() as f64,
                reads: metered.reads,
                writes: metered.writes,
                log_bytes: logged.bytes,
            };
            usage.insert(function, used);
        }
        Ok(usage)
    }

    /// How much memory the template gives a function, in MB.
    async fn memory(&self, function: &str) -> Result<f64, Box<dyn Error>> {
        let url = format!("http://{}/2015-03-31/functions/{function}", self.cloud.aws());
        let answer = self.client.get(url).header("authorization", "any").send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        Ok(answer["Configuration"]["MemorySize"].as_f64().ok_or("no MemorySize")?)
    }

    /// Tells the sandbox to do something, by its control API.
    ///
    /// # Errors
    ///
    /// When it can't.
    pub async fn sandbox(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let url = format!("http://{}/sandbox/{path}", self.cloud.wechat());
        Ok(self.client.post(url).json(body).send().await?.error_for_status()?.json().await?)
    }

    /// What the sandbox tells under a path of its control API.
    ///
    /// # Errors
    ///
    /// When there is no such thing.
    pub async fn ask(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        let url = format!("http://{}/sandbox/{path}", self.cloud.wechat());
        Ok(self.client.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// Ends the cloud.
    pub async fn stop(self) {
        self.cloud.stop().await;
    }
}

/// The name of a function's binary.
fn short(function: &str) -> &str {
    function.rsplit('-').next().unwrap_or(function)
}

/// Whether it is this function that calls WeChat there.
fn calls_of(function: &str, path: &Value) -> bool {
    let path = path.as_str().unwrap_or_default();
    let caller = match path {
        "/sns/jscode2session" => "login",
        "/cgi-bin/stable_token" => "token",
        "/cgi-bin/user/info" => "events",
        "/cgi-bin/user/get" | "/cgi-bin/user/info/batchget" => "followers",
        path if path.starts_with("/cgi-bin/message/") => "send",
        _ => "",
    };
    caller == function
}
