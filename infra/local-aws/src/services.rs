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
//! still carry an `Authorization` header and come from no web page ([`Callers`]), so that a
//! page in a browser can't read parameters or invoke functions.

pub(crate) mod asynchronous;
pub(crate) mod body;
pub mod dynamodb;
pub mod lambda;
pub mod permission;
pub mod sqs;
pub mod ssm;

pub(crate) mod account;
mod control;
mod endpoint;
pub(crate) mod error;
pub(crate) mod fault;
mod folder;
pub(crate) mod invoke;
pub(crate) mod refusal;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::eventbridge::buses;
use crate::observer::Observers;
pub use account::{ACCOUNT, REGION};
use asynchronous::AsyncInvoker;
pub use error::Error;
pub use fault::{Fault, FaultHandle, Faults, InvalidFault};
pub use invoke::{EventInvokeConfig, Invoke, ProcessCommand};
use permission::Permissions;
pub use refusal::Refusal;
pub use resettable_server::Callers;
pub use usage::{UsageMeter, Used};

/// How long requests under way may take to finish once the server is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(2);

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

    /// Serves every service on `listener` to these callers; Lambda's calls go to `functions`.
    /// Must be called inside a Tokio runtime.
    pub async fn serve(
        &self,
        listener: std::net::TcpListener,
        callers: Callers,
        functions: Arc<dyn Invoke>,
    ) -> Result<Server, Error> {
        let (stop, stopping) = watch::channel(false);
        let asynchronous = self.asynchronous(functions.clone());
        let lambda = lambda::Lambda::new(functions, asynchronous, stopping.clone());
        let router = endpoint::router(self, lambda, stopping);
        let name = "the AWS endpoint";
        let http = resettable_server::Server::start(name, listener, router, callers, stop);
        Ok(Server { http: http.map_err(Error::Serve)?, faults: self.faults.clone() })
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
    http: resettable_server::Server,
    faults: Faults,
}

impl Server {
    /// Where it is served: `http://{address}` is the endpoint URL for every service.
    pub fn address(&self) -> std::net::SocketAddr {
        self.http.address()
    }

    /// Stops: faults are cancelled, long polls end empty, asynchronous events aren't
    /// retried, and other requests have two seconds to finish.
    pub async fn stop(mut self) {
        self.faults.cancel();
        self.http.stop(STOP_GRACE).await;
    }
}
