//! One execution environment: a process, its Runtime API, its current work.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{Options, base, failure};
use crate::{clock, logs::Logs, services::lambda::FunctionResponse, template::Function};

/// The number of last lines of a function's output in the error when it dies.
const LAST_LINES: usize = 5;

/// Maximum wait for the last lines of a process that has ended: a child of its own may
/// hold its output open.
const LAST_LINES_TIMEOUT: Duration = Duration::from_millis(500);

/// An invocation on its way to the process.
pub(crate) struct Work {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    /// How long the response may take once the process has taken the work.
    pub(crate) timeout: Duration,
    taken: oneshot::Sender<()>,
}

impl Work {
    /// The process takes the work: `None` if its sender has given up.
    pub(crate) fn accept(self) -> Option<(String, Bytes, Duration)> {
        let Self { request_id, payload, timeout, taken } = self;
        taken.send(()).is_ok().then_some((request_id, payload, timeout))
    }
}

/// The outcome of an invocation.
pub(crate) enum RunOutcome {
    /// The process ended before it asked for the work.
    NeverTaken,
    /// The process answered and lives on.
    Answered(FunctionResponse),
    /// The process ended or was killed.
    Ended(FunctionResponse),
}

/// A signal for the process, and the sender's notification.
type PendingSignal = (Signal, oneshot::Sender<()>);

struct Current {
    request_id: String,
    answer: oneshot::Sender<FunctionResponse>,
}

/// How a process ended.
#[derive(Clone, Debug)]
struct Exit {
    status: Option<ExitStatus>,
    last_lines: Vec<String>,
}

/// A process that handles one invocation at a time.
pub(crate) struct Environment {
    pub(crate) id: String,
    mailbox: mpsc::UnboundedSender<Work>,
    /// What the long poll of the process waits for.
    pub(crate) incoming: tokio::sync::Mutex<mpsc::UnboundedReceiver<Work>>,
    current: Mutex<Option<Current>>,
    /// Whether the process has ever taken work.
    has_worked: AtomicBool,
    started: Instant,
    /// How long it took from its start until it asked for work.
    ready: OnceLock<Duration>,
    process: Option<u32>,
    kill: Notify,
    signals: mpsc::UnboundedSender<PendingSignal>,
    exit: watch::Receiver<Option<Exit>>,
    /// What the process reported of a failed start.
    init_error: Mutex<Option<Bytes>>,
}

impl Environment {
    /// Starts a process.
    pub(crate) fn spawn(
        function: &Function,
        options: &Options,
        runtime_api: SocketAddr,
        group: i32,
    ) -> Result<Arc<Self>, String> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let folder = folder(function, options);
        let path = folder.join(&function.binary);
        let mut command = Command::new(&path);
        command
            .env_clear()
            .envs(variables(function, options, &base(runtime_api, &function.name, &id), &id))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(group)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{} can't be started: {error}", path.display()))?;

