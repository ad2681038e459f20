//! A cloud with the release binaries, a WeChat, and ann, who can be reached in
//! every way.

use futures_util::future::try_join_all;
use hongyan_local::Stack;
use local_aws::Options;
use local_aws::services::{Fault, FaultHandle};
use serde_json::{Value, json};
use shared::http::HttpClient;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const QUEUE: &str = "hongyan-local-notifications";
const TABLE: &str = "hongyan-local-notifications";
/// The calls of DynamoDB that a function makes, but for the look at its tables
/// when it starts.
const OPERATIONS: [&str; 6] =
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"];

pub(crate) struct World {
    cloud: Stack,
    client: reqwest::Client,
    /// Ann's unionid.
    union_id: String,
}

/// Counts calls from here on.
pub(crate) struct Counted {
    dynamodb: Vec<FaultHandle>,
    /// Calls that WeChat had had before.
    wechat: usize,
}

impl Counted {
    /// So many of DynamoDB and of WeChat.
    pub(crate) async fn calls(self, world: &World) -> Result<(u64, usize), Box<dyn Error>> {
        self.dynamodb.iter().for_each(FaultHandle::cancel);
        let dynamodb = self.dynamodb.iter().map(FaultHandle::fired).sum();
        Ok((dynamodb, world.calls().await? - self.wechat))
    }
}

impl World {
    pub(crate) async fn start(
        binaries: &Path,
        environments: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries.into();
        options.environments = environments;
        let cloud = Stack::start(options).await?;
        let mut world = Self { cloud, client: HttpClient::new().client(), union_id: String::new() };
        world.cloud.invoke(&world.cloud.function("token"), &json!({})).await?;
        world.act("follow", json!({ "app": "shop" })).await?;
        world.act("message", json!({ "app": "shop", "text": "hello" })).await?;
        let code = world.act("login", json!({ "app": "shop-mini" })).await?;
        let url = format!("http://{}/login/shop-mini", world.cloud.http());
        let login = json!({ "code": code["code"] });
        world.client.post(url).json(&login).send().await?.error_for_status()?;
        let consent = json!({ "app": "shop-mini", "template_id": "order_shipped", "accept": true });
        world.act("consent", consent).await?;
        world.cloud.idle().await?;
        let people = world.sandbox("people").await?;
        let people = people["people"].as_array().cloned().unwrap_or_default();
        let ann = people.into_iter().find(|person| person["name"] == "ann").unwrap_or_default();
        let union_id = ann["union_ids"].as_object().and_then(|ids| ids.values().next());
        let union_id = union_id.and_then(Value::as_str).ok_or("ann has no unionid")?;
        union_id.clone_into(&mut world.union_id);
        Ok(world)
    }

