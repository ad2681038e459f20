//! The services of AWS on one port of this machine: DynamoDB with its streams, Parameter
//! Store, SQS and Lambda's Invoke.
//!
//! Requests are distinguished as the SDKs write them: by `X-Amz-Target` (DynamoDB, SSM and SQS speak AWS JSON), by path
//! (Lambda is REST) or by the `Action` of a form (STS). Errors carry the codes
//! that AWS documents, so that code written against this address handles the same
//! errors there.
//!
//! Paths under `/_local` inject faults and kill functions.
//!
//! A function may do what its role's policies allow, as on AWS ([`permission`]); other
//! clients may do everything. Nothing checks signatures or throttles. A request must
//! still carry an `Authorization` header and address this machine by `localhost` or by
//! number, so that a web page in a browser can't read parameters or invoke functions.

pub(crate) mod asynchronous;
pub(crate) mod body;
pub mod dynamodb;
pub mod lambda;
pub mod permission;
pub mod sqs;
pub mod ssm;

mod control;
mod endpoint;
mod fault;
mod folder;
mod persisted;
mod refusal;
mod usage;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock;
use crate::connection::{ResettableListener, Resetter};
use crate::eventbridge::buses;
use crate::observer::Observers;
use asynchronous::AsyncInvoker;
pub use asynchronous::EventInvokeConfig;
pub(crate) use fault::Call;
pub use fault::{Fault, FaultHandle, Faults, InvalidFault};
pub use lambda::Invoke;
use permission::Permissions;
pub use refusal::Refusal;
pub use usage::{UsageMeter, Used};

/// The region in every ARN; clients may sign for any other.
pub const REGION: &str = "us-east-1";

/// The account in every ARN and queue URL.
pub const ACCOUNT: &str = "000000000000";

/// How long requests under way may take to finish once the server is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Milliseconds since 1970, in which everything here is timed.
fn now() -> u64 {
    clock::millis(clock::now())
}

/// Why the local AWS doesn't open, or a service fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the data folder.
    #[error(
        "{} is in use by another process: stop that one first, or choose another data folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// The data folder, or a file in it, cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried: a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file in the data folder is not what was written there.
    #[error(
        "{} is damaged (line {line}, column {column}): put back a copy, or delete the folder {} to start afresh",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where reading it failed; the text isn't shown, it may be a secret.
        line: usize,
        /// As above.
        column: usize,
    },
    /// The database engine failed, or refused a definition.
    #[error("the database: {0}")]
    Database(String),
    /// An existing table differs from its definition in a way that needs a new table.
    #[error(
        "the table {table} has other {what} than the template says: delete {} to start afresh",
        folder.as_ref().map_or_else(
            || "the table".to_owned(),
            |folder| format!("the folder {}", folder.display())
        )
    )]
    TableDiffers {
        /// The table's name.
        table: String,
        /// What differs.
        what: &'static str,
        /// The data folder, unless tables are in memory.
        folder: Option<PathBuf>,
    },
    /// The address cannot be served.
    #[error("cannot serve the AWS endpoint: {0}")]
    Serve(#[source] std::io::Error),
    /// A service refused, as it would refuse a client.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Error {
    /// Wraps what the operating system said of `path`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing, path: path.to_path_buf(), source }
    }
}

/// The local AWS: its services, each a handle that is cheap to clone.
#[derive(Clone)]
pub struct Aws {
    /// Tables and their streams.
    pub dynamodb: dynamodb::DynamoDb,
    /// Parameter Store.
    pub parameters: ssm::ParameterStore,
    /// SQS.
    pub queues: sqs::Queues,
    /// EventBridge's buses.
    pub buses: buses::Buses,
    /// What each function may do.
    pub permissions: Permissions,
    /// Faults of calls that come in by the port.
    pub faults: Faults,
    /// Meters what callers use of DynamoDB.
    pub usage: UsageMeter,
    pub(crate) observers: Observers,
    /// How long an event that failed waits before its second and its third
    /// attempt. AWS waits one minute and two; here it is one second and two.
    pub event_retries: [Duration; 2],
    folder: Option<Arc<folder::Lock>>,
}

impl Aws {
    /// Opens what `data` holds: `dynamodb.db`, `parameters.json` and `queues.json`; with `None`, all in memory.
    ///
    /// The folder is created if needed, readable by this user only, and belongs
    /// to this process until [`Aws::close`] or its end, however it ends.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`], or what is wrong with which file.
    pub fn open(data: Option<&Path>) -> Result<Self, Error> {
        let folder = data.map(folder::Lock::acquire).transpose()?.map(Arc::new);
        let file = |name: &str| data.map(|folder| folder.join(name));
        Ok(Self {
            dynamodb: dynamodb::DynamoDb::open(file("dynamodb.db").as_deref())?,
            parameters: ssm::ParameterStore::open(file("parameters.json"))?,
            queues: sqs::Queues::open(file("queues.json"))?,
            buses: buses::Buses::new(),
            permissions: Permissions::default(),
            faults: Faults::default(),
            usage: UsageMeter::default(),
            observers: Observers::default(),
            event_retries: [Duration::from_secs(1), Duration::from_secs(2)],
            folder,
        })
    }

    /// Invokes these functions asynchronously.
    pub(crate) fn asynchronous(&self, functions: Arc<dyn Invoke>) -> AsyncInvoker {
        AsyncInvoker::new(functions, self.queues.clone(), self.event_retries)
    }

    /// Serves every service on `listener`; Lambda's calls go to `functions`.
    ///
    /// # Errors
    ///
    /// [`Error::Serve`] if the listener cannot be used. Must be called inside a Tokio runtime.
    pub async fn serve(
        &self,
        listener: std::net::TcpListener,
        functions: Arc<dyn Invoke>,
    ) -> Result<Server, Error> {
        listener.set_nonblocking(true).map_err(Error::Serve)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Serve)?;
        let address = listener.local_addr().map_err(Error::Serve)?;
        let (stop, stopping) = watch::channel(false);
        let asynchronous = self.asynchronous(functions.clone());
        let lambda = lambda::Lambda::new(functions, asynchronous, stopping.clone());
        let router = endpoint::router(self, lambda, stopping.clone());
        let mut stopped = stopping;
        let task = tokio::spawn(async move {
            let stopped = async move {
                // A sender that is gone means the server was dropped: stop as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let service = router.into_make_service_with_connect_info::<Resetter>();
            let served =
                axum::serve(ResettableListener(listener), service).with_graceful_shutdown(stopped);
            if let Err(error) = served.await {
                tracing::error!(%error, "the AWS endpoint stopped");
            }
        });
        Ok(Server { address, stop, task, faults: self.faults.clone() })
    }

    /// Writes pending changes and unlocks the data folder.
    ///
    /// Stop the [`Server`] first. Waits a few seconds at most; clones of the
    /// services that live on keep working in memory, but no longer write.
    pub async fn close(self) {
        let closed = tokio::task::spawn_blocking(move || {
            self.dynamodb.close();
            self.parameters.close();
            self.queues.close();
            if let Some(folder) = &self.folder {
                folder.release();
            }
        });
        if closed.await.is_err() {
            tracing::error!("closing the local AWS panicked");
        }
    }
}

/// The AWS endpoint being served. Dropping it stops it without waiting.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    faults: Faults,
}

impl Server {
    /// Where it is served: `http://{address}` is the endpoint URL for every service.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: faults are cancelled, long polls end empty, asynchronous events aren't
    /// retried, and other requests have two seconds to finish.
    pub async fn stop(mut self) {
        self.faults.cancel();
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
