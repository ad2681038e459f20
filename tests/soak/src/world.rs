//! A cloud with the release binaries, a WeChat, and people who keep it busy.

use crate::Failure;
use crate::work::Work;
use hongyan_local::Stack;
use local_aws::{Logs, Options};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::http::HttpClient;
use shared::wechat::signature;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
const NOOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../noop/template.yaml");
const QUEUE: &str = "hongyan-local-notifications";
const EVENTS: &str = "hongyan-local-events";
/// So many messages of the queue may wait; whoever wants more waits as well.
const WAITING: usize = 50;
/// So many people follow the account and use the mini program: enough that none of them
/// logs in more than 100 times a minute, which WeChat wouldn't let them.
const PEOPLE: usize = 200;
/// So many processes each function may have. Clients beyond them wait for their turn.
const ENVIRONMENTS: usize = 2;
const PASSWORD: &str = "a password";
/// What WeChat would have been asked more often today than it lets anybody.
const QUOTAS: [&str; 6] = [
    "/cgi-bin/message/template/send",
    "/cgi-bin/stable_token",
    "/cgi-bin/user/get",
    "/cgi-bin/user/info",
    "/cgi-bin/user/info/batchget",
    "/sns/jscode2session",
];

pub(crate) struct World {
    cloud: Stack,
    client: reqwest::Client,
    /// The unionid of each follower.
    people: Vec<String>,
    /// How often something was asked for.
    asked: AtomicUsize,
    /// How many notifications there are, beside the first.
    notified: AtomicUsize,
    /// How many messages followers have written, and taps on the menu.
    acts: AtomicUsize,
    /// The day in China on which it began.
    day: u64,
}

/// Limits that nobody reaches: the door is not what is tried here.
fn unlimited() -> BTreeMap<String, String> {
    let limits =
        ["CallbackRate", "CallbackBurst", "LoginRate", "LoginBurst", "DefaultRate", "DefaultBurst"];
    limits.map(|name| (name.to_owned(), "9999".to_owned())).into()
}

impl World {
    /// A world in which everybody follows, and everything has happened once.
    pub(crate) async fn start(binaries: &Path, logs: Logs) -> Result<Self, Failure> {
        let mut options = Options::new(TEMPLATE);
        options.extra_stacks = vec![NOOP.into()];
        options.parameters = unlimited();
        options.binaries = binaries.into();
        options.environments = ENVIRONMENTS;
        // Nobody is stopped for having nothing to do.
        options.idle = Duration::from_secs(24 * 3600);
        options.logs = logs;
        // `lambda_runtime` 1.5.0 sets the variable `_X_AMZN_TRACE_ID` anew for each
        // invocation, and glibc keeps every value that a variable ever had (`setenv`:
        // whoever has called `getenv` may still be reading it). These hundred bytes each
        // would hide what the functions leak.
        options.traces = false;
        let cloud = Stack::start(options).await?;
        let client = HttpClient::new().client();
        let mut world = Self {
            cloud,
            client,
            people: Vec::new(),
            asked: AtomicUsize::new(0),
            notified: AtomicUsize::new(0),
            acts: AtomicUsize::new(0),
            day: day(),
        };
        let quotas: Value =
            QUOTAS.map(|path| (path.to_owned(), json!(100_000_000))).into_iter().collect();
        for app in ["shop", "shop-mini"] {
            world.sandbox(&format!("apps/{app}/quotas"), &quotas).await?;
        }
        // An answer of ours that got lost: each push comes twice.
        world.sandbox("pushing", &json!({ "copies": 2 })).await?;
        world.invoke("token", json!({})).await?;
        for number in 0..PEOPLE {
            world.sandbox("people", &json!({ "name": name(number) })).await?;
            let follow = json!({ "app": "shop" });
            world.sandbox(&format!("people/{}/follow", name(number)), &follow).await?;
        }
        world.cloud.idle().await?;
        let url = format!("http://{}/sandbox/people", world.cloud.wechat());
        let known = read(world.client.get(url)).await?;
        let known = known["people"].as_array().cloned().unwrap_or_default();
        for number in 0..PEOPLE {
            let person = known.iter().find(|it| it["name"] == name(number).as_str());
            let ids = person.and_then(|it| it["union_ids"].as_object()?.values().next()?.as_str());
            world.people.push(ids.ok_or("somebody has no unionid")?.to_owned());
        }
        let create = json!({ "create_account": { "username": name(0), "password": PASSWORD } });
        world.invoke("login", create).await?;
        world.notify(0).await?;
        Ok(world)
    }