        let (mailbox, incoming) = mpsc::unbounded_channel();
        let (gone, exit) = watch::channel(None);
        let (signals, orders) = mpsc::unbounded_channel();
        let environment = Arc::new(Self {
            id,
            mailbox,
            incoming: tokio::sync::Mutex::new(incoming),
            current: Mutex::default(),
            has_worked: AtomicBool::new(false),
            started,
            ready: OnceLock::new(),
            process: child.id(),
            kill: Notify::new(),
            signals,
            exit,
            init_error: Mutex::default(),
        });
        let (name, logs) = (function.binary.clone(), options.logs.clone());
        tokio::spawn(attend(environment.clone(), child, orders, gone, name, logs));
        Ok(environment)
    }

    pub(crate) fn process(&self) -> Option<u32> {
        self.process
    }

    /// How long it took from its start until it asked for work, once it has.
    pub(crate) fn ready(&self) -> Option<Duration> {
        self.ready.get().copied()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Has the process killed.
    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Sends the process a signal that doesn't end it; returns whether it was alive.
    pub(crate) async fn signal(&self, signal: Signal) -> bool {
        let (sent, was_sent) = oneshot::channel();
        self.signals.send((signal, sent)).is_ok() && was_sent.await.is_ok()
    }

    /// Returns when the process has ended.
    pub(crate) async fn gone(&self) {
        // An error means that the attending task is gone, and with it the process.
        let _ = self.exit.clone().wait_for(Option::is_some).await;
    }

    /// Hands over an invocation and waits for its outcome: `start_timeout` until the
    /// process takes it, `timeout` and `grace` from then on.
    pub(crate) async fn run(
        &self,
        payload: Bytes,
        timeout: Duration,
        grace: Duration,
        start_timeout: Duration,
    ) -> RunOutcome {
        let request_id = uuid::Uuid::new_v4().to_string();
        let (taken, was_taken) = oneshot::channel();
        let (answer, mut answered) = oneshot::channel();
        *lock(&self.current) = Some(Current { request_id: request_id.clone(), answer });
        let work = Work { request_id, payload, timeout, taken };
        if self.mailbox.send(work).is_err() {
            return RunOutcome::NeverTaken;
        }
        tokio::select! {
            biased;
            taken = was_taken => if taken.is_err() { return RunOutcome::NeverTaken },
            () = self.gone() => return RunOutcome::NeverTaken,
            () = tokio::time::sleep(start_timeout) => return self.never_asked(start_timeout).await,
        }
        self.ready.get_or_init(|| self.started.elapsed());
        self.has_worked.store(true, Ordering::SeqCst);
        tokio::select! {
            biased;
            answer = &mut answered => match answer {
                Ok(answer) => RunOutcome::Answered(answer),
                Err(_) => self.ended().await,
            },
            () = self.gone() => match answered.try_recv() {
                // It answered and then left; the answer stands.
                Ok(answer) => RunOutcome::Ended(answer),
                Err(_) => self.ended().await,
            },
            () = tokio::time::sleep(timeout + grace) => self.time_out(timeout).await,
        }
    }

    async fn time_out(&self, after: Duration) -> RunOutcome {
        self.cut_short(&format!("Task timed out after {:.2} seconds", after.as_secs_f64())).await
    }

    /// The process lives, but didn't take the work. To blame its function's
    /// timeout would mislead: the function's code may not even have begun.
    async fn never_asked(&self, after: Duration) -> RunOutcome {
        let worked = self.has_worked.load(Ordering::SeqCst);
        let since = if worked { "being wanted again" } else { "its start" };
        let seconds = after.as_secs_f64();
        self.cut_short(&format!("didn't ask for work within {seconds} seconds of {since}")).await
    }

    /// Kills the process in the midst of an invocation.
    async fn cut_short(&self, why: &str) -> RunOutcome {
        let request_id =
            lock(&self.current).take().map(|current| current.request_id).unwrap_or_default();
        self.kill();
        self.gone().await;
        let time = clock::rfc3339_millis(clock::now());
        RunOutcome::Ended(failure("Sandbox.Timedout", &format!("{time} {request_id} {why}")))
    }

    async fn ended(&self) -> RunOutcome {
        self.gone().await;
        RunOutcome::Ended(failure("Runtime.ExitError", &self.exit_message("exited while it ran")))
    }

    /// Why the process never asked for work.
    pub(crate) async fn failure_at_start(&self) -> FunctionResponse {
        self.gone().await;
        if let Some(reported) = lock(&self.init_error).take() {
            return FunctionResponse::FunctionError(reported);
        }
        failure(
            "Runtime.ExitError",
            &self.exit_message("exited before it asked for its first invocation"),
        )
    }

    fn exit_message(&self, what: &str) -> String {
        let exit = self.exit.borrow();
        let status = exit.as_ref().and_then(|exit| exit.status);
        let status =
            status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string());
        let lines = exit.as_ref().map(|exit| exit.last_lines.join("\n")).unwrap_or_default();
        if lines.is_empty() {
            format!("the function {what} ({status}) and said nothing")
        } else {
            format!("the function {what} ({status}); the last it said: {lines}")
        }
    }

    /// The process has a response; `false` if no invocation waits for it.
    pub(crate) fn answer(&self, request_id: &str, answer: FunctionResponse) -> bool {
        let mut current = lock(&self.current);
        match current.take() {
            Some(waiting) if waiting.request_id == request_id => {
                waiting.answer.send(answer).is_ok()
            }
            other => {
                *current = other;
                false
            }
        }
    }

    /// The process reports that its initialisation failed.
    pub(crate) fn report_init_error(&self, error: Bytes) {
        *lock(&self.init_error) = Some(error);
    }
}

/// Waits for the end of a process, or brings it about.
async fn attend(
    environment: Arc<Environment>,
    mut child: Child,
    mut orders: mpsc::UnboundedReceiver<PendingSignal>,
    gone: watch::Sender<Option<Exit>>,
    name: String,
    logs: Logs,
) {
    let last_lines = Arc::new(Mutex::new(VecDeque::new()));
    let readers: Vec<JoinHandle<()>> = [
        child
            .stdout
            .take()
            .map(|out| tokio::spawn(read(out, name.clone(), logs.clone(), last_lines.clone()))),
        child.stderr.take().map(|err| tokio::spawn(read(err, name, logs, last_lines.clone()))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.ok(),
            () = environment.kill.notified() => {
                // Already gone is as good.
                let _ = child.kill().await;
                break child.wait().await.ok();
            }
            Some((signal, sent)) = orders.recv() => {
                // It hasn't been waited for, so no other process can have its id.
                let process = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
                if process.is_some_and(|process| kill_process(process, signal).is_ok()) {
                    let _ = sent.send(());
                }
            }
        }
    };
    let until = Instant::now() + LAST_LINES_TIMEOUT;
    for mut reader in readers {
        if tokio::time::timeout_at(until, &mut reader).await.is_err() {
            reader.abort();
        }
    }
    let last_lines = lock(&last_lines).drain(..).collect();
    gone.send_replace(Some(Exit { status, last_lines }));
}

