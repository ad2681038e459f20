//! Everything together: the template's functions, with what feeds them.

mod beside;
mod error;
mod options;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value as Json;
use tokio::task::JoinSet;

use crate::{
    aws::{
        self, Aws,
        lambda::{Answer, Invoke, InvokeError},
        notified::Watched,
    },
    gateway::Gateway,
    http::{Http, HttpError},
    queue::Feed,
    rule,
    runtime::{self, Runtime},
    schedule, seed,
    stream::Stream,
    template::{Function, Place, Template},
};
pub use error::{Error, InvokeFailure};
pub use options::Options;

/// The stage that this machine is.
const STAGE: &str = "local";

/// The binary of the function that sends notifications.
const SEND: &str = "send";

/// The file that says that the example's people are there.
const PEOPLE: &str = "people";

/// How long work under way may take to finish once everything is to stop.
const GRACE: Duration = Duration::from_secs(1);

/// The cloud, running. Dropping it kills every function.
pub struct Cloud {
    /// DynamoDB, SSM, SQS and buses, and their faults.
    pub aws: Aws,
    /// What happens underneath: invocations, notifications, calls and callbacks.
    pub feed: wechat_sandbox::ActivityFeed,
    place: Place,
    runtime: Runtime,
    functions: BTreeMap<String, String>,
    streams: Vec<Arc<Stream>>,
    feeds: Vec<Arc<Feed>>,
    api: Http,
    aws_door: Http,
    sandbox: Http,
    /// Where the HTTP APIs of the stacks beside Hongyan's answer, by the stack.
    apis: Vec<(String, SocketAddr)>,
    people: AtomicBool,
    data: Option<PathBuf>,
    addresses: [SocketAddr; 3],
    // Taken when it stops.
    running: Option<Running>,
}

struct Running {
    /// Schedules and mappings.
    tasks: JoinSet<()>,
    gateways: Vec<Gateway>,
    server: aws::Server,
    wechat: wechat_sandbox::Sandbox,
}

impl Cloud {
    /// Starts everything; when this returns, every address answers.
    ///
    /// # Errors
    /// Says what is wrong and what to do about it. Nothing is left running.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let http = bind("the HTTP API", options.http_port, "--http-port")?;
        let aws_door = bind("AWS", options.aws_port, "--aws-port")?;
        let wechat = bind("the WeChat sandbox", options.wechat_port, "--wechat-port")?;
        let addresses = [address(&http)?, address(&aws_door)?, address(&wechat)?];
        let [http_url, aws_url, wechat_url] = addresses.map(|address| format!("http://{address}"));

        let place = Place {
            stack: format!("hongyan-{STAGE}"),
            region: aws::REGION.to_owned(),
            account: aws::ACCOUNT.to_owned(),
            api_id: STAGE.to_owned(),
            http: http_url.clone(),
            aws: aws_url.clone(),
        };
        let defaults = defaults(&http_url, &wechat_url);
        let parameters = beside::parameters(&options)?;
        let mut template = Template::read(&options.template, &place, &defaults, &parameters[0])?;
        // Each HTTP API has a door of its own: Hongyan's is the first.
        let door = |http, api_id: &str, of: &mut Template| {
            (http, api_id.to_owned(), std::mem::take(&mut of.routes), of.cors.take())
        };
        let mut doors = vec![door(http, &place.api_id, &mut template)];
        let mut apis = Vec::new();
        for (path, own) in options.also.iter().zip(&parameters[1..]) {
            let mut also = beside::read(path, apis.len(), &options, &place, &defaults, own)?;
            if let Some((listener, address)) = also.api {
                doors.push(door(listener, &also.stack, &mut also.template));
                apis.push((also.stack, address));
            }
            beside::merge(&mut template, path, also.template)?;
        }
        check_binaries(&template, &options.binaries)?;

        let data = options.data.as_deref();
        let mut aws = Aws::open(data)?;
        aws.witness = options.witness.clone();
        for table in &template.tables {
            aws.dynamodb.create_table(table)?;
            aws.permissions.know_table(table);
        }
        for function in &template.functions {
            aws.permissions.grant(&function.name, &function.role, function.policy.clone());
        }
        if let Some(file) = &options.uses {
            aws.permissions.write_uses(file).map_err(aws::Error::file("open", file))?;
        }
        template
            .queues
            .iter()
            .try_for_each(|queue| aws.queues.create(&queue.name, &queue.attributes))?;

