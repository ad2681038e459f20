//! Clients and people who keep the stack busy.

use crate::task::Task;
use bench::Failure;
use bench::stack::{self, BenchStack, NOOP, NOOP_TEMPLATE, QUEUE};
use local_aws::Logs;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const EVENTS_TABLE: &str = "hongyan-local-events";
/// A client that wants to queue a notification waits while this many are queued.
const MAX_QUEUE_LENGTH: usize = 50;
/// People who follow the account and use the mini program: enough that none of them
/// exceeds WeChat's 100 logins per minute.
const PEOPLE: usize = 200;
/// The processes of each function. Clients beyond them wait for their turn.
const ENVIRONMENTS: usize = 2;
const PASSWORD: &str = "a password";
/// WeChat's daily quotas that the run would exceed.
const QUOTAS: [&str; 6] = [
    "/cgi-bin/message/template/send",
    "/cgi-bin/stable_token",
    "/cgi-bin/user/get",
    "/cgi-bin/user/info",
    "/cgi-bin/user/info/batchget",
    "/sns/jscode2session",
];

pub(crate) struct Clients {
    pub(crate) stack: BenchStack,
    /// The unionid of each follower.
    union_ids: Vec<String>,
    /// The number of tasks so far.
    tasks: AtomicUsize,
    /// The number of notifications after the first.
    notifications: AtomicUsize,
    /// The number of messages and menu taps of followers.
    user_actions: AtomicUsize,
    /// The day in China at the start.
    day: u64,
}

impl Clients {
    /// A stack in which all people follow, and which has sent the first notification.
    pub(crate) async fn start(binaries: &Path, logs: Logs) -> Result<Self, Failure> {
        let stack = BenchStack::start(binaries, |options| {
            options.extra_stacks = vec![NOOP_TEMPLATE.into()];
            options.parameters = stack::unthrottled();
            options.environments = ENVIRONMENTS;
            // No process is stopped because it is idle.
            options.idle = Duration::from_secs(24 * 3600);
            options.logs = logs;
            // `lambda_runtime` 1.5.0 sets the variable `_X_AMZN_TRACE_ID` for each invocation,
            // and glibc keeps every value that a variable ever had, because a caller of
            // `getenv` may still read it. These hundred bytes per invocation would hide what
            // the functions leak.
            options.traces = false;
        })
        .await?;
        let mut clients = Self {
            stack,
            union_ids: Vec::new(),
            tasks: AtomicUsize::new(0),
            notifications: AtomicUsize::new(0),
            user_actions: AtomicUsize::new(0),
            day: day_in_china(),
        };
        let stack = &clients.stack;
        let quotas: Value =
            QUOTAS.map(|path| (path.to_owned(), json!(100_000_000))).into_iter().collect();
        for app in ["shop", "shop-mini"] {
            stack.control(&format!("apps/{app}/quotas"), &quotas).await?;
        }
        // Each push comes twice, as if the first acknowledgement were lost.
        stack.control("pushing", &json!({ "copies": 2 })).await?;
        stack.invoke("token", &json!({})).await?;
        for number in 0..PEOPLE {
            stack.control("people", &json!({ "name": name(number) })).await?;
            let follow = json!({ "app": "shop" });
            stack.control(&format!("people/{}/follow", name(number)), &follow).await?;
        }
        stack.cloud.idle().await?;
        let mut union_ids = stack.union_ids().await?;
        for number in 0..PEOPLE {
            let union_id = union_ids.remove(&name(number));
            clients.union_ids.push(union_id.ok_or("a follower has no unionid")?);
        }
        let create = json!({ "create_account": { "username": name(0), "password": PASSWORD } });
        clients.stack.invoke("login", &create).await?;
        clients.notify(0).await?;
        Ok(clients)
    }

    /// Does the next task.
    ///
    /// # Errors
    ///
    /// If its result is wrong.
    pub(crate) async fn do_next(&self) -> Result<(), Failure> {
        let number = self.tasks.fetch_add(1, Ordering::Relaxed);
        self.perform(Task::nth(number), number).await
    }

