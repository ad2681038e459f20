//! Hongyan's stack, with a WeChat to run against.

use std::{
    io,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use local_aws::{
    Cloud, Endpoints, HttpClient, HttpError, InvocationEnd, Observed, Options, Prepared,
    TrafficObserver, cloud::bind, template::Template,
};
use persisted::private;
use wechat_sandbox::{ActivityFeed, ActivityKind, Business, Sandbox, World, example};

use crate::{notification_feed, seed};

/// The stage that this machine is.
const STAGE: &str = "local";

/// The binary of the function that sends notifications.
pub(crate) const SEND: &str = "send";

/// The file in the data folder that exists once the example's people do.
const PEOPLE: &str = "people";

/// How long work under way may take to finish once everything is to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Why the stack doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS on this machine.
    #[error(transparent)]
    Aws(#[from] local_aws::Error),
    /// The sandbox.
    #[error("the WeChat sandbox doesn't start: {0}")]
    Sandbox(#[from] wechat_sandbox::Error),
}

/// Hongyan's stack, running. Dropping it kills every function. As a [`Cloud`] it is what
/// AWS has of it.
pub struct Stack {
    cloud: Cloud,
    /// What the sandbox's page shows: invocations, notifications, calls and callbacks.
    pub feed: ActivityFeed,
    api: HttpClient,
    sandbox_client: HttpClient,
    sandbox_address: SocketAddr,
    sandbox: Sandbox,
    has_people: AtomicBool,
    data: Option<PathBuf>,
}

impl Stack {
    /// Starts everything, with the sandbox on a free port; when this returns, every address
    /// answers. Parameters that `options` doesn't set are this machine's: `Stage`,
    /// `Architecture`, `WeChatUrl`, `Issuer` and `FormIds`. If it fails, nothing is left running.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_with_sandbox_on(0, options).await
    }

    /// As [`Stack::start`], with the sandbox on this port; 0 chooses a free one.
    pub async fn start_with_sandbox_on(port: u16, mut options: Options) -> Result<Self, Error> {
        let endpoints = Endpoints::bind(options.http_port, options.aws_port)?;
        let (listener, sandbox_address) = bind("the WeChat sandbox", port, "--wechat-port")?;
        let (http_url, aws_url) = (endpoints.http_url(), endpoints.aws_url());
        let sandbox_url = format!("http://{sandbox_address}");
        options.stack.get_or_insert_with(|| format!("hongyan-{STAGE}"));
        let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
        for (name, value) in [
            ("Stage", STAGE),
            ("Architecture", architecture),
            ("WeChatUrl", &sandbox_url),
            ("Issuer", &http_url),
            // The sandbox still has the messages that need them.
            ("FormIds", "on"),
        ] {
            options.parameter_defaults.insert(name.to_owned(), value.to_owned());
        }
        let host_names = options.host_names.clone();
        let (data, stage) = (options.data.clone(), options.parameters.get("Stage").cloned());

        let mut prepared = Prepared::new(options, endpoints)?;
        let functions = &prepared.template().functions;
        let prefix = functions.iter().find_map(|it| it.variables.get("PARAMETER_PREFIX")).cloned();
        let prefix =
            prefix.unwrap_or_else(|| format!("/hongyan/{}", stage.as_deref().unwrap_or(STAGE)));
        seed::parameters(&prepared.aws.parameters, &prefix, &example())
            .map_err(local_aws::Error::from)?;
        let world = seed::world(&prepared.aws.parameters, &prefix);
        let business = Business {
            api: Some(http_url.clone()),
            send: function_with(SEND, prepared.template())
                .map(|send| format!("{aws_url}/2015-03-31/functions/{send}/invocations")),
        };
        let feed = ActivityFeed::default();
        prepared.observe(invocation_observer(feed.clone()));
        let dynamodb = prepared.aws.dynamodb.clone();
        let observer = notification_feed::observer(prepared.template(), dynamodb, feed.clone());
        prepared.observe(observer);
        let cloud = prepared.start().await?;
        let options = wechat_sandbox::Options {
            data: data.as_ref().map(|data| data.join("wechat.json")),
            business,
            host_names,
            feed: feed.clone(),
            ..wechat_sandbox::Options::new(listener, format!("{http_url}/callback"))
        };
        let sandbox = Sandbox::start_with(options, world).await?;
        Ok(Self {
            cloud,
            feed,
            api: HttpClient::new(http_url).map_err(local_aws::Error::from)?,
            sandbox_client: HttpClient::new(sandbox_url).map_err(local_aws::Error::from)?,
            sandbox_address,
            sandbox,
            has_people: AtomicBool::new(data.as_ref().is_some_and(|it| it.join(PEOPLE).exists())),
            data,
        })
    }

    /// Where the WeChat sandbox answers.
    pub fn wechat(&self) -> SocketAddr {
        self.sandbox_address
    }

    /// The sandbox's world as it is now, with its secrets.
    pub fn world(&self) -> World {
        self.sandbox.world()
    }

    /// As [`Cloud::idle`], and the sandbox has pushed what it had to push.
    pub async fn idle(&self) -> Result<(), HttpError> {
        loop {
            let invocations = self.cloud.invocations();
            self.cloud.idle().await;
            self.sandbox_client.get("/sandbox/idle").await?;
            if self.cloud.is_idle() && self.cloud.invocations() == invocations {
                return Ok(());
            }
        }
    }

    /// Stops everything. Work under way has a second to finish; then functions are
    /// killed, and data is saved.
    pub async fn stop(self) {
        // A sandbox that doesn't answer any more has nothing to finish.
        let _ = tokio::time::timeout(STOP_GRACE, self.idle()).await;
        let Self { mut cloud, sandbox, .. } = self;
        cloud.stop_event_sources().await;
        sandbox.stop().await;
        cloud.stop_now().await;
    }

    pub(crate) fn api(&self) -> &HttpClient {
        &self.api
    }

    pub(crate) fn sandbox(&self) -> &HttpClient {
        &self.sandbox_client
    }

    /// Whether the example's people exist.
    pub(crate) fn has_people(&self) -> bool {
        self.has_people.load(Ordering::SeqCst)
    }

    pub(crate) fn remember_people(&self) -> io::Result<()> {
        self.has_people.store(true, Ordering::SeqCst);
        match &self.data {
            Some(data) => private::replace(&data.join(PEOPLE), b"ann, bob and carol are here\n"),
            None => Ok(()),
        }
    }
}

impl Deref for Stack {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.cloud
    }
}

