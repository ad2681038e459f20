//! The world of one scenario: a cloud, a WeChat, people, and a caller who wants
//! to reach them.

use crate::binaries;
use crate::contract;
use crate::phone::{Phone, password};
use crate::sandbox::WeChat;
use crate::secrets::SecretScan;
use crate::tables::Aws;
use futures_util::future::join_all;
use hongyan_local::Stack;
use local_aws::{CloudWatch, InvokeFailure, Logs, Options, TrafficObserver};
use serde_json::{Value, json};
use shared::config::optional;
use shared::http::HttpClient;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// How long a scenario waits for a condition: longer than it takes on a busy machine.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(180);
/// How much longer than usual the functions wait for AWS, and WeChat for them.
const TIMEOUT_FACTOR: u64 = 4;
/// The template that is deployed.
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/aws/template.yaml");

/// The gallery.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// The world of one scenario.
pub(crate) struct World {
    pub(crate) cloud: Stack,
    pub(crate) wechat: WeChat,
    pub(crate) aws: Aws,
    pub(crate) client: reqwest::Client,
    /// What is measured, and the alarms, on a clock of their own.
    pub(crate) cloudwatch: CloudWatch,
    lines: Arc<Mutex<Vec<String>>>,
    pub(crate) sought: SecretScan,
    /// The changed template, if it was changed.
    _template: Option<TempDir>,
}

impl World {
    /// Everything as it is deployed, with an access token for each app. No person
    /// follows or has logged in, and no app answers by itself.
    pub(crate) async fn start() -> Self {
        let world = Self::with_template(None).await;
        world.silence().await;
        world.token_round().await;
        world
    }

    /// As [`World::start`], with the rules for answering that the example has.
    pub(crate) async fn with_example_replies() -> Self {
        let world = Self::with_template(None).await;
        world.token_round().await;
        world
    }

    /// As [`World::start`], with functions that log from this level on only.
    pub(crate) async fn logging_from(level: &str) -> Self {
        Self::with_parameters(&[("LogLevel", level)]).await
    }

    /// Another stage, which calls the WeChat of this one. WeChat pushes nothing to it.
    pub(crate) async fn other_stage(&self, stage: &str) -> Self {
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries::folder();
        let wechat_url = format!("http://{}", self.cloud.wechat());
        for (name, value) in [("Stage", stage), ("WeChatUrl", &wechat_url)] {
            options.parameters.insert(name.to_owned(), value.to_owned());
        }
        let mut world = Self::start_with(None, options).await;
        world.wechat = WeChat::new(world.client.clone(), self.cloud.wechat());
        // Where secrets may be is said of the stage `local` only.
        world.sought = SecretScan::default();
        world.token_round().await;
        world
    }

    /// As [`World::start`], with these parameters of the template.
    pub(crate) async fn with_parameters(parameters: &[(&str, &str)]) -> Self {
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries::folder();
        let parameters = parameters.iter().map(|(name, value)| (*name, *value));
        options
            .parameters
            .extend(parameters.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let world = Self::start_with(None, options).await;
        world.silence().await;
        world.token_round().await;
        world
    }

    /// As [`World::start`], with ann, who follows the shop and has logged in to
    /// the mini program: the world, and her as a recipient.
    pub(crate) async fn with_ann() -> (Self, Value) {
        let world = Self::start().await;
        let ann = world.phone("ann");
        ann.follow("shop").await;
        ann.log_in("shop-mini").await;
        (world, json!({ "account": "ann" }))
    }

    /// As [`World::start`], from a template in which each first text has become
    /// the second. No token is waited for: what was changed may prevent it.
    pub(crate) async fn changed(changes: &[(&str, &str)]) -> Self {
        let text = template(changes);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("template.yaml"), text).unwrap();
        let world = Self::with_template(Some(folder)).await;
        // In another stage the parameters have other names.
        if world.cloud.aws.parameters.get("/hongyan/local/apps/shop").is_some() {
            world.silence().await;
        }
        world
    }

