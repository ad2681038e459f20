//! Lambda on this machine: runs the functions' binaries and hands them work.
//!
//! Each execution environment is a process that polls the Runtime API
//! ([`api`]) under a path of its own and handles one invocation at a time. An
//! invocation takes the environment that was used last, or starts another, up
//! to the function's reserved concurrency (beyond it: throttled) and to
//! [`Options::environments`] (beyond it: waits, unlike AWS, where the account's limit
//! throttles; a machine with two cores would only be overloaded).
//!
//! Source: Lambda developer guide, "Using the Lambda runtime API" and
//! "Understanding the Lambda execution environment lifecycle".

mod api;
mod environment;
mod pool;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use resettable_server::{Callers, Server};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    logs::Logs,
    observer::{Observed, Observers},
    process_guard::ProcessGuard,
    services::{
        EventInvokeConfig, ProcessCommand,
        lambda::{BoxFuture, FunctionResponse, FunctionSummary, Invoke, InvokeError, InvokeResult},
    },
    template::Function,
};
#[cfg(test)]
pub(crate) use environment::access_key;
pub(crate) use environment::function_of;
use pool::Pool;

/// The interval between sweeps for idle environments.
const SWEEP: Duration = Duration::from_secs(30);

/// How to run the functions.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The folder of the binaries.
    pub(crate) binaries: PathBuf,
    /// `AWS_ENDPOINT_URL` for every function.
    pub(crate) aws: String,
    /// `AWS_REGION` for every function.
    pub(crate) region: String,
    /// How many environments a function may have at most.
    pub(crate) environments: usize,
    /// How much longer than its timeout an invocation may take before it is killed.
    pub(crate) timeout_grace: Duration,
    /// How long an environment may be idle before it is stopped.
    pub(crate) idle: Duration,
    pub(crate) logs: Logs,
    /// Whether the functions write them in JSON.
    pub(crate) json_logs: bool,
    /// Variables of all functions, besides those of the template.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether each invocation has a trace id.
    pub(crate) traces: bool,
    pub(crate) observers: Observers,
}

/// All functions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Runtime(Arc<Inner>);

struct Inner {
    pools: BTreeMap<String, Arc<Pool>>,
    observers: Observers,
    guard: Arc<ProcessGuard>,
    activity: Arc<Activity>,
    /// Dropping it stops it.
    _api: Server,
    sweeper: JoinHandle<()>,
}

/// How busy the functions are.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    started: AtomicU64,
    under_way: AtomicUsize,
    changed: tokio::sync::Notify,
}

impl Activity {
    /// How many invocations have ever begun.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::SeqCst)
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// Returns once no invocation is under way.
    pub(crate) async fn none_under_way(&self) {
        loop {
            let changed = self.changed.notified();
            if self.under_way() == 0 {
                return;
            }
            changed.await;
        }
    }

    fn begin(self: &Arc<Self>) -> UnderWay {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(self.clone())
    }
}

struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl Runtime {
    /// Serves the Runtime API on a free port and gets ready to start functions.
    pub(crate) async fn start(functions: &[Function], options: Options) -> std::io::Result<Self> {
        let guard = Arc::new(ProcessGuard::stand_by()?);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let options = Arc::new(options);
        let pool = |function: &Function| {
            let pool = Pool::new(function.clone(), options.clone(), address, guard.group());
            (function.name.clone(), Arc::new(pool))
        };
        let pools: BTreeMap<_, _> = functions.iter().map(pool).collect();

        // Only the functions of this machine call it, by the address that they were given.
        let (router, callers) = (api::router(pools.clone()), Callers::default());
        let stop = watch::Sender::new(false);
        let api = Server::start("the Lambda Runtime API", listener, router, callers, stop)?;
        let swept: Vec<_> = pools.values().cloned().collect();
        let (idle, observers) = (options.idle, options.observers.clone());
        let sweeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP.min(idle)).await;
                swept.iter().for_each(|pool| pool.stop_idle(idle));
            }
        });
        Ok(Self(Arc::new(Inner {
            pools,
            observers,
            guard,
            activity: Arc::default(),
            _api: api,
            sweeper,
        })))
    }

    /// How busy the functions are.
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.0.activity
    }

    /// The process ids of all environments.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.0.pools.values().flat_map(|pool| pool.processes()).collect();
        ids.push(self.0.guard.group().unsigned_abs());
        ids
    }

    /// Kills every environment at once, without waiting.
    pub(crate) fn kill(&self) {
        self.0.guard.kill();
    }

    /// Stops every environment, busy or not. The Runtime API ends with the last handle.
    pub(crate) async fn stop(&self) {
        for pool in self.0.pools.values() {
            pool.close().await;
        }
        self.0.sweeper.abort();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl Invoke for Runtime {
    /// Dropping the future doesn't stop the function, just as a client that goes away
    /// doesn't on AWS.
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'_, InvokeResult> {
        let function = function.to_owned();
        Box::pin(async move {
            let pool = self.0.pools.get(&function).ok_or(InvokeError::NotFound)?.clone();
            let under_way = self.0.activity.begin();
            let observers = self.0.observers.clone();
            let work = tokio::spawn(async move {
                let _under_way = under_way;
                let outcome = pool.invoke(payload.clone()).await;
                if let Ok(FunctionResponse::Ok(answer) | FunctionResponse::FunctionError(answer)) =
                    &outcome
                {
                    let (event, answer): (&[u8], &[u8]) = (&payload, answer);
                    observers.notify(Observed::Invocation { function: &function, event, answer });
                }
                outcome
            });
            let ended = |_| Ok(failure("Runtime.Unknown", "the runner stopped meanwhile"));
            work.await.unwrap_or_else(ended)
        })
    }

    fn command(&self, function: &str, command: ProcessCommand) -> BoxFuture<'_, Option<usize>> {
        let pool = self.0.pools.get(function).cloned();
        Box::pin(async move { Some(pool?.command(command).await) })
    }

    fn event_invoke_config(&self, function: &str) -> EventInvokeConfig {
        let pool = self.0.pools.get(function);
        pool.map(|pool| pool.event_invoke_config()).unwrap_or_default()
    }

    fn list(&self) -> Vec<FunctionSummary> {
        self.0.pools.values().map(|pool| pool.summary()).collect()
    }
}

/// What Lambda answers for a function that didn't.
pub(crate) fn failure(kind: &str, message: &str) -> FunctionResponse {
    let body = serde_json::json!({ "errorType": kind, "errorMessage": message });
    FunctionResponse::FunctionError(body.to_string().into())
}

/// The path of an environment's Runtime API. A host and port with a path but
/// without `http://` would make `lambda_runtime` panic.
fn base(address: SocketAddr, function: &str, environment: &str) -> String {
    format!("http://{address}/{function}/{environment}")
}
