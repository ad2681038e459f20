//! The sandbox while it runs.

use crate::business::Business;
use crate::calls::Calls;
use crate::connection::{Door, Wire};
use crate::faults::Fault;
use crate::feed::Feed;
use crate::push::Push;
use crate::world::World;
use crate::{control, example, file};
use axum::Router;
use reqwest::redirect;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long calls under way may still take when the sandbox stops.
const LAST_CALLS: Duration = Duration::from_millis(500);
/// How long changes gather before they are written to the file.
const GATHER: Duration = Duration::from_millis(200);

/// Where the sandbox listens, whom it tells, and where it remembers.
#[derive(Debug)]
pub struct Options {
    /// Where it listens, already bound.
    pub listener: TcpListener,
    /// Where events are pushed to, `http://127.0.0.1:8080/callback`; a slash and
    /// the app's alias are appended.
    pub callback_base: String,
    /// The JSON file that the world is kept in over restarts; memory if none.
    pub data: Option<PathBuf>,
    /// Where the business answers, for what the page offers.
    pub business: Business,
    /// What happens underneath, told by others as well.
    pub feed: Feed,
}

impl Options {
    /// In memory, and without a business.
    pub fn new(listener: TcpListener, callback_base: impl Into<String>) -> Self {
        let (business, feed) = Default::default();
        Self { listener, callback_base: callback_base.into(), data: None, business, feed }
    }
}

/// Why a sandbox doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener can't be used.
    #[error("the sandbox cannot listen: {0}")]
    Listen(#[source] std::io::Error),
    /// The HTTP client that pushes events can't be made.
    #[error("the client that pushes events cannot be made: {0}")]
    Client(String),
    /// The data file can't be read or written.
    #[error(
        "the sandbox's data in {path} cannot be used: {reason}; mend the file or remove it to begin anew"
    )]
    Data {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The world to begin with is impossible.
    #[error("the sandbox's world is impossible: {0}")]
    World(String),
}

/// A running sandbox. Dropping it stops it at once; [`Sandbox::stop`] lets it
/// finish and remember.
pub struct Sandbox {
    address: SocketAddr,
    running: Shared,
    server: JoinHandle<()>,
    saver: JoinHandle<()>,
    closing: watch::Sender<bool>,
}