        let stage = options.parameters.get("Stage").map_or(STAGE, String::as_str);
        let prefix = template
            .functions
            .iter()
            .find_map(|function| function.variables.get("PARAMETER_PREFIX"));
        let prefix = prefix.cloned().unwrap_or_else(|| format!("/hongyan/{stage}"));
        for parameter in &template.parameters {
            aws.parameters.put(&parameter.name, parameter.kind, &parameter.value)?;
        }
        seed::parameters(&aws.parameters, &prefix, &wechat_sandbox::example())?;

        let feed = wechat_sandbox::ActivityFeed::default();
        aws.notified.begin(watched(&template, feed.clone()));
        let runner = |doing| move |source| Error::Runner { doing, source };
        let runtime = Runtime::start(
            &template.functions,
            runtime::Options {
                binaries: options.binaries.clone(),
                aws: aws_url,
                region: place.region.clone(),
                environments: options.environments,
                idle: options.idle,
                logs: options.logs.clone(),
                json_logs: options.json_logs,
                traces: options.traces,
                witness: options.witness,
                feed: feed.clone(),
            },
        )
        .await
        .map_err(runner("serve the Lambda Runtime API"))?;
        let functions: Arc<dyn Invoke> = Arc::new(runtime.clone());
        let server = aws.serve(aws_door, functions.clone()).await?;
        let serve = |(listener, api_id, routes, cors)| {
            let account = place.account.clone();
            Gateway::serve(listener, routes, cors, functions.clone(), account, api_id)
        };
        let gateways = doors.into_iter().map(serve).collect::<Result<_, _>>();
        let gateways = gateways.map_err(runner("serve the HTTP API"))?;
        let wechat = wechat_sandbox::Sandbox::start(wechat_sandbox::Options {
            data: data.map(|data| data.join("wechat.json")),
            business: business(&template, &place),
            feed: feed.clone(),
            ..wechat_sandbox::Options::new(wechat, format!("{http_url}/callback"))
        })
        .await?;

