//! One notification through one kind of channel, for which all is prepared: ann
//! follows, has logged in, consented, written or submitted a form. What goes wrong
//! on its way is the scenarios' business.

use crate::world::{MAX_WAIT, World, order};
use local_aws::InvokeFailure;
use local_aws::services::{Fault, FaultHandle};
use serde_json::{Value, json};
use std::time::Duration;

/// The table of notifications.
pub(crate) const NOTIFICATIONS: &str = "hongyan-local-notifications";
/// The kinds of which WeChat drops a repeat.
pub(crate) const REPEATABLE: [&str; 2] = ["template", "bizsend"];
/// Those of which it shows a repeat as a second message.
pub(crate) const UNREPEATABLE: [&str; 3] = ["subscribe", "customer_service", "legacy_template"];

/// A template that has every kind of channel.
const TEMPLATE: &str = "any_way";

/// A world in which ann can be reached once through one kind of channel.
pub(crate) struct ChannelScenario {
    pub(crate) world: World,
    pub(crate) kind: &'static str,
    /// Where messages of that kind are sent.
    pub(crate) path: &'static str,
}

impl ChannelScenario {
    /// A scene of this kind, in the cloud that is deployed.
    pub(crate) async fn new(kind: &'static str) -> Self {
        Self::within(World::start().await, kind).await
    }

    /// A scene of this kind in a world in which nothing has happened yet.
    pub(crate) async fn within(world: World, kind: &'static str) -> Self {
        let data = json!({ "thing1": "{product}", "time2": "{time}" });
        let channel = |kind: &str, app: &str, template_id: &str| {
            let template_id = format!("SandboxTemplateOf{template_id}-0000001");
            json!({ "channel": kind, "app": app, "template_id": template_id, "data": data })
        };
        let mut legacy = channel("legacy_template", "shop-mini", "Mini-order-receipt");
        legacy["data"] = json!({ "keyword1": "{product}", "keyword2": "{time}" });
        let channels = json!([
            channel("template", "shop", "Shop-order-shipped"),
            channel("bizsend", "shop", "Shop-order-arrived"),
            channel("subscribe", "shop-mini", "Mini-order-shipped"),
            legacy,
            { "channel": "customer_service", "app": "shop", "text": "{product}, {time}" },
        ]);
        let template = json!({ "fields": ["product", "time"], "channels": channels });
        world.set_parameter(&format!("templates/{TEMPLATE}"), &template);
        let path = match kind {
            "template" => "/cgi-bin/message/template/send",
            "bizsend" => "/cgi-bin/message/subscribe/bizsend",
            "subscribe" => "/cgi-bin/message/subscribe/send",
            "legacy_template" => "/cgi-bin/message/wxopen/template/send",
            _ => "/cgi-bin/message/custom/send",
        };
        let ann = world.phone("ann");
        ann.follow("shop").await;
        ann.log_in("shop-mini").await;
        let scene = Self { world, kind, path };
        scene.allow().await;
        scene
    }

    /// Ann does what allows one more message of the scene's kind, if that needs
    /// something.
    pub(crate) async fn allow(&self) {
        self.allow_one_more(self.kind).await;
    }

    /// Ann does what allows one more message of any kind.
    pub(crate) async fn allow_one_more(&self, kind: &str) {
        let ann = self.world.phone("ann");
        match kind {
            "bizsend" => ann.consent("shop", "order_arrived", true).await,
            "subscribe" => ann.consent("shop-mini", "order_shipped", true).await,
            "customer_service" => ann.message("shop", "Where is it?").await,
            "legacy_template" => {
                let app = json!({ "app": "shop-mini" });
                let form = self.world.wechat.post("people/ann/submit", &app).await;
                let session = ann.log_in("shop-mini").await;
                let given = json!({ "app": "shop-mini", "form_ids": [form["form_id"]] });
                let url = self.world.url("/form-ids");
                let token = session["access_token"].as_str().unwrap();
                let request = self.world.client.post(url).bearer_auth(token).json(&given);
                assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
            }
            _ => {}
        }
    }

    /// A notification that only this kind of channel is to carry.
    pub(crate) fn request(&self, id: &str) -> Value {
        let mut request = order(id, json!({ "account": "ann" }));
        request["template"] = json!(TEMPLATE);
        request["channels"] = json!([self.kind]);
        request
    }

