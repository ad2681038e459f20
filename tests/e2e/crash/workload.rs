//! What people and the business do while functions die, and what they were told.

use crate::world::{World, order};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// The queue of notifications, and the pause before a client tries again.
const QUEUE: &str = "hongyan-local-notifications";
/// The clients' own, with which they repeat requests.
const RETRY_KEY: &str = "Zm9yIHRoaXMgY2xpZW50IG9ubHk";
const PAUSE: Duration = Duration::from_millis(30);
/// How often a client tries again.
const MAX_CLIENT_ATTEMPTS: usize = 60;

/// Something that WeChat pushed, and whether our answer acknowledged it.
pub(crate) struct Pushed {
    pub(crate) what: String,
    pub(crate) acknowledged: bool,
}

/// A notification that was asked for.
pub(crate) struct RequestedNotification {
    pub(crate) id: String,
    pub(crate) request: Value,
    /// What its message has on the screen, and no other.
    pub(crate) text: String,
    pub(crate) person: &'static str,
    pub(crate) kind: &'static str,
}

/// All that was done in one world.
#[derive(Default)]
pub(crate) struct Workload {
    pub(crate) messages: RefCell<Vec<Pushed>>,
    pub(crate) consents: RefCell<Vec<Pushed>>,
    pub(crate) entries: RefCell<Vec<Pushed>>,
    /// Carol's, as `true` or `false`.
    pub(crate) follows: RefCell<Vec<Pushed>>,
    pub(crate) asked: RefCell<Vec<RequestedNotification>>,
    /// The newest refresh token of each session that was given out.
    pub(crate) sessions: RefCell<Vec<String>>,
    numbers: Cell<usize>,
    waves: Cell<usize>,
}

impl Workload {
    /// A world for it: ann follows and bob has an account; emil follows; carol comes and
    /// goes; dora logs in again and again; fred enters customer service.
    pub(crate) async fn world() -> World {
        // Only the run itself says when a minute is over.
        let world = World::changed(&[("rate(1 minute)", "rate(30 days)")]).await;
        let welcome = json!([{ "on": "enter_session", "reply": { "text": "Welcome!" } }]);
        world.set_replies("shop-mini", welcome);
        for function in ["events", "callback"] {
            world.cloud.kill(&world.cloud.function(function)).await.unwrap();
        }
        world.token_round().await;
        for name in ["dora", "emil", "fred"] {
            world.wechat.post("people", &json!({ "name": name })).await;
        }
        world.phone("ann").follow("shop").await;
        world.phone("emil").follow("shop").await;
        world.phone("ann").log_in("shop-mini").await;
        world.phone("bob").log_in("shop-mini").await;
        world
    }