impl DerefMut for Stack {
    fn deref_mut(&mut self) -> &mut Cloud {
        &mut self.cloud
    }
}

/// The name of the function with this binary.
fn function_with(binary: &str, template: &Template) -> Option<String> {
    let mut functions = template.functions.iter();
    functions.find(|function| function.binary == binary).map(|function| function.name.clone())
}

/// Shows invocations in the feed.
fn invocation_observer(feed: ActivityFeed) -> TrafficObserver {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let observer = TrafficObserver::new(move |observed| match observed {
        Observed::InvocationStarted { number, binary, cold, .. } => {
            feed.record(ActivityKind::Invocation, &number.to_string(), |facts| {
                facts.insert("function".to_owned(), binary.into());
                facts.insert("cold".to_owned(), cold.into());
            });
        }
        Observed::InvocationEnded { number, end, duration, init_duration } => {
            let went = match end {
                InvocationEnd::NeverTaken => "never_taken",
                InvocationEnd::Answered => "answered",
                InvocationEnd::Failed => "failed",
                InvocationEnd::Ended => "ended",
            };
            feed.update(ActivityKind::Invocation, &number.to_string(), |facts| {
                facts.insert("went".to_owned(), went.into());
                facts.insert("duration_ms".to_owned(), millis(duration).into());
                facts.insert("ready_ms".to_owned(), init_duration.map(millis).into());
            });
        }
        _ => {}
    });
    observer.only_calls(|_, _| false)
}
