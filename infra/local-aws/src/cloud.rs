//! A running cloud: the template's functions and their event sources.

mod endpoints;
mod error;
mod extra_stacks;
mod options;
mod prepared;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Value as Json;
use tokio::task::JoinSet;

use crate::{
    http::{HttpClient, HttpError},
    runtime::Runtime,
    services::{
        self, Aws, Invoke, ProcessCommand,
        lambda::{FunctionResponse, InvokeError},
    },
    sqs_mapping::SqsMapping,
    stream::Stream,
    template::DeploymentTarget,
};
pub use endpoints::{Endpoints, bind};
pub use error::{Error, InvokeFailure};
pub use options::Options;
pub use prepared::Prepared;

/// What follows a stack's name: `shop-local`.
const STAGE: &str = "local";

/// How long work under way may take to finish once everything is to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// The cloud, running. Dropping it kills every function.
pub struct Cloud {
    /// DynamoDB, SSM, SQS and buses, and their faults.
    pub aws: Aws,
    /// The alarms of the first template, as [`Template::alarms`](crate::template::Template)
    /// has them.
    pub alarms: Vec<Json>,
    target: DeploymentTarget,
    runtime: Runtime,
    functions: BTreeMap<String, String>,
    streams: Vec<Arc<Stream>>,
    feeds: Vec<Arc<SqsMapping>>,
    client: HttpClient,
    /// Where the HTTP APIs of the extra stacks answer, by the stack.
    apis: Vec<(String, SocketAddr)>,
    http_address: SocketAddr,
    aws_address: SocketAddr,
    /// Schedules and mappings.
    tasks: JoinSet<()>,
    // Taken when it stops.
    servers: Option<(Vec<resettable_server::Server>, services::Server)>,
}

impl Cloud {
    /// Starts everything; when this returns, every address answers. If it fails, nothing is
    /// left running.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let endpoints = Endpoints::bind(options.http_port, options.aws_port)?;
        Prepared::new(options, endpoints)?.start().await
    }

    /// Where the HTTP API answers.
    pub fn http(&self) -> SocketAddr {
        self.http_address
    }

    /// Where the HTTP APIs of the extra stacks answer, by the
    /// stack's name.
    pub fn apis(&self) -> &[(String, SocketAddr)] {
        &self.apis
    }

    /// Where AWS answers.
    pub fn aws(&self) -> SocketAddr {
        self.aws_address
    }

    /// The ARN of something here.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        self.target.arn(service, resource)
    }

    /// What the function with this binary is called: `resize` may be `photos-local-resize`.
    pub fn function(&self, binary: &str) -> String {
        self.functions
            .get(binary)
            .cloned()
            .unwrap_or_else(|| format!("{}-{binary}", self.target.stack))
    }

    /// The process ids of all function processes, and of what guards them.
    pub fn processes(&self) -> Vec<u32> {
        self.runtime.processes()
    }

    /// Calls an AWS service, as its JSON protocol names the operation:
    /// `DynamoDB_20120810.Scan`. The caller is no function, so no role is
    /// checked and nothing is metered.
    pub async fn call_service(&self, target: &str, body: &Json) -> Result<Json, HttpError> {
        self.client.call_service(target, body).await
    }

    /// How many rows a scan finds, on all its pages. `scan` is the request (Amazon
    /// DynamoDB API Reference, "Scan") without `Select` and `ExclusiveStartKey`.
    pub async fn count(&self, mut scan: Json) -> Result<u64, HttpError> {
        scan["Select"] = "COUNT".into();
        let mut count = 0;
        loop {
            let mut page = self.call_service("DynamoDB_20120810.Scan", &scan).await?;
            count += page["Count"].as_u64().unwrap_or_default();
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].take();
            if scan["ExclusiveStartKey"].is_null() {
                return Ok(count);
            }
        }
    }

    /// Invokes a function by its name and waits for its answer.
    pub async fn invoke(&self, function: &str, event: &Json) -> Result<Json, InvokeFailure> {
        match self.runtime.invoke(function, event.to_string().into()).await {
            Ok(FunctionResponse::Ok(payload)) if payload.is_empty() => Ok(Json::Null),
            Ok(FunctionResponse::Ok(payload)) => serde_json::from_slice(&payload)
                .map_err(|_| InvokeFailure::NotJson(function.to_owned())),
            Ok(FunctionResponse::FunctionError(payload)) => Err(InvokeFailure::Failed {
                function: function.to_owned(),
                error: serde_json::from_slice(&payload).unwrap_or_default(),
            }),
            Err(InvokeError::NotFound) => Err(InvokeFailure::NotFound(function.to_owned())),
            Err(InvokeError::Throttled) => Err(InvokeFailure::Throttled(function.to_owned())),
        }
    }

    /// Does this with the processes of a function, by its name; returns their number.
    pub async fn command(
        &self,
        function: &str,
        command: ProcessCommand,
    ) -> Result<usize, InvokeFailure> {
        let processes = self.runtime.command(function, command).await;
        processes.ok_or_else(|| InvokeFailure::NotFound(function.to_owned()))
    }

    /// See [`ProcessCommand::Kill`].
    pub async fn kill(&self, function: &str) -> Result<usize, InvokeFailure> {
        self.command(function, ProcessCommand::Kill).await
    }

    /// Returns when nothing is left to do: no invocation is under way, and streams,
    /// pipes and queues are read to their ends. Messages that failed and wait to come
    /// back, delayed messages, and asynchronous invocations that wait to be tried again
    /// don't count.
    pub async fn idle(&self) {
        let activity = self.runtime.activity();
        loop {
            let started = activity.started();
            activity.none_under_way().await;
            if self.is_idle() && activity.started() == started {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether nothing is left to do now, in the sense of [`Cloud::idle`].
    pub fn is_idle(&self) -> bool {
        self.streams.iter().all(|stream| stream.is_idle())
            && self.feeds.iter().all(|feed| feed.is_idle())
            && self.aws.buses.is_idle()
            && self.runtime.activity().under_way() == 0
    }

    /// How many invocations have begun since the start.
    pub fn invocations(&self) -> u64 {
        self.runtime.activity().started()
    }

    /// Stops everything. Work under way has a second to finish; then functions are
    /// killed, and data is saved.
    pub async fn stop(self) {
        let _ = tokio::time::timeout(STOP_GRACE, self.idle()).await;
        self.stop_now().await;
    }

    /// Stops schedules, streams, pipes, rules and queues: only callers invoke functions
    /// from now on.
    pub async fn stop_event_sources(&mut self) {
        self.tasks.shutdown().await;
        self.feeds.iter().for_each(|feed| feed.release());
    }

    /// Stops everything without waiting for work under way.
    pub async fn stop_now(mut self) {
        self.stop_event_sources().await;
        self.runtime.stop().await;
        let Some((gateways, server)) = self.servers.take() else { return };
        for mut gateway in gateways {
            gateway.stop(STOP_GRACE).await;
        }
        server.stop().await;
        self.aws.clone().close().await;
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.runtime.kill();
    }
}
