//! What the functions use of everything that AWS charges for.

use crate::Failure;
use crate::processes::{self, ProcessUsage};
use crate::stack::{BenchStack, LOGINS_PER_MINUTE};
use local_aws::Logs;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The workloads whose usage is measured.
pub const WORKLOADS: [&str; 4] = ["callback", "login", "notification", "minute"];

/// What a function has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// The memory that the template gives it, in MB.
    pub memory_mb: f64,
    /// The peak of resident memory of its processes, in MB.
    pub peak_mb: f64,
    /// Invocations.
    pub invocations: f64,
    /// Processor time, in milliseconds.
    pub processor_ms: f64,
    /// Calls of DynamoDB.
    pub dynamodb: f64,
    /// Calls of WeChat.
    pub wechat: f64,
    /// Read request units of DynamoDB.
    pub reads: f64,
    /// Write request units of DynamoDB.
    pub writes: f64,
    /// Bytes that the function itself has logged.
    pub log_bytes: f64,
}

impl Usage {
    /// What was added since, divided by the number of times. Memory stays as it is.
    #[must_use]
    pub fn since(self, before: Option<&Self>, times: f64) -> Self {
        let before = before.copied().unwrap_or_default();
        let each = |after: f64, before: f64| (after - before) / times;
        Self {
            memory_mb: self.memory_mb,
            peak_mb: self.peak_mb,
            invocations: each(self.invocations, before.invocations),
            processor_ms: each(self.processor_ms, before.processor_ms),
            dynamodb: each(self.dynamodb, before.dynamodb),
            wechat: each(self.wechat, before.wechat),
            reads: each(self.reads, before.reads),
            writes: each(self.writes, before.writes),
            log_bytes: each(self.log_bytes, before.log_bytes),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Logged {
    bytes: f64,
    invocations: f64,
}

/// A stack whose usage is metered.
pub struct MeteredStack {
    /// The stack alone.
    pub stack: BenchStack,
    logged: Arc<Mutex<BTreeMap<String, Logged>>>,
    /// The unionid of ann, who follows the shop.
    union_id: String,
    /// How many pieces of work were done.
    done: usize,
}

impl MeteredStack {
    /// A stack in which ann follows the shop, and which counts from then on.
    pub async fn start(binaries: &Path) -> Result<Self, Failure> {
        let logged = Arc::<Mutex<BTreeMap<String, Logged>>>::default();
        let log = logged.clone();
        let logs = Logs::to(true, move |line| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let log = log.entry(short(&line.function).to_owned()).or_default();
            if !line.platform {
                log.bytes += line.text.len() as f64;
            } else if line.text.starts_with("START") {
                log.invocations += 1.0;
            }
        });
        let stack = BenchStack::start(binaries, |options| options.logs = logs).await?;
        stack.invoke("token", &json!({})).await?;
        stack.control("people/ann/follow", &json!({ "app": "shop" })).await?;
        stack.cloud.idle().await?;
        let union_id = stack.union_id_of_ann().await?;
        stack.cloud.aws.usage.reset();
        Ok(Self { stack, logged, union_id, done: 0 })
    }

    /// Does one of [`WORKLOADS`] this many times, and waits until the stack is idle.
    pub async fn work(&mut self, workload: &str, times: usize) -> Result<(), Failure> {
        for number in 0..times {
            self.done += 1;
            match workload {
                "callback" => self.message().await?,
                "login" => self.log_in(number).await?,
                "notification" => self.notify().await?,
                _ => self.minute().await?,
            }
        }
        Ok(self.stack.cloud.idle().await?)
    }

    /// Ann sends a message, a second after the previous one: a second message of the
    /// same second changes nothing more.
    async fn message(&self) -> Result<(), Failure> {
        self.stack.control("clock", &json!({ "advance_seconds": 1 })).await?;
        let message = json!({ "app": "shop", "text": format!("hello {}", self.done) });
        let done = self.stack.control("people/ann/message", &message).await?;
        // Each event is a batch of its own, as in a quiet hour.
        self.stack.cloud.idle().await?;
        let accepted = done["pushes"][0]["reply_valid"] == true;
        if accepted { Ok(()) } else { Err("the callback rejected the push".into()) }
    }

    /// A user logs in by code.
    async fn log_in(&self, number: usize) -> Result<(), Failure> {
        let name = format!("p{}-{}", self.done - number, number / LOGINS_PER_MINUTE);
        if number.is_multiple_of(LOGINS_PER_MINUTE) {
            self.stack.control("people", &json!({ "name": name })).await?;
        }
        let path = format!("people/{name}/login");
        let code = self.stack.control(&path, &json!({ "app": "shop-mini" })).await?;
        self.stack.post("/login/shop-mini", &json!({ "code": code["code"] })).await?;
        Ok(())
    }

    /// Ann receives a template message, and WeChat pushes the receipt.
    async fn notify(&self) -> Result<(), Failure> {
        let request = json!({
            "id": format!("order-{}", self.done), "to": { "union_id": self.union_id },
            "template": "order_shipped", "channels": ["template"],
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        });
        let response = self.stack.invoke("send", &request).await?;
        self.stack.cloud.idle().await?;
        if response["notifications"][0]["outcome"] == "sent" {
            Ok(())
        } else {
            Err(format!("it was not sent: {response}").into())
        }
    }

    /// The schedules of a minute in which nothing else happens.
    async fn minute(&self) -> Result<(), Failure> {
        for (function, command) in [
            ("token", json!({})),
            ("events", json!({ "sweep": {} })),
            ("send", json!({ "sweep": {} })),
            ("followers", json!({ "continue": {} })),
        ] {
            self.stack.invoke(function, &command).await?;
        }
        Ok(())
    }

    /// What each function has used since the start.
    pub async fn usage(&self) -> Result<BTreeMap<String, Usage>, Failure> {
        let calls = self.stack.wechat_calls().await?;
        let logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut usage = BTreeMap::new();
        for (function, logged) in logged {
            let name = self.stack.function(&function);
            let metered = self.stack.cloud.aws.usage.used_by(&name);
            let wechat = calls.iter().filter(|call| is_call_of(&function, &call["path"]));
            let processes = self.stack.cloud.processes();
            let ProcessUsage { processor_ms, peak_mb } =
                processes::usage_of_function(&function, &processes);
            let used = Usage {
                memory_mb: self.memory_mb(&name).await?,
                peak_mb,
                invocations: logged.invocations,
                processor_ms,
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

    /// The memory that the template gives a function, in MB.
    async fn memory_mb(&self, function: &str) -> Result<f64, Failure> {
        let path = format!("/2015-03-31/functions/{function}");
        let function = self.stack.aws(&path).await?;
        Ok(function["Configuration"]["MemorySize"].as_f64().ok_or("no MemorySize")?)
    }

    /// Stops the stack.
    pub async fn stop(self) {
        self.stack.stop().await;
    }
}

/// The name of a function's binary.
fn short(function: &str) -> &str {
    function.rsplit('-').next().unwrap_or(function)
}

/// Whether this function calls that path of WeChat's API.
fn is_call_of(function: &str, path: &Value) -> bool {
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