    /// As [`World::changed`], with functions that aren't Hongyan's: examples of this
    /// package.
    pub(crate) async fn with_examples(names: &[&str], changes: &[(&str, &str)]) -> Self {
        Self::from_binaries(binaries::with_examples(names), changes).await
    }

    /// As [`World::changed`], with the binaries of this folder.
    pub(crate) async fn from_binaries(folder: TempDir, changes: &[(&str, &str)]) -> Self {
        std::fs::write(folder.path().join("template.yaml"), template(changes)).unwrap();
        let mut options = Options::new(folder.path().join("template.yaml"));
        options.binaries = folder.path().to_owned();
        let world = Self::start_with(Some(folder), options).await;
        world.silence().await;
        world.token_round().await;
        world
    }

    /// As [`World::start`], with the stacks of these folders of `examples/` beside it,
    /// each from its own template. Recorded events go to the account's own bus.
    pub(crate) async fn beside(examples: &[&str]) -> Self {
        let mut options = Options::new(TEMPLATE);
        options.binaries = binaries::with_gallery();
        let template = |name: &&str| PathBuf::from(EXAMPLES).join(name).join("template.yaml");
        options.extra_stacks = examples.iter().map(template).collect();
        options.parameters.insert("EventBus".to_owned(), "default".to_owned());
        let world = Self::start_with(None, options).await;
        world.silence().await;
        world.token_round().await;
        world
    }

    async fn with_template(folder: Option<TempDir>) -> Self {
        let mut options = match &folder {
            Some(folder) => Options::new(folder.path().join("template.yaml")),
            None => Options::new(TEMPLATE),
        };
        options.binaries = binaries::folder();
        Self::start_with(folder, options).await
    }