async fn read(
    from: impl AsyncRead + Unpin,
    name: String,
    logs: Logs,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(1..) = from.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            logs.printed(&name, text);
            let mut last = lock(&last);
            last.push_back(text.to_owned());
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        line.clear();
    }
}

/// A function's whole environment: what Lambda sets ("Defined runtime
/// environment variables") and what the template says. The access key
/// names the function, so that the AWS endpoint can tell which one calls.
fn variables(
    function: &Function,
    options: &Options,
    runtime_api: &str,
    id: &str,
) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = [
        ("_HANDLER", function.handler.as_str()),
        ("AWS_ACCESS_KEY_ID", &access_key(&function.name)),
        ("AWS_DEFAULT_REGION", &options.region),
        ("AWS_ENDPOINT_URL", &options.aws),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &function.log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &format!("local/[$LATEST]{id}")),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_REGION", &options.region),
        ("AWS_SECRET_ACCESS_KEY", "not-checked-on-this-machine"),
        ("LAMBDA_TASK_ROOT", &folder(function, options).to_string_lossy()),
        ("TZ", ":UTC"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    variables.extend(
        function.log_level.iter().map(|level| ("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.clone())),
    );
    if options.json_logs {
        variables.push(("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned()));
    }
    variables.extend(options.environment.clone());
    variables.extend(function.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    variables
}

/// How the access key ids of functions on this machine begin.
const KEY: &str = "AKIA";

/// `AKIAshop-local-send`: the access key id of a function on this machine.
pub(crate) fn access_key(function: &str) -> String {
    format!("{KEY}{function}")
}

/// The function whose access key id this is.
pub(crate) fn function_of(key: &str) -> Option<&str> {
    key.strip_prefix(KEY)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder that a function's binary is in.
fn folder<'o>(function: &'o Function, options: &'o Options) -> &'o std::path::Path {
    function.folder.as_ref().unwrap_or(&options.binaries)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, net::Ipv4Addr};

    use super::*;
    use crate::{
        observer::Observers,
        services::{EventInvokeConfig, permission::Policy},
    };

    #[tokio::test]
    async fn process_that_never_polls_is_not_reported_as_timed_out() {
        // Its Runtime API isn't served, and `mute` wouldn't call it anyway.
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let scripted = program.parent().unwrap().parent().unwrap().join("examples/scripted");
        assert!(
            scripted.exists(),
            "`cargo test --package local-aws` builds {}",
            scripted.display()
        );
        std::os::unix::fs::symlink(scripted, folder.path().join("mute")).unwrap();
        let function = Function {
            logical_id: "Mute".to_owned(),
            name: "mute".to_owned(),
            binary: "mute".to_owned(),
            description: String::new(),
            code: String::new(),
            folder: None,
            handler: "bootstrap".to_owned(),
            timeout: Duration::from_secs(6),
            memory: 128,
            event_invoke_config: EventInvokeConfig::default(),
            reserved_concurrency: None,
            role: "muteRole".to_owned(),
            policy: Policy::default(),
            has_own_role: false,
            execution_role_uses: Vec::new(),
            log_group: "/aws/lambda/mute".to_owned(),
            log_level: None,
            variables: BTreeMap::new(),
        };
        let options = Options {
            binaries: folder.path().to_owned(),
            aws: String::new(),
            region: String::new(),
            environments: 1,
            timeout_grace: Duration::ZERO,
            idle: Duration::from_secs(60),
            logs: Logs::silent(),
            json_logs: false,
            environment: BTreeMap::new(),
            traces: true,
            observers: Observers::default(),
        };
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let environment = Environment::spawn(&function, &options, nowhere, 0).unwrap();
        let (none, timeout) = (Duration::ZERO, Duration::from_millis(100));
        let outcome = environment.run(Bytes::new(), function.timeout, none, timeout).await;
        let RunOutcome::Ended(FunctionResponse::FunctionError(body)) = outcome else {
            panic!("it answered")
        };
        let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["errorType"], "Sandbox.Timedout");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(
            message.ends_with("didn't ask for work within 0.1 seconds of its start"),
            "{message}"
        );
        assert!(!environment.is_alive());
    }
}