        let mut tasks = JoinSet::new();
        let mut streams = Vec::new();
        let handles = || (aws.clone(), functions.clone(), options.logs.clone());
        for mapping in template.streams {
            let (aws, functions, logs) = handles();
            streams.push(Arc::new(Stream::open(mapping, aws, functions, logs, data)?));
        }
        for pipe in template.pipes {
            let (aws, functions, logs) = handles();
            streams.push(Arc::new(Stream::open_pipe(pipe, aws, functions, logs, data)?));
        }
        for stream in &streams {
            tasks.spawn(stream.clone().keep());
        }
        let mut feeds = Vec::new();
        for mapping in template.queue_mappings {
            let feed = Arc::new(Feed::new(
                mapping,
                aws.queues.clone(),
                functions.clone(),
                options.logs.clone(),
            ));
            tasks.spawn(feed.clone().keep());
            feeds.push(feed);
        }
        let invocations = aws.asynchronous(functions.clone());
        let arrivals = aws.buses.follow();
        tasks.spawn(rule::keep(template.rules, aws.buses.clone(), arrivals, invocations));
        for schedule in template.schedules {
            tasks.spawn(schedule::keep(schedule, aws.asynchronous(functions.clone())));
        }
        Ok(Self {
            aws,
            feed,
            aws_door: Http::new(place.aws.clone())?,
            place,
            runtime,
            functions: template
                .functions
                .into_iter()
                .map(|function| (function.binary, function.name))
                .collect(),
            streams,
            feeds,
            api: Http::new(http_url)?,
            sandbox: Http::new(wechat_url)?,
            people: AtomicBool::new(data.is_some_and(|data| data.join(PEOPLE).exists())),
            data: options.data,
            addresses,
            apis,
            running: Some(Running { tasks, gateways, server, wechat }),
        })
    }

    /// Where the HTTP API answers.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where the HTTP APIs of the stacks that run beside Hongyan's answer, by the
    /// stack's name.
    #[must_use]
    pub fn apis(&self) -> &[(String, SocketAddr)] {
        &self.apis
    }

    /// Where AWS answers.
    #[must_use]
    pub fn aws(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Where the WeChat sandbox answers.
    #[must_use]
    pub fn wechat(&self) -> SocketAddr {
        self.addresses[2]
    }

    /// The ARN of something here.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        self.place.arn(service, resource)
    }

    /// What the function with this binary is called: `send` is `hongyan-local-send`.
    #[must_use]
    pub fn function(&self, binary: &str) -> String {
        self.functions
            .get(binary)
            .cloned()
            .unwrap_or_else(|| format!("{}-{binary}", self.place.stack))
    }

    /// The sandbox's world as it is now, with its secrets; none once everything stops.
    #[must_use]
    pub fn world(&self) -> Option<wechat_sandbox::World> {
        self.running.as_ref().map(|running| running.wechat.world())
    }

    /// The process ids of all function processes, and of what guards them.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.runtime.processes()
    }

    /// Asks an AWS service, as its JSON protocol names the operation:
    /// `DynamoDB_20120810.Scan`. It is nobody's function that asks, so no role is looked
    /// at and nothing is metered.
    ///
    /// # Errors
    /// If the service refuses.
    pub async fn ask(&self, target: &str, body: &Json) -> Result<Json, HttpError> {
        self.aws_door.ask(target, body).await
    }

    /// How many rows a scan finds, on all its pages. `scan` is the request (Amazon
    /// DynamoDB API Reference, "Scan") without `Select` and `ExclusiveStartKey`.
    ///
    /// # Errors
    /// If DynamoDB refuses.
    pub async fn count(&self, mut scan: Json) -> Result<u64, HttpError> {
        scan["Select"] = "COUNT".into();
        let mut count = 0;
        loop {
            let mut page = self.ask("DynamoDB_20120810.Scan", &scan).await?;
            count += page["Count"].as_u64().unwrap_or_default();
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].take();
            if scan["ExclusiveStartKey"].is_null() {
                return Ok(count);
            }
        }
    }

    /// Invokes a function by its name and waits for its answer.
    ///
    /// # Errors
    /// If it doesn't exist, is throttled, or fails.
    pub async fn invoke(&self, function: &str, event: &Json) -> Result<Json, InvokeFailure> {
        match self.runtime.run(function, event.to_string().into()).await {
            Ok(Answer::Ok(payload)) if payload.is_empty() => Ok(Json::Null),
            Ok(Answer::Ok(payload)) => serde_json::from_slice(&payload)
                .map_err(|_| InvokeFailure::NotJson(function.to_owned())),
            Ok(Answer::FunctionError(payload)) => Err(InvokeFailure::Failed {
                function: function.to_owned(),
                error: serde_json::from_slice(&payload).unwrap_or_default(),
            }),
            Err(InvokeError::NotFound) => Err(InvokeFailure::NotFound(function.to_owned())),
            Err(InvokeError::Throttled) => Err(InvokeFailure::Throttled(function.to_owned())),
        }
    }

    /// Kills (`kill -9`) all processes of a function by its name, and returns
    /// when they are gone; tells how many. What they were at is answered as
    /// Lambda answers when a runtime exits: `Runtime.ExitError`, and 500 to a
    /// caller of the HTTP API. The next invocation gets a new process.
    ///
    /// # Errors
    /// If there is no such function.
    pub async fn kill(&self, function: &str) -> Result<usize, InvokeFailure> {
        let killed = self.runtime.kill_function(function).await;
        killed.ok_or_else(|| InvokeFailure::NotFound(function.to_owned()))
    }

    /// A storm of cold starts: each of the next so many invocations of a function, by
    /// its name, starts a process of its own, whatever processes are idle; tells how
    /// many. Zero ends it.
    ///
    /// # Errors
    /// If there is no such function.
    pub fn storm(&self, function: &str, invocations: usize) -> Result<usize, InvokeFailure> {
        let cold = self.runtime.storm_function(function, invocations);
        cold.ok_or_else(|| InvokeFailure::NotFound(function.to_owned()))
    }

    /// Freezes (`SIGSTOP`) all processes of a function, by its name, that are at
    /// work; tells how many. What they are at goes on being counted: after the
    /// function's timeout they are killed. Whoever comes next gets another process.
    ///
    /// # Errors
    /// If there is no such function.
    pub async fn freeze(&self, function: &str) -> Result<usize, InvokeFailure> {
        let frozen = self.runtime.freeze_function(function).await;
        frozen.ok_or_else(|| InvokeFailure::NotFound(function.to_owned()))
    }

    /// Lets all processes of a function go on (`SIGCONT`); tells how many there are.
    ///
    /// # Errors
    /// If there is no such function.
    pub async fn thaw(&self, function: &str) -> Result<usize, InvokeFailure> {
        let thawed = self.runtime.thaw_function(function).await;
        thawed.ok_or_else(|| InvokeFailure::NotFound(function.to_owned()))
    }

    /// Returns when nothing is left to do: no invocation is under way, streams,
    /// pipes and queues are read to their ends, and the sandbox has pushed what it
    /// had to push. Messages that failed and wait to come back, delayed
    /// messages, and asynchronous invocations that wait to be tried again don't
    /// count.
    ///
    /// # Errors
    /// If the sandbox doesn't answer.
    pub async fn idle(&self) -> Result<(), HttpError> {
        let activity = self.runtime.activity();
        loop {
            let started = activity.started();
            activity.none_under_way().await;
            self.sandbox.get("/sandbox/idle").await?;
            let fed = self.streams.iter().all(|stream| stream.is_idle())
                && self.feeds.iter().all(|feed| feed.is_idle())
                && self.aws.buses.is_idle();
            if fed && activity.under_way() == 0 && activity.started() == started {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops everything. What is under way has a second to finish; then
    /// functions are killed, and data is written down.
    pub async fn stop(mut self) {
        // A sandbox that doesn't answer any more has nothing to finish.
        let _ = tokio::time::timeout(GRACE, self.idle()).await;
        let Some(mut running) = self.running.take() else { return };
        running.tasks.shutdown().await;
        self.feeds.iter().for_each(|feed| feed.release());
        running.wechat.stop().await;
        self.runtime.stop().await;
        for gateway in running.gateways {
            gateway.stop().await;
        }
        running.server.stop().await;
        self.aws.clone().close().await;
    }

    pub(crate) fn api(&self) -> &Http {
        &self.api
    }

    pub(crate) fn sandbox(&self) -> &Http {
        &self.sandbox
    }

    /// Whether the example's people have been brought in.
    pub(crate) fn has_people(&self) -> bool {
        self.people.load(Ordering::SeqCst)
    }

    pub(crate) fn remember_people(&self) -> io::Result<()> {
        self.people.store(true, Ordering::SeqCst);
        match &self.data {
            Some(data) => std::fs::write(data.join(PEOPLE), "ann, bob and carol are here\n"),
            None => Ok(()),
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.runtime.kill();
    }
}

fn bind(what: &'static str, port: u16, option: &'static str) -> Result<TcpListener, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| Error::Port {
        what,
        port,
        option,
        source,
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Runner { doing: "see its own address", source })
}

/// The function that sends notifications, if the template has it.
fn sender(template: &Template) -> Option<&Function> {
    template.functions.iter().find(|function| function.binary == SEND)
}

/// Where notifications come in and are kept, for whoever watches.
fn watched(template: &Template, feed: wechat_sandbox::ActivityFeed) -> Watched {
    let send = sender(template);
    let table = send.and_then(|send| send.variables.get("NOTIFICATIONS_TABLE")).cloned();
    let mapping = template
        .queue_mappings
        .iter()
        .find(|mapping| send.is_some_and(|send| send.name == mapping.function));
    Watched {
        feed,
        table,
        queue: mapping.map(|mapping| mapping.queue.clone()),
        reading: Mutex::default(),
    }
}

/// What the sandbox's phones and its page reach.
fn business(template: &Template, place: &Place) -> wechat_sandbox::Business {
    let send = sender(template)
        .map(|send| format!("{}/2015-03-31/functions/{}/invocations", place.aws, send.name));
    wechat_sandbox::Business { api: Some(place.http.clone()), send }
}

/// What this machine says of the parameters that the template has.
fn defaults(http: &str, wechat: &str) -> BTreeMap<String, String> {
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    [("Stage", STAGE), ("Architecture", architecture), ("WeChatUrl", wechat), ("Issuer", http)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn check_binaries(template: &Template, binaries: &Path) -> Result<(), Error> {
    for function in &template.functions {
        let path = function.folder.as_deref().unwrap_or(binaries).join(&function.binary);
        if !path.is_file() {
            return Err(Error::Binary { function: function.logical_id.clone(), path });
        }
    }
    Ok(())
}