    fn number(&self) -> usize {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Everybody does something at once.
    pub(crate) async fn all_at_once(&self, world: &World) {
        let emil = json!({ "app": "shop", "open_id": world.phone("emil").open_id("shop").await });
        let ann = json!({ "account": "ann" });
        let bob = json!({ "account": "bob" });
        let reach = |to: &Value, person, kind| self.ask_for(world, to.clone(), person, kind);
        // Half of the time tokens are dead, and the first calls refused: both when carol
        // comes and when she goes.
        self.waves.set(self.waves.get() + 1);
        if self.waves.get() % 4 >= 2 {
            for app in ["shop", "shop-mini"] {
                world.wechat.revoke(app).await;
            }
        }
        tokio::join!(
            async {
                for _ in 0..2 {
                    self.consent(world).await;
                }
            },
            async {
                for _ in 0..2 {
                    self.write(world).await;
                }
            },
            self.enter(world),
            self.come_or_go(world),
            self.log_in(world),
            self.refresh(world),
            join_all([
                reach(&ann, "ann", "template"),
                reach(&ann, "ann", "template"),
                reach(&ann, "ann", "template"),
                reach(&bob, "bob", "subscribe"),
                reach(&bob, "bob", "subscribe"),
                reach(&emil, "emil", "customer_service"),
            ]),
        );
    }

    /// A person does something that WeChat pushes. Returns whether that was acknowledged.
    async fn act(&self, world: &World, person: &str, action: &str, with: Value) -> bool {
        let done = world.wechat.post(&format!("people/{person}/{action}"), &with).await;
        let pushes = done["pushes"].as_array().unwrap();
        let last = pushes.last().unwrap_or_else(|| panic!("nothing was pushed: {done}"));
        last["status"] == 200 && last["reply_valid"] == true
    }

    async fn consent(&self, world: &World) {
        let with = json!({ "app": "shop-mini", "template_id": "order_shipped", "accept": true });
        let acknowledged = self.act(world, "bob", "consent", with).await;
        self.consents.borrow_mut().push(Pushed { what: String::new(), acknowledged });
    }

    async fn write(&self, world: &World) {
        let what = format!("Where is kettle {:05}?", self.number());
        let with = json!({ "app": "shop", "text": what });
        let acknowledged = self.act(world, "emil", "message", with).await;
        self.messages.borrow_mut().push(Pushed { what, acknowledged });
    }

    async fn enter(&self, world: &World) {
        let what = format!("order-{:05}", self.number());
        let with = json!({ "app": "shop-mini", "session_from": what });
        let acknowledged = self.act(world, "fred", "enter", with).await;
        self.entries.borrow_mut().push(Pushed { what, acknowledged });
    }

    async fn come_or_go(&self, world: &World) {
        let follows = self.follows.borrow().len().is_multiple_of(2);
        let action = if follows { "follow" } else { "unfollow" };
        let acknowledged = self.act(world, "carol", action, json!({ "app": "shop" })).await;
        self.follows.borrow_mut().push(Pushed { what: follows.to_string(), acknowledged });
    }

    /// Dora logs in; without a response she repeats it with the same code, and with
    /// another if that has been used up.
    async fn log_in(&self, world: &World) {
        let mut code = world.phone("dora").code("shop-mini").await;
        for _ in 0..MAX_CLIENT_ATTEMPTS {
            let (status, answer) =
                world.log_in("shop-mini", &json!({ "code": code, "retry_key": RETRY_KEY })).await;
            match status {
                200 => {
                    let token = answer["refresh_token"].as_str().unwrap().to_owned();
                    return self.sessions.borrow_mut().push(token);
                }
                401 => code = world.phone("dora").code("shop-mini").await,
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        panic!("dora can't log in");
    }

    /// One of the sessions is refreshed, repeatedly until there is a response.
    async fn refresh(&self, world: &World) {
        let Some(token) = self.sessions.borrow().first().cloned() else { return };
        let next = Self::next(world, &token).await;
        self.sessions.borrow_mut()[0] = next;
    }

    /// The successor of a refresh token that is good.
    pub(crate) async fn next(world: &World, token: &str) -> String {
        for _ in 0..MAX_CLIENT_ATTEMPTS {
            let url = world.url("/session/refresh");
            let request = world
                .client
                .post(url)
                .json(&json!({ "refresh_token": token, "retry_key": RETRY_KEY }));
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let answer: Value = answer.json().await.unwrap();
            if status == 200 {
                return answer["refresh_token"].as_str().unwrap().to_owned();
            }
            assert_ne!(status, 401, "a session that was given out is lost: {answer}");
            tokio::time::sleep(PAUSE).await;
        }
        panic!("a session can't be refreshed");
    }

    /// A notification is asked for: by the queue, once; or by invoking, and again until
    /// there is an answer.
    async fn ask_for(&self, world: &World, to: Value, person: &'static str, kind: &'static str) {
        let number = self.number();
        let (id, text) = (format!("order-{number}"), format!("Kettle {number:05}"));
        let mut request = order(&id, to);
        request["channels"] = json!([kind]);
        request["data"]["product"] = json!(text);
        // The sender is done when it is on the queue.
        if number.is_multiple_of(2) {
            world.cloud.aws.queues.send(QUEUE, request.to_string()).unwrap();
        } else {
            request_until_answered(world, &request).await;
        }
        self.asked.borrow_mut().push(RequestedNotification { id, request, text, person, kind });
    }
}

/// Invokes send until it answers.
pub(crate) async fn request_until_answered(world: &World, request: &Value) -> Value {
    for _ in 0..MAX_CLIENT_ATTEMPTS {
        let asked = world.cloud.invoke(&world.cloud.function("send"), request).await;
        if let Ok(mut answer) = asked {
            return answer["notifications"][0].take();
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("no response to {request}");
}

/// A minute passes without any action: what waits is due, the queue returns
/// the messages that were not deleted, and each schedule runs once. Any of
/// them may be killed.
pub(crate) async fn minute(world: &World) {
    world.idle().await;
    // Nothing is running, so the holders of all leases have crashed.
    for row in world.aws.rows("notifications").await {
        if row["status"] == "in_progress" || row["status"] == "retrying" {
            for wait in ["lease_until", "retry_at", "due_at"] {
                world.aws.set_time(row["id"].as_str().unwrap(), wait, 1).await;
            }
        }
    }
    for row in world.aws.rows("events").await {
        if !row["pending"].is_null() {
            let claimed =
                if row["auto_reply"].is_object() { ", auto_reply.#at = :past" } else { "" };
            let mut update = json!({
                "TableName": "hongyan-local-events",
                "Key": { "user": { "S": row["user"] }, "event": { "S": row["event"] } },
                "UpdateExpression": format!("SET due_at = :past{claimed}"),
                "ConditionExpression": "attribute_exists(pending)",
                "ExpressionAttributeValues": { ":past": { "N": "1" } },
            });
            if !claimed.is_empty() {
                update["ExpressionAttributeNames"] = json!({ "#at": "at" });
            }
            world.aws.call_service("DynamoDB_20120810.UpdateItem", &update).await;
        }
    }
    world.cloud.aws.queues.show(QUEUE).unwrap();
    world.idle().await;
    for (function, event) in
        [("token", json!({})), ("events", json!({ "sweep": {} })), ("send", json!({ "sweep": {} }))]
    {
        // Who is killed leaves it to the next minute.
        let _ = world.cloud.invoke(&world.cloud.function(function), &event).await;
        world.idle().await;
    }
}
