//! A cloud with the binaries that are measured, and an account with many followers.

use local::aws::{Fault, Ordered};
use local::{Cloud, Logs, Options};
use serde_json::{Value, json};
use shared::http::Web;
use std::collections::VecDeque;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
const LIST: &str = "/cgi-bin/user/get";
const BATCH: &str = "/cgi-bin/user/info/batchget";
/// The calls of DynamoDB that the function makes, but for the look at its tables when
/// it starts.
const OPERATIONS: [&str; 7] =
    ["BatchGetItem", "DeleteItem", "GetItem", "Query", "Scan", "TransactWriteItems", "UpdateItem"];
/// So many lines are told when something goes wrong.
const LINES: usize = 10;
/// The row that says how far the import is.
const ROW: &str = "followers#wx0000000000005a01";

pub(crate) struct World {
    cloud: Cloud,
    client: reqwest::Client,
    /// What the functions said last, for whoever has to find out what went wrong.
    last: Arc<Mutex<VecDeque<String>>>,
}

/// What one import took.
pub(crate) struct Cost {
    pub(crate) lists: u64,
    pub(crate) batches: u64,
    pub(crate) seconds: f64,
    pub(crate) dynamodb: u64,
    /// The most memory that the process has had, in MB.
    pub(crate) peak: f64,
}

impl World {
    pub(crate) async fn start(binaries: &Path, followers: usize) -> Result<Self, Box<dyn Error>> {
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries.into();
        let last = Arc::<Mutex<VecDeque<String>>>::default();
        let lines = last.clone();
        options.logs = Logs::to(false, move |line| {
            let mut lines = lines.lock().expect("nothing panics under this lock");
            lines.push_back(line.text.clone());
            if lines.len() > LINES {
                lines.pop_front();
            }
        });
        let cloud = Cloud::start(options).await?;
        let world = Self { cloud, client: Web::new().client(), last };
        world.cloud.invoke(&world.cloud.function("token"), &json!({})).await?;
        world.order("apps/shop/crowd", &json!({ "count": followers })).await?;
        Ok(world)
    }

    /// Brings all followers in.
    pub(crate) async fn import(&self) -> Result<Cost, Box<dyn Error>> {
        self.measure(&json!({ "import": { "app": "shop" } })).await
    }

    /// Compares all followers with the list, as if half a day had gone by.
    pub(crate) async fn night(&self) -> Result<Cost, Box<dyn Error>> {
        let update = json!({
            "TableName": "hongyan-local-notifications",
            "Key": { "id": { "S": ROW } },
            "UpdateExpression": "SET begun_at = :long_ago",
            "ExpressionAttributeValues": { ":long_ago": { "N": "0" } },
        });
        let request = self.client.post(format!("http://{}/", self.cloud.aws()));
        let request = request
            .header("x-amz-target", "DynamoDB_20120810.UpdateItem")
            .header("authorization", SIGNED)
            .header("x-amz-date", "20261120T000000Z")
            .header("content-type", "application/x-amz-json-1.0");
        request.body(update.to_string()).send().await?.error_for_status()?;
        self.measure(&json!({ "reconcile": {} })).await
    }

    async fn measure(&self, event: &Value) -> Result<Cost, Box<dyn Error>> {
        let function = self.cloud.function("followers");
        let (lists, batches) = self.used().await?;
        let counted = OPERATIONS.map(|operation| {
            // A fault that hardly is one counts whom it befalls.
            let fault = Fault::of("dynamodb", operation).by(function.clone());
            self.cloud.aws.faults.order(fault.delay(Duration::from_millis(1)))
        });
        let counted: Vec<Ordered> = counted.into_iter().collect::<Result<_, _>>()?;
        let (begun, mut peak) = (Instant::now(), 0.0_f64);
        self.invoke(event).await?;
        loop {
            peak = peak.max(self.peak()?);
            let state = self.invoke(&json!({ "status": { "app": "shop" } })).await?;
            match state["state"].as_str() {
                Some("done") => break,
                Some("listing" | "looking") => {
                    self.invoke(&json!({ "continue": {} })).await?;
                }
                _ => return Err(format!("it was not done: {state}").into()),
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        counted.iter().for_each(Ordered::call_off);
        let (lists_after, batches_after) = self.used().await?;
        Ok(Cost {
            lists: lists_after - lists,
            batches: batches_after - batches,
            seconds,
            dynamodb: counted.iter().map(Ordered::befallen).sum(),
            peak,
        })
    }

    async fn invoke(&self, event: &Value) -> Result<Value, Box<dyn Error>> {
        let answer = self.cloud.invoke(&self.cloud.function("followers"), event).await;
        answer.map_err(|error| {
            let mut lines = self.last.lock().expect("nothing panics under this lock");
            format!("{error}\n{}", lines.make_contiguous().join("\n")).into()
        })
    }

    /// The most memory that any process of the function has had, in MB.
    fn peak(&self) -> Result<f64, Box<dyn Error>> {
        let mut peak = 0.0_f64;
        for process in self.cloud.processes() {
            // One may just have ended.
            let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
                continue;
            };
            let field =
                |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if field("Name:") == Some("followers") {
                let kilobytes = field("VmHWM:").and_then(|text| text.split(' ').next());
                let kilobytes: f64 = kilobytes.ok_or("the system tells no memory")?.parse()?;
                peak = peak.max(kilobytes / 1000.0);
            }
        }
        if peak == 0.0 { Err("no process of the function was found".into()) } else { Ok(peak) }
    }

    /// How often WeChat was asked for pages and for batches today.
    async fn used(&self) -> Result<(u64, u64), Box<dyn Error>> {
        let url = format!("http://{}/sandbox/apps/shop/quotas", self.cloud.wechat());
        let quotas: Value = self.client.get(url).send().await?.error_for_status()?.json().await?;
        let used = |path: &str| quotas["used"][path].as_u64().unwrap_or_default();
        Ok((used(LIST), used(BATCH)))
    }

    async fn order(&self, path: &str, body: &Value) -> Result<(), Box<dyn Error>> {
        let url = format!("http://{}/sandbox/{path}", self.cloud.wechat());
        self.client.post(url).json(body).send().await?.error_for_status()?;
        Ok(())
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await;
    }
}

/// Nobody checks signatures here, but a request must have one.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0";