    async fn start_with(folder: Option<TempDir>, mut options: Options) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let log = lines.clone();
        // No scenario depends on how busy the machine is: what a function does by its
        // deadline is its own business, and it isn't killed for being slower.
        options.timeout_grace = Duration::from_secs(60);
        // Nor does it give an AWS up that shares this machine's processor with it.
        options.environment.insert("TIMEOUT_FACTOR".to_owned(), TIMEOUT_FACTOR.to_string());
        // `make test` compares it with what the policies allow, when all is done.
        options.uses = optional("PERMISSIONS_USED").map(PathBuf::from);
        let json_logs = optional("JSON_LOGS").is_some();
        // A scenario that has it in JSON by itself looks at JSON.
        let text = std::fs::read_to_string(&options.template).unwrap();
        let is_read_as_text = json_logs && !text.contains("AWS_LAMBDA_LOG_FORMAT");
        let sought = SecretScan::default();
        let (printed, passed) = (sought.clone(), sought.clone());
        let cloudwatch = CloudWatch::default();
        let metrics = cloudwatch.clone();
        options.logs = Logs::to(true, move |line| {
            printed.line(line);
            metrics.read_line(&line.text);
            let text = as_text(&line.text).filter(|_| is_read_as_text);
            let text = text.unwrap_or_else(|| line.text.clone());
            log.lock().unwrap().push(format!("{:<10}{text}", line.function));
        });
        // All that they can log, and for `make secrets` as they log it on AWS.
        options.parameters.entry("LogLevel".to_owned()).or_insert_with(|| "DEBUG".to_owned());
        options.json_logs = json_logs;
        options.observers =
            vec![TrafficObserver::new(move |it| passed.passed(&it)), cloudwatch.observer()];
        let cloud = Stack::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        cloudwatch.watch(&cloud.alarms, cloud.aws.queues.clone()).unwrap();
        let client = HttpClient::new().client();
        let wechat = WeChat::new(client.clone(), cloud.wechat());
        // So WeChat waits longer, too.
        wechat.post("pushing", &json!({ "timeout_ms": 5000 * TIMEOUT_FACTOR })).await;
        if let Some(seed) = optional("CHAOS_SEED") {
            wechat.begin_chaos(&seed).await;
        }
        let aws = Aws::new(client.clone(), cloud.aws());
        Self { cloud, wechat, aws, client, cloudwatch, lines, sought, _template: folder }
    }

    /// One of the sandbox's people: ann, bob or carol.
    pub(crate) fn phone(&self, name: &'static str) -> Phone<'_> {
        Phone { world: self, name }
    }

    /// Waits until everything that was begun is applied.
    pub(crate) async fn idle(&self) {
        self.cloud.idle().await.unwrap();
    }

    /// Waits for something that comes by itself, such as a message that has to
    /// lie on a queue for a second.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let waiting = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(MAX_WAIT, waiting).await.is_err() {
            panic!("not after {MAX_WAIT:?}: {what}");
        }
    }

    /// What the schedule does every minute: a look at every app's access token.
    pub(crate) async fn token_round(&self) {
        self.invoke("token", &json!({})).await.unwrap();
        self.idle().await;
    }

    /// Sends to one recipient: the report, when nothing more happens.
    pub(crate) async fn send(&self, request: &Value) -> Value {
        let mut reports = self.send_to_several(request).await;
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }

    /// Sends: a report for each recipient.
    pub(crate) async fn send_to_several(&self, request: &Value) -> Vec<Value> {
        let mut answer =
            self.invoke("send", request).await.unwrap_or_else(|error| panic!("{error}"));
        self.idle().await;
        serde_json::from_value(answer["notifications"].take()).unwrap()
    }

    /// Sends requests to one recipient each, all at the same time.
    pub(crate) async fn send_at_once(&self, requests: &[Value]) -> Vec<Value> {
        let sends = requests.iter().map(async |request| {
            let mut answer =
                self.invoke("send", request).await.unwrap_or_else(|error| panic!("{error}"));
            answer["notifications"][0].take()
        });
        let reports = join_all(sends).await;
        self.idle().await;
        reports
    }

    /// What is wrong with a request that send refuses: its kind and its message.
    pub(crate) async fn refused(&self, request: &Value) -> (String, String) {
        match self.invoke("send", request).await {
            Err(InvokeFailure::Failed { error, .. }) => {
                let text = |name: &str| error[name].as_str().unwrap().to_owned();
                (text("errorType"), text("errorMessage"))
            }
            other => panic!("it wasn't refused: {other:?}"),
        }
    }

    /// Asks the login function by invoking it: what it answers, or the kind and the
    /// message of its error.
    pub(crate) async fn ask_login(&self, command: &Value) -> Result<Value, (String, String)> {
        match self.invoke("login", command).await {
            Ok(answer) => Ok(answer),
            Err(InvokeFailure::Failed { error, .. }) => {
                let text = |name: &str| error[name].as_str().unwrap().to_owned();
                Err((text("errorType"), text("errorMessage")))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// What the schedule does every minute: sending what is due.
    pub(crate) async fn sweep(&self) {
        self.invoke("send", &json!({ "sweep": {} })).await.unwrap();
        self.idle().await;
    }

    /// Lets the time pass that a notification waits, and that of a minute's quota.
    pub(crate) async fn pass(&self, notification: &str) {
        for attribute in ["retry_at", "due_at"] {
            self.aws.set_time(notification, attribute, 0).await;
        }
        // What a minute's quota is, only the environment knows that was told.
        self.cloud.kill(&self.cloud.function("send")).await.unwrap();
    }

    /// Puts a request on the queue, and waits until it is read.
    pub(crate) async fn queue(&self, body: &(impl ToString + ?Sized)) {
        self.cloud.aws.queues.send("hongyan-local-notifications", body.to_string()).unwrap();
        self.idle().await;
    }

    /// Invokes a function, called as its binary is.
    pub(crate) async fn invoke(&self, binary: &str, event: &Value) -> Result<Value, InvokeFailure> {
        let answer = self.cloud.invoke(&self.cloud.function(binary), event).await?;
        if binary == "send" {
            contract::check(event, &answer);
        }
        Ok(answer)
    }

    /// Makes an account of this name, unless there is one.
    pub(crate) async fn account(&self, name: &str) {
        let create = json!({ "create_account": { "username": name, "password": password(name) } });
        match self.invoke("login", &create).await {
            Ok(_) => {}
            Err(InvokeFailure::Failed { error, .. }) if error["errorType"] == "AccountExists" => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Posts a login as a mini program does: the status and the answer.
    pub(crate) async fn log_in(&self, app: &str, login: &Value) -> (u16, Value) {
        let url = self.url(&format!("/login/{app}"));
        let answer = self.client.post(url).json(login).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// The address of a path of the HTTP API.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.cloud.http())
    }

    /// A parameter's value. `name` is what follows the prefix.
    pub(crate) fn parameter(&self, name: &str) -> Value {
        let text = self.cloud.aws.parameters.get(&format!("/hongyan/local/{name}"));
        serde_json::from_str(&text.unwrap_or_else(|| panic!("there is no parameter {name}")))
            .unwrap()
    }

    /// Sets a parameter, as an operator would.
    pub(crate) fn set_parameter(&self, name: &str, value: &(impl ToString + ?Sized)) {
        let name = format!("/hongyan/local/{name}");
        let secret = local_aws::services::ssm::Kind::SecureString;
        let plain = local_aws::services::ssm::Kind::String;
        let kind =
            if name.contains("/apps/") || name.contains("/templates/") { plain } else { secret };
        self.cloud.aws.parameters.put(&name, kind, &value.to_string()).unwrap();
    }

    /// No app answers by itself: what a scenario sees, it has asked for.
    async fn silence(&self) {
        for app in ["shop", "shop-mini"] {
            self.set_replies(app, json!([]));
        }
        // A schedule may have started it already, and then it knows the example's.
        self.cloud.kill(&self.cloud.function("events")).await.unwrap();
    }

    /// Gives an app these rules for answering.
    pub(crate) fn set_replies(&self, app: &str, rules: Value) {
        let name = format!("apps/{app}");
        let mut settings = self.parameter(&name);
        settings["replies"] = rules;
        self.set_parameter(&name, &settings);
    }

    /// The address of a path of the HTTP API of a stack beside Hongyan's.
    pub(crate) fn url_of(&self, stack: &str, path: &str) -> String {
        let (_, api) = self.cloud.apis().iter().find(|(name, _)| name == stack).unwrap();
        format!("http://{api}{path}")
    }

    /// What stands in a file of `examples/`.
    pub(crate) fn example(file: &str) -> String {
        std::fs::read_to_string(PathBuf::from(EXAMPLES).join(file)).unwrap()
    }

    /// All that was logged so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// The template in which each first text has become the second.
fn template(changes: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(TEMPLATE).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "the template has no {from:?} that could be changed");
        text = text.replace(from, to);
    }
    text
}

/// What a line in JSON would be as text, as far as scenarios look at it. A metric is no
/// such line.
fn as_text(line: &str) -> Option<String> {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else { return None };
    let mut text = |name: &str| Some(fields.remove(name)?.as_str()?.to_owned());
    let mut as_text = format!("{:>5} {}", text("level")?, text("message")?);
    for (name, value) in fields {
        as_text.extend([" ", &name, "=", &value.to_string()]);
    }
    Some(as_text)
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return print_lines(&self.lines());
        }
        let betrayed = self.sought.find(Some(&self.cloud.world()));
        assert!(betrayed.is_empty(), "secrets are where they don't belong: {betrayed:#?}");
    }
}

#[expect(clippy::print_stderr, reason = "a failed scenario is understood by its log")]
pub(crate) fn print_lines(lines: &[String]) {
    eprintln!("what was logged:\n{}", lines.join("\n"));
}

/// A notification of the template `order_shipped`.
pub(crate) fn order(id: &str, to: Value) -> Value {
    let mut request = json!({
        "id": id, "template": "order_shipped",
        "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
    });
    request["to"] = to;
    request
}
