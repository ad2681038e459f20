//! The state that all handlers share while the sandbox runs.

use crate::activity_feed::ActivityFeed;
use crate::business::Business;
use crate::error::Error;
use crate::model::call_log::CallLog;
use crate::model::faults::Fault;
use crate::model::world::World;
use crate::oddities::switches::Switches;
use crate::push::outgoing::Push;
use persisted::{ChangeId, NotWritten, Persisted, Stored};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The context of a handler.
pub(crate) type SharedContext = Arc<Context>;

/// The sandbox while it runs.
pub(crate) struct Context {
    state: Persisted<State>,
    pub(crate) http: reqwest::Client,
    pub(crate) callback_base: String,
    background: Mutex<JoinSet<()>>,
    pushes_in_progress: watch::Sender<usize>,
    /// Counts the changes of the state.
    version: watch::Sender<u64>,
    closing: watch::Receiver<bool>,
    pub(crate) business: Business,
    pub(crate) feed: ActivityFeed,
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
    /// As in [`Context`].
    version: watch::Sender<u64>,
}

impl Stored for State {
    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(&self.world)
    }

    fn restore(&mut self, json: &[u8]) -> serde_json::Result<()> {
        self.world = serde_json::from_slice(json)?;
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }
}

impl Context {
    /// Starts with the world in the data file, or else with `world`. Fails if the file isn't
    /// writable.
    pub(crate) fn open(
        world: World,
        http: reqwest::Client,
        callback_base: &str,
        business: Business,
        feed: ActivityFeed,
        data: Option<PathBuf>,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let version = watch::Sender::new(0);
        let state = State {
            world,
            faults: Vec::new(),
            oddities: Switches::default(),
            calls: CallLog::default(),
            sending: Vec::new(),
            paused_pushes: Vec::new(),
            version: version.clone(),
        };
        Ok(Self {
            state: Persisted::open(data, state)?,
            http,
            callback_base: callback_base.trim_end_matches('/').to_owned(),
            background: Mutex::new(JoinSet::new()),
            pushes_in_progress: watch::Sender::new(0),
            version,
            closing,
            business,
            feed,
        })
    }

    /// Reads the state. The closure is synchronous, so the lock is never held across an await.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        self.state.read(read)
    }

    /// Changes the state; the data file follows shortly after, or when a caller waits for it. The closure is synchronous, so the lock is never held across an await.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, _) = self.state.change(change);
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Changes what doesn't survive a restart, so that nothing has to be written.
    pub(crate) fn change_unsaved<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = self.state.change_if(|state| (change(state), false));
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Changes the state and waits until the change is in the data file. What can't be written
    /// there is undone.
    pub(crate) async fn change_and_save<R>(
        &self,
        change: impl FnOnce(&mut State) -> R,
    ) -> Result<R, NotWritten> {
        let (result, change) = self.state.change(change);
        self.version.send_modify(|version| *version += 1);
        self.state.wait_until_written(change).await?;
        Ok(result)
    }

    /// The latest change of any caller.
    pub(crate) fn latest(&self) -> ChangeId {
        self.state.latest()
    }

    /// Waits until every change after `since` is in the data file.
    pub(crate) async fn saved_since(&self, since: ChangeId) -> Result<(), NotWritten> {
        self.state.wait_since(since).await
    }

    /// Saves what is unsaved; later changes are lost.
    pub(crate) fn close(&self) {
        self.state.close();
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
