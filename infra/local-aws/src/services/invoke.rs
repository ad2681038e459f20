//! What Lambda needs of the functions: the trait that runs them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Bytes;

use super::account::{ACCOUNT, REGION};

/// What a function's `EventInvokeConfig` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventInvokeConfig {
    /// How often an event that failed is tried again: at most twice.
    pub retries: usize,
    /// How old an event may become before it is given up: at most six hours.
    pub oldest: Duration,
    /// The queue that receives events that are given up.
    pub on_failure: Option<String>,
}

impl Default for EventInvokeConfig {
    fn default() -> Self {
        Self { retries: 2, oldest: Duration::from_secs(6 * 60 * 60), on_failure: None }
    }
}

/// A future that can be stored and sent.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The response of a function that ran.
#[derive(Debug, Clone)]
pub enum FunctionResponse {
    /// It answered with this.
    Ok(Bytes),
    /// It failed: `{"errorType": …, "errorMessage": …}`.
    FunctionError(Bytes),
}

/// Why a function did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvokeError {
    /// There is no function of that name.
    NotFound,
    /// As many invocations as its reserved concurrency allows are under way.
    Throttled,
}

/// How an invocation went.
pub type InvokeResult = Result<FunctionResponse, InvokeError>;

/// A function, as lists show it.
#[derive(Debug, Clone)]
pub struct FunctionSummary {
    /// Its name, as in `shop-local-send`.
    pub name: String,
    /// Its runtime, as in `provided.al2023`.
    pub runtime: String,
    /// Its description; may be empty.
    pub description: String,
    /// How long one invocation may take, in seconds.
    pub timeout_seconds: u64,
    /// How much memory it is given on AWS, in MB.
    pub memory_mb: u64,
}

/// What can be done with a function's processes.
#[derive(Debug, Clone, Copy)]
pub enum ProcessCommand {
    /// Kills (`kill -9`) all of them, and waits until they are gone. Their invocations end as
    /// on Lambda when a runtime exits: `Runtime.ExitError`, and 500 to a client of the HTTP
    /// API. The next invocation gets a new process.
    Kill,
    /// Freezes (`SIGSTOP`) the busy ones. Their invocations still time out, and then they are
    /// killed. The next invocation gets another process.
    Freeze,
    /// Resumes (`SIGCONT`) all of them.
    Thaw,
    /// Has each of this number of next invocations start a process of its own, whatever processes
    /// are idle. Zero ends it.
    ColdStarts(usize),
}

/// Runs functions.
pub trait Invoke: Send + Sync {
    /// Runs `function`, named by its bare name, once, with `payload`, until it ends.
    fn invoke(
        &self,
        function: &str,
        payload: Bytes,
    ) -> BoxFuture<'_, Result<FunctionResponse, InvokeError>>;

    /// Does this with the processes of `function`, and returns their number. `None` if there
    /// is no such function or it has no processes of its own.
    fn command(&self, _function: &str, _command: ProcessCommand) -> BoxFuture<'_, Option<usize>> {
        Box::pin(async { None })
    }

    /// What happens to events of `function` with which it fails.
    fn event_invoke_config(&self, _function: &str) -> EventInvokeConfig {
        EventInvokeConfig::default()
    }

    /// All functions there are.
    fn list(&self) -> Vec<FunctionSummary> {
        Vec::new()
    }
}

/// The ARN of a function.
pub fn arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
}
