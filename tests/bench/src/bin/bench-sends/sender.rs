//! Sends to ann, whom every channel reaches.

use bench::Failure;
use bench::stack::{BenchStack, QUEUE};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const TABLE: &str = "hongyan-local-notifications";

pub(crate) struct Sender {
    pub(crate) stack: BenchStack,
    /// Ann's unionid.
    union_id: String,
}

/// The calls that WeChat has received.
#[derive(Clone, Copy)]
pub(crate) struct WechatCalls {
    pub(crate) template_messages: usize,
    pub(crate) tokens: usize,
    /// Calls for a token with `force_refresh`.
    pub(crate) forced: usize,
}

impl Sender {
    /// A stack in which ann follows the shop, has written to it, has logged in and has
    /// given a consent.
    pub(crate) async fn start(binaries: &Path, environments: usize) -> Result<Self, Failure> {
        let stack =
            BenchStack::start(binaries, |options| options.environments = environments).await?;
        stack.invoke("token", &json!({})).await?;
        let act = async |action: &str, with: Value| {
            stack.control(&format!("people/ann/{action}"), &with).await
        };
        act("follow", json!({ "app": "shop" })).await?;
        act("message", json!({ "app": "shop", "text": "hello" })).await?;
        let code = act("login", json!({ "app": "shop-mini" })).await?;
        stack.post("/login/shop-mini", &json!({ "code": code["code"] })).await?;
        let consent = json!({ "app": "shop-mini", "template_id": "order_shipped", "accept": true });
        act("consent", consent).await?;
        stack.cloud.idle().await?;
        let union_id = stack.union_id_of_ann().await?;
        Ok(Self { stack, union_id })
    }

    /// Sends to ann through one channel.
    pub(crate) async fn send(&self, id: &str, channel: &str) -> Result<(), Failure> {
        let mut request = self.request(id);
        request["channels"] = json!([channel]);
        let response = self.stack.invoke("send", &request).await?;
        if response["notifications"][0]["outcome"] != "sent" {
            return Err(format!("it was not sent: {response}").into());
        }
        Ok(())
    }

    fn request(&self, id: &str) -> Value {
        json!({
            "id": id, "to": { "union_id": self.union_id }, "template": "order_shipped",
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        })
    }

    /// Queues this many notifications.
    pub(crate) fn queue(&self, count: usize) -> Result<(), Failure> {
        for number in 0..count {
            let body = self.request(&format!("order-{number}")).to_string();
            self.stack.cloud.aws.queues.send(QUEUE, body)?;
        }
        Ok(())
    }

    /// Sends this many notifications concurrently.
    pub(crate) async fn send_at_once(&self, id: &str, count: usize) -> Result<(), Failure> {
        let requests: Vec<_> = (0..count).map(|at| self.request(&format!("{id}-{at}"))).collect();
        let responses = requests.iter().map(|request| self.stack.invoke("send", request));
        for response in try_join_all(responses).await? {
            // The receipt may arrive before the response.
            let outcome = response["notifications"][0]["outcome"].as_str().unwrap_or_default();
            if !["sent", "delivered"].contains(&outcome) {
                return Err(format!("it was not sent: {response}").into());
            }
        }
        Ok(())
    }

    /// Invalidates the token of the account: by `revoke_tokens`, or by `reject_tokens`, after which
    /// WeChat returns the invalid token once more.
    pub(crate) async fn invalidate_token(&self, how: &str) -> Result<(), Failure> {
        self.stack.control(&format!("apps/shop/{how}"), &json!({})).await.map(drop)
    }

    pub(crate) async fn wechat_calls(&self) -> Result<WechatCalls, Failure> {
        let calls = self.stack.wechat_calls().await?;
        let to = |path: &str| calls.iter().filter(|call| call["path"] == path).count();
        Ok(WechatCalls {
            template_messages: to(TEMPLATE_SEND),
            tokens: to("/cgi-bin/stable_token"),
            forced: calls.iter().filter(|call| call["body"]["force_refresh"] == true).count(),
        })
    }

    /// Delays WeChat's answer to every template message.
    pub(crate) async fn slow_down(&self, by: Duration) -> Result<(), Failure> {
        let slow =
            json!({ "path": TEMPLATE_SEND, "delay_ms": by.as_millis() as u64, "times": u32::MAX });
        self.stack.control("faults", &slow).await.map(drop)
    }

    /// Waits until the queue is empty, and checks that WeChat has accepted this many
    /// template messages since it was slowed down.
    pub(crate) async fn wait_until_sent(&self, count: u64) -> Result<(), Failure> {
        while self.stack.cloud.aws.queues.length(QUEUE) != Some(0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let faults = self.stack.sandbox("faults").await?;
        let left = faults["faults"][0]["times"].as_u64().unwrap_or_default();
        let sent = u64::from(u32::MAX) - left;
        if sent == count { Ok(()) } else { Err(format!("{sent} sent, not {count}").into()) }
    }

    /// Waits until the stack is idle, and checks that each of this many receipts has
    /// found its notification.
    pub(crate) async fn wait_until_delivered(&self, count: u64) -> Result<(), Failure> {
        self.stack.cloud.idle().await?;
        let scan = json!({
            "TableName": TABLE,
            "FilterExpression": "#status = :delivered AND begins_with(id, :order)",
            "ExpressionAttributeNames": { "#status": "status" },
            "ExpressionAttributeValues": { ":delivered": { "S": "delivered" }, ":order": { "S": "order-" } },
        });
        let delivered = self.stack.cloud.count(scan).await?;
        if delivered == count {
            Ok(())
        } else {
            Err(format!("{delivered} of {count} have the outcome delivered").into())
        }
    }
}