impl Sandbox {
    /// Starts with what the data file remembers, or else with [`example()`].
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_with(options, example()).await
    }

    /// Starts with what the data file remembers, or else with `world`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn start_with(options: Options, world: World) -> Result<Self, Error> {
        let mut world = match &options.data {
            Some(path) => file::load(path)?.unwrap_or(world),
            None => world,
        };
        world.acquaint();
        world.check().map_err(Error::World)?;

        options.listener.set_nonblocking(true).map_err(Error::Listen)?;
        let listener =
            tokio::net::TcpListener::from_std(options.listener).map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        let (closing, mut closed) = watch::channel(false);
        let running = Arc::new(Running {
            state: Mutex::new(State {
                world,
                faults: Vec::new(),
                calls: Calls::default(),
                sending: Vec::new(),
                held: Vec::new(),
            }),
            http: client()?,
            callback_base: options.callback_base.trim_end_matches('/').to_owned(),
            background: Mutex::new(JoinSet::new()),
            under_way: watch::Sender::new(0),
            version: watch::Sender::new(0),
            closing: closed.clone(),
            business: Business {
                api: options.business.api.map(|api| api.trim_end_matches('/').to_owned()),
                send: options.business.send,
            },
            feed: options.feed,
            written: Mutex::new(Vec::new()),
            data: options.data,
        });
        // A file that can't be written is told now, not when all is lost.
        running.save().await?;

        let router: Router = control::router(running.clone());
        let serve =
            axum::serve(Door(listener), router.into_make_service_with_connect_info::<Wire>());
        let serve = serve.with_graceful_shutdown(async move {
            let _ = closed.wait_for(|closing| *closing).await;
        });
        let server = tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "the sandbox stopped listening");
            }
        });
        let saver = tokio::spawn(save_always(running.clone()));
        Ok(Self { address, running, server, saver, closing })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The world as it is now.
    pub fn world(&self) -> World {
        self.running.read(|state| state.world.clone())
    }

    /// Stops listening, ends what is under way and writes down what happened.
    pub async fn stop(mut self) {
        self.closing.send_replace(true);
        if tokio::time::timeout(LAST_CALLS, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.saver.abort();
        let mut background = std::mem::take(&mut *lock(&self.running.background));
        background.shutdown().await;
        if let Err(error) = self.running.save().await {
            tracing::error!(%error, "what happened last is lost");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
        self.saver.abort();
        lock(&self.running.background).abort_all();
    }
}

/// What all handlers share.
pub(crate) type Shared = Arc<Running>;

/// The sandbox while it runs.
pub(crate) struct Running {
    state: Mutex<State>,
    pub(crate) http: reqwest::Client,
    pub(crate) callback_base: String,
    background: Mutex<JoinSet<()>>,
    under_way: watch::Sender<usize>,
    /// Counts the changes of the state.
    version: watch::Sender<u64>,
    closing: watch::Receiver<bool>,
    pub(crate) business: Business,
    pub(crate) feed: Feed,
    /// What the file holds, since the start.
    written: Mutex<Vec<u8>>,
    data: Option<PathBuf>,
}

/// What changes while it runs.
pub(crate) struct State {
    /// What is remembered over a restart.
    pub(crate) world: World,
    /// Faults that wait for calls.
    pub(crate) faults: Vec<Fault>,
    /// The calls so far.
    pub(crate) calls: Calls,
    /// Whom a subscription message is under way to, by openid.
    pub(crate) sending: Vec<String>,
    /// What is to be pushed once it is let out.
    pub(crate) held: Vec<Push>,
}

impl Running {
    /// Looks at the state. Never across an await: the closure can't.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&lock(&self.state))
    }

    /// Changes the state, which is written down a moment later. Never across an
    /// await: the closure can't.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut lock(&self.state));
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Hears of every change of the state.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Hears of the end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }

    /// Counts a push as under way until the guard is dropped.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.under_way.send_modify(|count| *count += 1);
        UnderWay(self.under_way.clone())
    }

    /// Waits until no push is under way.
    pub(crate) async fn idle(&self) {
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Does something in the background, until the sandbox stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut background = lock(&self.background);
        while background.try_join_next().is_some() {}
        background.spawn(work);
    }

    /// Writes the world down, as it is when its turn comes: one after the other,
    /// so that what is older never takes the place of what is newer.
    async fn save(self: &Arc<Self>) -> Result<(), Error> {
        let Some(path) = self.data.clone() else { return Ok(()) };
        let running = self.clone();
        let failed = |reason: String| Error::Data { path: path.clone(), reason };
        let at = path.clone();
        let write = tokio::task::spawn_blocking(move || {
            let mut written = lock(&running.written);
            let world = serde_json::to_vec_pretty(&lock(&running.state).world)?;
            // Faults and calls change without the world.
            if *written != world {
                file::save(&at, &world)?;
                *written = world;
            }
            Ok::<_, std::io::Error>(())
        });
        match write.await {
            Ok(written) => written.map_err(|error| failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// Something is under way until this is dropped.
pub(crate) struct UnderWay(watch::Sender<usize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Writes the world down whenever it has changed, a moment later.
async fn save_always(running: Shared) {
    if running.data.is_none() {
        return;
    }
    let mut versions = running.version.subscribe();
    while versions.changed().await.is_ok() {
        tokio::time::sleep(GATHER).await;
        if let Err(error) = running.save().await {
            tracing::error!(%error, "what happened last is not written down");
        }
    }
}

/// A panic in one handler leaves the world as it is; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client that pushes events: it follows no redirect and uses no proxy.
fn client() -> Result<reqwest::Client, Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| Error::Client(error.to_string()))?
    .with_root_certificates(roots)
    .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| Error::Client(error.to_string()))
}