    /// The process ids of all function processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.cloud.processes()
    }

    /// Asks for the next thing, and sees that it is done.
    ///
    /// # Errors
    ///
    /// If it isn't done as it should be.
    pub(crate) async fn work(&self) -> Result<(), Failure> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        self.perform(Work::of(number), number).await
    }

    /// Asks for this, as the `number`th thing.
    ///
    /// # Errors
    ///
    /// If it isn't done as it should be.
    pub(crate) async fn perform(&self, work: Work, number: usize) -> Result<(), Failure> {
        let done = self.do_it(work, number).await;
        done.map_err(|error| format!("{work:?}, asked for as number {number}: {error}").into())
    }

    async fn do_it(&self, work: Work, number: usize) -> Result<(), Failure> {
        match work {
            Work::Nothing => {
                let answer = self.cloud.invoke(crate::NOOP, &measuring::request()).await?;
                expect(&answer, answer["statusCode"] == 200)
            }
            Work::Greet => self.greet().await,
            Work::Message => {
                let text = format!("where is my order {number}?");
                self.act(number, "message", json!({ "app": "shop", "text": text })).await
            }
            Work::Click => {
                // Two of one person with one key in one second would be one.
                let key = format!("ORDERS-{number}");
                self.act(number, "click", json!({ "app": "shop", "key": key })).await
            }
            Work::Keys => {
                let answer = read(self.client.get(self.api("/.well-known/jwks.json"))).await?;
                expect(&answer, answer["keys"].as_array().is_some_and(|keys| !keys.is_empty()))
            }
            Work::Session => self.session(&name(number % PEOPLE), json!({})).await,
            // One account is one person's.
            Work::Password => {
                let account = json!({ "username": name(0), "password": PASSWORD });
                self.session(&name(0), account).await
            }
            Work::Notify => self.notify(self.notified.fetch_add(1, Ordering::Relaxed) + 1).await,
            Work::Queue => self.queue(self.notified.fetch_add(1, Ordering::Relaxed) + 1).await,
            // Only the first was certainly sent by now.
            Work::Again => self.notify(0).await,
            Work::SweepEvents => self.invoke("events", json!({ "sweep": {} })).await.map(drop),
            Work::SweepSend => self.invoke("send", json!({ "sweep": {} })).await.map(drop),
            Work::Continue => self.invoke("followers", json!({ "continue": {} })).await.map(drop),
            Work::Tokens => {
                let answer = self.invoke("token", json!({})).await?;
                expect(&answer, answer["tokens"].as_array().is_some_and(|it| it.len() == 2))
            }
            Work::Status => {
                let status = json!({ "status": { "app": "shop" } });
                let answer = self.invoke("followers", status).await?;
                expect(&answer, answer["state"] != "failed")
            }
            Work::Import => {
                let import = json!({ "import": { "app": "shop" } });
                let answer = self.invoke("followers", import).await?;
                expect(&answer, answer["state"].is_string() && answer["state"] != "failed")
            }
        }
    }

    /// WeChat's greeting of the shop's callback, signed.
    async fn greet(&self) -> Result<(), Failure> {
        let world = wechat_sandbox::example();
        let token = world.app("shop").map(|app| app.callback_token.expose()).unwrap_or_default();
        let timestamp = Timestamp::now().0.to_string();
        let signature = signature::sign(&[token, &timestamp, "1"]);
        let query = format!("signature={signature}&timestamp={timestamp}&nonce=1&echostr=hello");
        let url = self.api(&format!("/callback/shop?{query}"));
        let answer = self.client.get(url).send().await?.error_for_status()?.text().await?;
        if answer == "hello" { Ok(()) } else { Err(format!("greeted with {answer}").into()) }
    }

    /// What somebody does with their phone, of which the callback hears twice.
    async fn act(&self, number: usize, what: &str, with: Value) -> Result<(), Failure> {
        let path = format!("people/{}/{what}", name(number % PEOPLE));
        self.acts.fetch_add(1, Ordering::Relaxed);
        let done = self.sandbox(&path, &with).await?;
        let pushes = done["pushes"].as_array().map(Vec::as_slice).unwrap_or_default();
        expect(&done, pushes.len() == 2 && pushes.iter().all(|push| push["reply_valid"] == true))
    }

    /// From login to logout.
    async fn session(&self, person: &str, mut login: Value) -> Result<(), Failure> {
        let path = format!("people/{person}/login");
        let code = self.sandbox(&path, &json!({ "app": "shop-mini" })).await?;
        login["code"] = code["code"].clone();
        let mut session = self.post("/login/shop-mini", &login).await?;
        for _ in 0..2 {
            let refresh = json!({ "refresh_token": session["refresh_token"] });
            let next = self.post("/session/refresh", &refresh).await?;
            expect(&next, next["refresh_token"] != session["refresh_token"])?;
            session = next;
        }
        let token = session["access_token"].as_str().unwrap_or_default();
        read(self.client.get(self.api("/session")).bearer_auth(token)).await?;
        let revoke = json!({ "refresh_token": session["refresh_token"] });
        let url = self.api("/session/revoke");
        self.client.post(url).json(&revoke).send().await?.error_for_status()?;
        Ok(())
    }

    /// Sends by invoking the function.
    async fn notify(&self, number: usize) -> Result<(), Failure> {
        let answer = self.invoke("send", self.request(number)).await?;
        let outcome = answer["notifications"][0]["outcome"].as_str().unwrap_or_default();
        expect(&answer, ["sent", "delivered"].contains(&outcome))
    }

    /// Sends through the queue.
    async fn queue(&self, number: usize) -> Result<(), Failure> {
        while self.cloud.aws.queues.length(QUEUE).is_some_and(|length| length > WAITING) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.cloud.aws.queues.send(QUEUE, self.request(number).to_string())?;
        Ok(())
    }

    fn request(&self, number: usize) -> Value {
        json!({
            "id": format!("order-{number}"), "to": { "union_id": self.people[number % PEOPLE] },
            "template": "order_shipped", "channels": ["template"],
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        })
    }

    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Failure> {
        Ok(self.cloud.invoke(&self.cloud.function(function), &event).await?)
    }

    fn api(&self, path: &str) -> String {
        format!("http://{}{path}", self.cloud.http())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        read(self.client.post(self.api(path)).json(body)).await
    }

    async fn sandbox(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("http://{}/sandbox/{path}", self.cloud.wechat());
        read(self.client.post(url).json(body)).await
    }

    /// Waits until nothing is left to do, and sees that every notification was sent once,
    /// and that what followers did, of which the callback heard twice, is stored once and
    /// has taken effect: how often they did something.
    ///
    /// # Errors
    ///
    /// If something is missing, or is there twice.
    pub(crate) async fn settle(&self) -> Result<u64, Failure> {
        self.cloud.idle().await?;
        let acts = self.acts.load(Ordering::Relaxed) as u64;
        let applied = self.applied().await?;
        if applied != acts {
            return Err(format!("of {acts} messages {applied} were stored and applied").into());
        }
        let notified = self.notified.load(Ordering::Relaxed) + 1;
        let sent = self.sent().await?;
        // WeChat begins to count anew at midnight in China.
        if sent != notified && day() == self.day {
            return Err(format!("of {notified} notifications {sent} were sent").into());
        }
        Ok(acts)
    }

    /// How many messages and taps are stored, and have taken effect.
    async fn applied(&self) -> Result<u64, Failure> {
        let scan = json!({
            "TableName": EVENTS,
            "FilterExpression": "kind IN (:text, :click) AND attribute_exists(applied_at)",
            "ExpressionAttributeValues": { ":text": { "S": "text" }, ":click": { "S": "click" } },
        });
        Ok(self.cloud.count(scan).await?)
    }

    /// How many template messages WeChat was asked to send today.
    async fn sent(&self) -> Result<usize, Failure> {
        let url = format!("http://{}/sandbox/apps/shop/quotas", self.cloud.wechat());
        let quotas = read(self.client.get(url)).await?;
        Ok(quotas["used"][QUOTAS[0]].as_u64().unwrap_or_default().try_into()?)
    }

    /// Stops everything, unless a client still has it in hand.
    pub(crate) async fn stop(self: std::sync::Arc<Self>) {
        if let Some(world) = std::sync::Arc::into_inner(self) {
            world.cloud.stop().await;
        }
    }
}

/// The number of the day in China.
fn day() -> u64 {
    (Timestamp::now().0 + 8 * 3600) / 86_400
}

fn name(number: usize) -> String {
    format!("p{number}")
}

/// Sends a request, whose answer is to be a good one, and JSON.
async fn read(request: RequestBuilder) -> Result<Value, Failure> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        return Err(format!("{status}: {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}

fn expect(answer: &Value, is_right: bool) -> Result<(), Failure> {
    if is_right { Ok(()) } else { Err(format!("not what should be answered: {answer}").into()) }
}