    /// What the sandbox tells under a path.
    async fn sandbox(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        let url = format!("http://{}/sandbox/{path}", self.cloud.wechat());
        Ok(self.client.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// What ann does with her phone.
    async fn act(&self, what: &str, with: Value) -> Result<Value, Box<dyn Error>> {
        let url = format!("http://{}/sandbox/people/ann/{what}", self.cloud.wechat());
        Ok(self.client.post(url).json(&with).send().await?.error_for_status()?.json().await?)
    }

    /// Sends to ann through one channel.
    pub(crate) async fn send(&self, id: &str, channel: &str) -> Result<(), Box<dyn Error>> {
        let mut request = self.request(id);
        request["channels"] = json!([channel]);
        let answer = self.cloud.invoke(&self.cloud.function("send"), &request).await?;
        if answer["notifications"][0]["outcome"] != "sent" {
            return Err(format!("it was not sent: {answer}").into());
        }
        Ok(())
    }

    fn request(&self, id: &str) -> Value {
        json!({
            "id": id, "to": { "union_id": self.union_id }, "template": "order_shipped",
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        })
    }

    pub(crate) fn queue(&self, count: usize) -> Result<(), Box<dyn Error>> {
        for number in 0..count {
            let body = self.request(&format!("order-{number}")).to_string();
            self.cloud.aws.queues.send(QUEUE, body)?;
        }
        Ok(())
    }

    /// Sends so many to ann at the same time, through as many environments as there
    /// are.
    pub(crate) async fn send_at_once(&self, id: &str, count: usize) -> Result<(), Box<dyn Error>> {
        let send = self.cloud.function("send");
        let requests: Vec<_> = (0..count).map(|at| self.request(&format!("{id}-{at}"))).collect();
        let answers = requests.iter().map(|request| self.cloud.invoke(&send, request));
        for answer in try_join_all(answers).await? {
            // The receipt may have been faster than the answer.
            if !["sent", "delivered"]
                .map(Value::from)
                .contains(&answer["notifications"][0]["outcome"])
            {
                return Err(format!("it was not sent: {answer}").into());
            }
        }
        Ok(())
    }

    /// Ends the token of the account, by `revoke_tokens` or (so that WeChat hands it out once
    /// more) by `reject_tokens`.
    pub(crate) async fn end_token(&self, how: &str) -> Result<(), Box<dyn Error>> {
        let url = format!("http://{}/sandbox/apps/shop/{how}", self.cloud.wechat());
        self.client.post(url).json(&json!({})).send().await?.error_for_status()?;
        Ok(())
    }

    /// What WeChat was asked so far: for how many template messages, for how many
    /// tokens, and for how many of them by force.
    pub(crate) async fn asked(&self) -> Result<[usize; 3], Box<dyn Error>> {
        let calls = self.sandbox("calls").await?;
        let calls = calls["calls"].as_array().cloned().unwrap_or_default();
        let to = |path: &str| calls.iter().filter(|call| call["path"] == path).count();
        let forced = calls.iter().filter(|call| call["body"]["force_refresh"] == true).count();
        Ok([to(TEMPLATE_SEND), to("/cgi-bin/stable_token"), forced])
    }

    /// Lets WeChat take its time for every template message.
    pub(crate) async fn slow_down(&self, by: Duration) -> Result<(), Box<dyn Error>> {
        let slow =
            json!({ "path": TEMPLATE_SEND, "delay_ms": by.as_millis() as u64, "times": u32::MAX });
        let url = format!("http://{}/sandbox/faults", self.cloud.wechat());
        self.client.post(url).json(&slow).send().await?.error_for_status()?;
        Ok(())
    }

    /// Waits until the queue is read to its end, and WeChat has taken so many
    /// template messages on since it was slowed down.
    pub(crate) async fn until_sent(&self, count: u64) -> Result<(), Box<dyn Error>> {
        while self.cloud.aws.queues.length(QUEUE) != Some(0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let faults = self.sandbox("faults").await?;
        let left = faults["faults"][0]["times"].as_u64().unwrap_or_default();
        let sent = u64::from(u32::MAX) - left;
        if sent == count { Ok(()) } else { Err(format!("{sent} sent, not {count}").into()) }
    }

    /// Waits until nothing more comes of anything, and checks that WeChat's receipt for
    /// each of so many has found its notification.
    pub(crate) async fn until_delivered(&self, count: u64) -> Result<(), Box<dyn Error>> {
        self.cloud.idle().await?;
        let scan = json!({
            "TableName": TABLE,
            "FilterExpression": "#status = :delivered AND begins_with(id, :order)",
            "ExpressionAttributeNames": { "#status": "status" },
            "ExpressionAttributeValues": { ":delivered": { "S": "delivered" }, ":order": { "S": "order-" } },
        });
        let delivered = self.cloud.count(scan).await?;
        let told = format!("{delivered} of {count} were told to be delivered");
        if delivered == count { Ok(()) } else { Err(told.into()) }
    }

    /// How many calls WeChat has had.
    async fn calls(&self) -> Result<usize, Box<dyn Error>> {
        let calls = self.sandbox("calls").await?;
        Ok(calls["calls"].as_array().map_or(0, Vec::len))
    }

    /// Counts the calls that the send function makes from now on.
    ///
    /// # Errors
    ///
    /// When WeChat's sandbox doesn't answer.
    pub(crate) async fn count(&self) -> Result<Counted, Box<dyn Error>> {
        let send = self.cloud.function("send");
        let order = |operation: &str| {
            // A fault that hardly is one counts whom it befalls.
            let fault = Fault::of("dynamodb", operation).by(send.clone());
            self.cloud.aws.faults.inject(fault.delay(Duration::from_millis(1)))
        };
        let dynamodb = OPERATIONS.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(Counted { dynamodb, wechat: self.calls().await? })
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await;
    }
}