    /// Does this task, with this number.
    ///
    /// # Errors
    ///
    /// If its result is wrong.
    pub(crate) async fn perform(&self, task: Task, number: usize) -> Result<(), Failure> {
        let done = self.perform_unnamed(task, number).await;
        done.map_err(|error| format!("{task:?}, task {number}: {error}").into())
    }

    async fn perform_unnamed(&self, task: Task, number: usize) -> Result<(), Failure> {
        match task {
            Task::Noop => {
                let response = self.stack.invoke(NOOP, &bench::http_event()).await?;
                expect(&response, response["statusCode"] == 200)
            }
            Task::VerifyUrl => {
                let answer = self.stack.get(&stack::url_verification()).await?;
                if answer == "hello" { Ok(()) } else { Err(format!("answer: {answer}").into()) }
            }
            Task::Message => {
                let text = format!("where is my order {number}?");
                self.act(number, "message", json!({ "app": "shop", "text": text })).await
            }
            Task::Click => {
                // The same key twice in one second by one person would be one event.
                let key = format!("ORDERS-{number}");
                self.act(number, "click", json!({ "app": "shop", "key": key })).await
            }
            Task::Keys => {
                let keys = json_of(&self.stack.get("/.well-known/jwks.json").await?)?;
                expect(&keys, keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()))
            }
            Task::Session => self.session(&name(number % PEOPLE), json!({})).await,
            // One account belongs to one person.
            Task::Password => {
                let account = json!({ "username": name(0), "password": PASSWORD });
                self.session(&name(0), account).await
            }
            Task::Notify => {
                self.notify(self.notifications.fetch_add(1, Ordering::Relaxed) + 1).await
            }
            Task::Queue => self.queue(self.notifications.fetch_add(1, Ordering::Relaxed) + 1).await,
            // The first one has certainly been sent.
            Task::Duplicate => self.notify(0).await,
            Task::SweepEvents => self.run("events", json!({ "sweep": {} })).await,
            Task::SweepSend => self.run("send", json!({ "sweep": {} })).await,
            Task::Continue => self.run("followers", json!({ "continue": {} })).await,
            Task::Tokens => {
                let response = self.stack.invoke("token", &json!({})).await?;
                expect(&response, response["tokens"].as_array().is_some_and(|it| it.len() == 2))
            }
            Task::Status => {
                let status = json!({ "status": { "app": "shop" } });
                let response = self.stack.invoke("followers", &status).await?;
                expect(&response, response["state"] != "failed")
            }
            Task::Import => {
                let import = json!({ "import": { "app": "shop" } });
                let response = self.stack.invoke("followers", &import).await?;
                let state = &response["state"];
                expect(&response, state.is_string() && state != "failed")
            }
        }
    }

    async fn run(&self, function: &str, command: Value) -> Result<(), Failure> {
        self.stack.invoke(function, &command).await.map(drop)
    }

    /// A follower acts, and the callback receives the push twice.
    async fn act(&self, number: usize, action: &str, with: Value) -> Result<(), Failure> {
        let path = format!("people/{}/{action}", name(number % PEOPLE));
        self.user_actions.fetch_add(1, Ordering::Relaxed);
        let done = self.stack.control(&path, &with).await?;
        let pushes = done["pushes"].as_array().map(Vec::as_slice).unwrap_or_default();
        expect(&done, pushes.len() == 2 && pushes.iter().all(|push| push["reply_valid"] == true))
    }

    /// A session from login to logout.
    async fn session(&self, person: &str, mut login: Value) -> Result<(), Failure> {
        let path = format!("people/{person}/login");
        let code = self.stack.control(&path, &json!({ "app": "shop-mini" })).await?;
        login["code"] = code["code"].clone();
        let mut session = json_of(&self.stack.post("/login/shop-mini", &login).await?)?;
        for _ in 0..2 {
            let refresh = json!({ "refresh_token": session["refresh_token"] });
            let next = json_of(&self.stack.post("/session/refresh", &refresh).await?)?;
            expect(&next, next["refresh_token"] != session["refresh_token"])?;
            session = next;
        }
        let token = session["access_token"].as_str().unwrap_or_default();
        json_of(&self.stack.get_with_token("/session", token).await?)?;
        let revoke = json!({ "refresh_token": session["refresh_token"] });
        self.stack.post("/session/revoke", &revoke).await.map(drop)
    }

    /// Sends by invoking the function.
    async fn notify(&self, number: usize) -> Result<(), Failure> {
        let response = self.stack.invoke("send", &self.request(number)).await?;
        let outcome = response["notifications"][0]["outcome"].as_str().unwrap_or_default();
        expect(&response, ["sent", "delivered"].contains(&outcome))
    }

    /// Sends through the queue.
    async fn queue(&self, number: usize) -> Result<(), Failure> {
        let queues = &self.stack.cloud.aws.queues;
        while queues.length(QUEUE).is_some_and(|length| length > MAX_QUEUE_LENGTH) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        queues.send(QUEUE, self.request(number).to_string())?;
        Ok(())
    }

    fn request(&self, number: usize) -> Value {
        let union_id = &self.union_ids[number % PEOPLE];
        json!({
            "id": format!("order-{number}"), "to": { "union_id": union_id },
            "template": "order_shipped", "channels": ["template"],
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        })
    }

    /// Waits until the stack is idle, and checks that every notification was sent once,
    /// and that every user action, which the callback received twice, is stored and
    /// applied once. Returns the number of user actions.
    ///
    /// # Errors
    ///
    /// If something is missing or duplicated.
    pub(crate) async fn finish(&self) -> Result<u64, Failure> {
        self.stack.cloud.idle().await?;
        let actions = self.user_actions.load(Ordering::Relaxed) as u64;
        let applied = self.applied().await?;
        if applied != actions {
            return Err(format!("of {actions} events {applied} were stored and applied").into());
        }
        let notifications = self.notifications.load(Ordering::Relaxed) + 1;
        let sent = self.sent().await?;
        // WeChat's quotas start anew at midnight in China.
        if sent != notifications && day_in_china() == self.day {
            return Err(format!("of {notifications} notifications {sent} were sent").into());
        }
        Ok(actions)
    }

    /// How many messages and menu taps are stored and applied.
    async fn applied(&self) -> Result<u64, Failure> {
        let scan = json!({
            "TableName": EVENTS_TABLE,
            "FilterExpression": "kind IN (:text, :click) AND attribute_exists(applied_at)",
            "ExpressionAttributeValues": { ":text": { "S": "text" }, ":click": { "S": "click" } },
        });
        Ok(self.stack.cloud.count(scan).await?)
    }

    /// How many template messages WeChat was asked to send today.
    async fn sent(&self) -> Result<usize, Failure> {
        let quotas = self.stack.sandbox("apps/shop/quotas").await?;
        Ok(quotas["used"][QUOTAS[0]].as_u64().unwrap_or_default().try_into()?)
    }

    /// Stops the stack, unless a client still uses it.
    pub(crate) async fn stop(self: std::sync::Arc<Self>) {
        if let Some(clients) = std::sync::Arc::into_inner(self) {
            clients.stack.stop().await;
        }
    }
}

/// The number of the day in China.
fn day_in_china() -> u64 {
    (Timestamp::now().0 + 8 * 3600) / 86_400
}

fn name(number: usize) -> String {
    format!("p{number}")
}

fn json_of(text: &str) -> Result<Value, Failure> {
    Ok(serde_json::from_str(text)?)
}

fn expect(response: &Value, is_right: bool) -> Result<(), Failure> {
    if is_right { Ok(()) } else { Err(format!("an unexpected response: {response}").into()) }
}
