//! A function's environments: which of them takes an invocation.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use rustix::process::Signal;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    Options,
    environment::{Environment, RunOutcome},
    failure,
};
use crate::{
    observer::{InvocationEnd, Observed},
    services::{
        EventInvokeConfig, ProcessCommand,
        lambda::{FunctionResponse, FunctionSummary, InvokeError, InvokeResult},
    },
    template::Function,
};

/// How long a process may take to get ready, besides its function's timeout.
/// Lambda gives it ten seconds, and if they aren't enough starts it once more
/// within the invocation's own timeout ("Understanding the Lambda execution
/// environment lifecycle"). Here the one process has the
/// time that the two would have had together.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The environments of one function.
pub(crate) struct Pool {
    pub(crate) function: Function,
    options: Arc<Options>,
    runtime_api: SocketAddr,
    group: i32,
    /// One semaphore token for each environment that may be busy.
    room: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// All that live, busy or not.
    living: Vec<Arc<Environment>>,
    /// Those without work; the one used last stands last.
    idle: Vec<(Arc<Environment>, Instant)>,
    /// Invocations under way, for the reserved concurrency.
    busy: usize,
    /// The number of next invocations that get a new environment.
    cold: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(
        function: Function,
        options: Arc<Options>,
        runtime_api: SocketAddr,
        group: i32,
    ) -> Self {
        let room = Semaphore::new(options.environments.max(1));
        Self { function, options, runtime_api, group, room, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to events with which it fails.
    pub(crate) fn event_invoke_config(&self) -> EventInvokeConfig {
        self.function.event_invoke_config.clone()
    }

    pub(crate) fn summary(&self) -> FunctionSummary {
        FunctionSummary {
            name: self.function.name.clone(),
            runtime: "provided.al2023".to_owned(),
            description: self.function.description.clone(),
            timeout_seconds: self.function.timeout.as_secs(),
            memory_mb: u64::from(self.function.memory),
        }
    }

    /// Whether its invocations have trace ids.
    pub(crate) fn traces(&self) -> bool {
        self.options.traces
    }

    /// The processes that live.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let state = self.state();
        let living = state.living.iter().filter(|environment| environment.is_alive());
        living.filter_map(|environment| environment.process()).collect()
    }

    /// The environment whose Runtime API has this name.
    pub(crate) fn environment(&self, id: &str) -> Option<Arc<Environment>> {
        self.state().living.iter().find(|environment| environment.id == id).cloned()
    }

    /// Runs the function once.
    pub(crate) async fn invoke(&self, payload: Bytes) -> InvokeResult {
        let _counted = self.count()?;
        let Ok(_room) = self.room.acquire().await else { return Ok(stopped()) };
        loop {
            let (environment, cold) = match self.take_idle() {
                Some(environment) => (environment, false),
                None => match self.spawn() {
                    Ok(environment) => (environment, true),
                    Err(answer) => return Ok(answer),
                },
            };
            match self.run(&environment, payload.clone(), cold).await {
                // It died between two invocations; that fails none of them.
                RunOutcome::NeverTaken if !cold => {}
                RunOutcome::NeverTaken => return Ok(environment.failure_at_start().await),
                RunOutcome::Answered(answer) => {
                    self.return_idle(environment);
                    return Ok(answer);
                }
                RunOutcome::Ended(answer) => return Ok(answer),
            }
        }
    }

    async fn run(&self, environment: &Arc<Environment>, payload: Bytes, cold: bool) -> RunOutcome {
        let timeout = self.function.timeout;
        let begun = Instant::now();
        let (name, logs) = (&self.function.binary, &self.options.logs);
        logs.began(name, cold);
        let number = self.observe_start(cold);
        let grace = self.options.timeout_grace;
        let start_timeout = grace + if cold { INIT_TIMEOUT + timeout } else { timeout };
        let outcome = environment.run(payload, timeout, grace, start_timeout).await;
        let ready = environment.ready().filter(|_| cold);
        self.observe_end(number, begun, ready, &outcome);
        match &outcome {
            RunOutcome::NeverTaken => {}
            RunOutcome::Answered(FunctionResponse::Ok(_)) => logs.ended(name, begun.elapsed()),
            RunOutcome::Answered(FunctionResponse::FunctionError(body))
            | RunOutcome::Ended(
                FunctionResponse::FunctionError(body) | FunctionResponse::Ok(body),
            ) => {
                logs.trouble(
                    name,
                    format!("failed after {} ms: {}", begun.elapsed().as_millis(), describe(body)),
                );
            }
        }
        if !matches!(outcome, RunOutcome::Answered(_)) {
            self.remove(environment);
        }
        outcome
    }

    /// Shows observers that an invocation begins; gives its number.
    fn observe_start(&self, cold: bool) -> u64 {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (function, binary) = (&self.function.name, &self.function.binary);
        let started = Observed::InvocationStarted { number, function, binary, cold };
        self.options.observers.notify(started);
        number
    }

    /// Shows observers how it ended.
    fn observe_end(
        &self,
        number: u64,
        begun: Instant,
        init_duration: Option<Duration>,
        outcome: &RunOutcome,
    ) {
        let end = match outcome {
            RunOutcome::NeverTaken => InvocationEnd::NeverTaken,
            RunOutcome::Answered(FunctionResponse::Ok(_)) => InvocationEnd::Answered,
            RunOutcome::Answered(FunctionResponse::FunctionError(_)) => InvocationEnd::Failed,
            RunOutcome::Ended(_) => InvocationEnd::Ended,
        };
        let duration = begun.elapsed();
        let ended = Observed::InvocationEnded { number, end, duration, init_duration };
        self.options.observers.notify(ended);
    }

    fn count(&self) -> Result<BusyGuard<'_>, InvokeError> {
        let mut state = self.state();
        if self.function.reserved_concurrency.is_some_and(|most| state.busy >= most) {
            drop(state);
            let function = &self.function.name;
            self.options.observers.notify(Observed::Throttled { function });
            return Err(InvokeError::Throttled);
        }
        state.busy += 1;
        Ok(BusyGuard(self))
    }