    /// Sends it: the report, when nothing more happens.
    pub(crate) async fn send(&self, id: &str) -> Value {
        self.world.send(&self.request(id)).await
    }

    /// How many messages about the order are on ann's screen.
    pub(crate) async fn seen(&self) -> usize {
        let screen = self.world.phone("ann").screen().await;
        screen.iter().filter(|message| message.to_string().contains("Blue kettle")).count()
    }

    /// How often WeChat was asked to send one of this kind.
    pub(crate) async fn calls(&self) -> usize {
        self.world.wechat.calls(self.path).await.len()
    }

    /// The next calls go wrong as `fault` says.
    pub(crate) async fn fault(&self, mut fault: Value) {
        fault["path"] = self.path.into();
        self.world.wechat.fault(fault).await;
    }

    /// How a notification is stored to stand.
    pub(crate) async fn status(&self, id: &str) -> String {
        let row = self.world.aws.row("notifications", "id", id).await;
        row["status"].as_str().unwrap().to_owned()
    }

    /// Whatever a notification waits for is over: no invocation holds its lease, and it is
    /// due. Then the minute's sweep comes by.
    pub(crate) async fn later(&self, id: &str) {
        self.overdue(id).await;
        self.sweep().await;
    }

    /// Whatever a notification waits for is over.
    pub(crate) async fn overdue(&self, id: &str) {
        for wait in ["lease_until", "retry_at", "due_at"] {
            self.world.aws.set_time(id, wait, 1).await;
        }
    }

    /// The minute's sweep.
    pub(crate) async fn sweep(&self) {
        self.world.invoke("send", &json!({ "sweep": {} })).await.unwrap();
        self.world.idle().await;
    }

    /// The function knows what rests, so that announcing is the next that it stores.
    pub(crate) async fn warm_up(&self) {
        assert_eq!(self.world.refused(&json!({ "id": "a" })).await.0, "InvalidRequest");
    }

    /// Calls of the send function's to the table of notifications.
    pub(crate) fn storing(&self) -> Fault {
        Fault::new("dynamodb", "*").on(NOTIFICATIONS).by(self.world.cloud.function("send"))
    }

    /// Orders a fault of AWS's.
    pub(crate) fn given(&self, fault: Fault) -> FaultHandle {
        self.world.cloud.aws.faults.inject(fault).unwrap()
    }

    /// Kills the send function, however often it runs.
    pub(crate) async fn kill(&self) {
        self.world.cloud.kill(&self.world.cloud.function("send")).await.unwrap();
    }

    /// Sends, and does something when ann sees the message and no invocation has
    /// stored that it is sent.
    pub(crate) async fn send_and<T>(
        &self,
        id: &str,
        then: impl AsyncFnOnce() -> T,
    ) -> (Result<Value, InvokeFailure>, T) {
        let before = self.seen().await;
        self.fault(json!({ "delay_ms": 2500, "after": true })).await;
        let request = self.request(id);
        let then = async {
            eventually("ann sees the message", async || self.seen().await > before).await;
            then().await
        };
        tokio::join!(self.world.invoke("send", &request), then)
    }

    /// Sends, and kills the function between WeChat's answer and the write that
    /// would store it.
    pub(crate) async fn send_and_die(&self, id: &str) {
        let (died, ()) = self
            .send_and(id, async || {
                let commit = self.given(self.storing().hold());
                commit.holds(1).await;
                self.kill().await;
                commit.cancel();
            })
            .await;
        died.unwrap_err();
        assert_eq!(self.status(id).await, "in_progress");
    }

    /// Nothing that ann has allowed is left: another notification isn't even tried.
    pub(crate) async fn assert_used_up(&self) {
        if self.kind == "customer_service" {
            let window = self.world.aws.row("users", "item", "window#message").await;
            assert_eq!(window["reserved_by"].as_array().map_or(0, Vec::len), 1, "{window}");
            return;
        }
        let calls = self.calls().await;
        let outcome = self.send("another").await["outcome"].clone();
        assert!(outcome == "no_consent" || outcome == "unreachable", "{}: {outcome}", self.kind);
        assert_eq!(self.calls().await, calls);
    }
}

/// Waits for something that comes by itself and has to be asked for.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(MAX_WAIT, waiting).await.is_err() {
        panic!("not after {MAX_WAIT:?}: {what}");
    }
}
