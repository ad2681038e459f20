//! The state that all handlers share while the sandbox runs.

use crate::activity_feed::ActivityFeed;
use crate::business::Business;
use crate::error::Error;
use crate::model::call_log::CallLog;
use crate::model::faults::Fault;
use crate::model::world::World;
use crate::oddities::switches::Switches;
use crate::push::outgoing::Push;
use crate::world_file;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The context of a handler.
pub(crate) type SharedContext = Arc<Context>;

/// The sandbox while it runs.
pub(crate) struct Context {
    state: Mutex<State>,
    pub(crate) http: reqwest::Client,
    pub(crate) callback_base: String,
    background: Mutex<JoinSet<()>>,
    pushes_in_progress: watch::Sender<usize>,
    /// Counts the changes of the state.
    version: watch::Sender<u64>,
    closing: watch::Receiver<bool>,
    pub(crate) business: Business,
    pub(crate) feed: ActivityFeed,
    /// The content of the data file since the start.
    saved: Mutex<Vec<u8>>,
    data: Option<PathBuf>,
}

/// The state that changes while the sandbox runs.
pub(crate) struct State {
    /// The part that survives a restart.
    pub(crate) world: World,
    /// Faults for the next calls.
    pub(crate) faults: Vec<Fault>,
    /// The oddities that are on.
    pub(crate) oddities: Switches,
    /// The calls so far.
    pub(crate) calls: CallLog,
    /// The users, by openid, to whom a subscription message is being sent.
    pub(crate) sending: Vec<String>,
    /// Pushes that wait for their release.
    pub(crate) paused_pushes: Vec<Push>,
}

impl Context {
    pub(crate) fn new(
        world: World,
        http: reqwest::Client,
        callback_base: &str,
        business: Business,
        feed: ActivityFeed,
        data: Option<PathBuf>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let state = State {
            world,
            faults: Vec::new(),
            oddities: Switches::default(),
            calls: CallLog::default(),
            sending: Vec::new(),
            paused_pushes: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            http,
            callback_base: callback_base.trim_end_matches('/').to_owned(),
            background: Mutex::new(JoinSet::new()),
            pushes_in_progress: watch::Sender::new(0),
            version: watch::Sender::new(0),
            closing,
            business,
            feed,
            saved: Mutex::new(Vec::new()),
            data,
        }
    }

    /// Reads the state. The closure is synchronous, so the lock is never held across an await.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&lock(&self.state))
    }

    /// Changes the state; the saver writes it to the data file shortly after. The closure is
    /// synchronous, so the lock is never held across an await.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut lock(&self.state));
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Receives a version for each change of the state.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Becomes true when the sandbox stops.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }

    /// Counts a push as in progress until the guard is dropped.
    pub(crate) fn begin_push(&self) -> PushInProgress {
        self.pushes_in_progress.send_modify(|count| *count += 1);
        PushInProgress(self.pushes_in_progress.clone())
    }

    /// Waits until no push is in progress.
    pub(crate) async fn idle(&self) {
        let _ = self.pushes_in_progress.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Runs a task in the background until the sandbox stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut background = lock(&self.background);
        while background.try_join_next().is_some() {}
        background.spawn(task);
    }

    /// Takes the background tasks, to end them.
    pub(crate) fn take_background(&self) -> JoinSet<()> {
        std::mem::take(&mut *lock(&self.background))
    }

    /// Whether there is a data file.
    pub(crate) fn is_persistent(&self) -> bool {
        self.data.is_some()
    }

    /// Writes the world to the data file. Writes are serialised, so an older world never
    /// replaces a newer one.
    pub(crate) async fn save(self: &Arc<Self>) -> Result<(), Error> {
        let Some(path) = self.data.clone() else { return Ok(()) };
        let context = self.clone();
        let failed = |reason: String| Error::Data { path: path.clone(), reason };
        let target = path.clone();
        let write = tokio::task::spawn_blocking(move || {
            let mut saved = lock(&context.saved);
            let world = serde_json::to_vec_pretty(&lock(&context.state).world)?;
            // Faults and calls change the state without changing the world.
            if *saved != world {
                world_file::save(&target, &world)?;
                *saved = world;
            }
            Ok::<_, std::io::Error>(())
        });
        match write.await {
            Ok(written) => written.map_err(|error| failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// A push is in progress until this is dropped.
pub(crate) struct PushInProgress(watch::Sender<usize>);

impl Drop for PushInProgress {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Ignores poisoning: after a panic in one handler the others continue with the same world.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