    fn take_idle(&self) -> Option<Arc<Environment>> {
        let mut state = self.state();
        if state.cold > 0 {
            state.cold -= 1;
            return None;
        }
        while let Some((environment, _)) = state.idle.pop() {
            if environment.is_alive() {
                return Some(environment);
            }
            state.living.retain(|living| living.id != environment.id);
        }
        None
    }

    fn spawn(&self) -> Result<Arc<Environment>, FunctionResponse> {
        let mut state = self.state();
        if state.closed {
            return Err(stopped());
        }
        let environment =
            Environment::spawn(&self.function, &self.options, self.runtime_api, self.group)
                .map_err(|error| failure("Runtime.InvalidEntrypoint", &error))?;
        state.living.push(environment.clone());
        Ok(environment)
    }

    fn return_idle(&self, environment: Arc<Environment>) {
        self.state().idle.push((environment, Instant::now()));
    }

    fn remove(&self, environment: &Environment) {
        self.state().living.retain(|living| living.id != environment.id);
    }

    /// Stops environments that have had nothing to do for so long.
    pub(crate) fn stop_idle(&self, longer_than: Duration) {
        let mut state = self.state();
        let State { living, idle, .. } = &mut *state;
        idle.retain(|(environment, since)| {
            let keep = since.elapsed() < longer_than && environment.is_alive();
            if !keep {
                environment.kill();
                living.retain(|other| other.id != environment.id);
            }
            keep
        });
    }

    /// See [`ProcessCommand`]; tells how many processes it concerned.
    pub(crate) async fn command(&self, command: ProcessCommand) -> usize {
        let mut living = self.state().living.clone();
        match command {
            ProcessCommand::Kill => {
                living.retain(|environment| environment.is_alive());
                living.iter().for_each(|environment| environment.kill());
                for environment in &living {
                    environment.gone().await;
                }
                living.len()
            }
            ProcessCommand::Freeze => {
                let idle = |state: &State, it: &Environment| {
                    state.idle.iter().any(|(other, _)| other.id == it.id)
                };
                living.retain(|it| !idle(&self.state(), it));
                signal(&living, Signal::STOP).await
            }
            ProcessCommand::Thaw => signal(&living, Signal::CONT).await,
            ProcessCommand::ColdStarts(invocations) => {
                self.state().cold = invocations;
                invocations
            }
        }
    }

    /// Stops all environments and waits until they are gone.
    pub(crate) async fn close(&self) {
        self.room.close();
        let living = {
            let mut state = self.state();
            state.closed = true;
            state.idle.clear();
            std::mem::take(&mut state.living)
        };
        for environment in living {
            environment.kill();
            environment.gone().await;
        }
    }
}

/// Sends a signal to those that are there to get it; tells how many.
async fn signal(environments: &[Arc<Environment>], signal: Signal) -> usize {
    let mut signalled = 0;
    for environment in environments {
        signalled += usize::from(environment.signal(signal).await);
    }
    signalled
}

/// Counts an invocation for as long as it is under way.
struct BusyGuard<'p>(&'p Pool);

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

fn stopped() -> FunctionResponse {
    failure("Runtime.Stopped", "the runner is stopping")
}

/// The type and message of an error, without stack traces.
fn describe(body: &Bytes) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| {
        json.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    format!("{} {}", field("errorType"), field("errorMessage"))
}
