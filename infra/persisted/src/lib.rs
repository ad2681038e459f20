//! A value in memory that one private JSON file keeps: a change that was acknowledged is in the
//! file, also after the process was killed.
//!
//! A thread of its own writes the whole value: to a new file first, which then replaces the
//! old one, so that the file is always either the state before or the state after. Changes
//! that arrive while it writes are written together next, so concurrent callers share a write. It
//! doesn't force the disk: a power cut may lose the last changes.
//!
//! What can't be written is undone: the value is again what the file says, and each caller
//! that waits for an undone change gets the reason.

pub mod private;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// The delay that collects changes for which no caller waits.
const WRITE_DELAY: Duration = Duration::from_millis(200);

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried: a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Its content isn't what was written there. The text isn't shown, it may be a secret.
    #[error("{} is damaged (line {line}, column {column})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where reading it failed.
        line: usize,
        /// As above.
        column: usize,
    },
}

/// A change that is undone, as it can't be written. The text names the file and the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}; the change is undone")]
pub struct NotWritten(String);

/// What the file keeps of a value.
pub trait Stored: Send + 'static {
    /// As the file has it.
    fn to_json(&self) -> serde_json::Result<Vec<u8>>;
    /// Takes over what the file has.
    fn restore(&mut self, json: &[u8]) -> serde_json::Result<()>;
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Stored for T {
    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    fn restore(&mut self, json: &[u8]) -> serde_json::Result<()> {
        *self = serde_json::from_slice(json)?;
        Ok(())
    }
}

/// A `T` that one JSON file keeps, or only memory.
pub struct Persisted<T> {
    shared: Arc<Shared<T>>,
    /// How many changes are in the file, or undone.
    done: Option<watch::Receiver<u64>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
}

struct State<T> {
    value: T,
    /// How many changes there have been.
    changes: u64,
    /// The last change for which a caller waits.
    awaited: u64,
    /// The changes that were undone.
    undone: Vec<RangeInclusive<u64>>,
    failure: String,
    closing: bool,
}

/// Names a change, so that one can wait until it is in the file.
#[derive(Clone, Copy, Debug)]
#[must_use = "an unawaited change may be lost when the process is killed"]
pub struct ChangeId(u64);

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Stored> Persisted<T> {
    /// A value that starts as `initial`. With a path it starts as the file says, if there is
    /// one, and is written there, in a folder that is made if need be; this fails if the file
    /// can't be written.
    pub fn open(path: Option<PathBuf>, mut initial: T) -> Result<Self, Error> {
        let mut file = None;
        if let Some(path) = path {
            if let Some(folder) = path.parent() {
                private::create_folder(folder).map_err(failed("make the folder", folder))?;
            }
            let kept = read(&path)?;
            if let Some(kept) = &kept {
                initial.restore(kept).map_err(|error| damaged(&path, &error))?;
            }
            let json = initial.to_json().map_err(|error| damaged(&path, &error))?;
            // Also if it holds the same: now is the time to learn that it can't be written.
            private::replace(&path, &json).map_err(failed("write", &path))?;
            file = Some((path, json));
        }
        let state = State {
            value: initial,
            changes: 0,
            awaited: 0,
            undone: Vec::new(),
            failure: String::new(),
            closing: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
        let Some((path, json)) = file else {
            return Ok(Self { shared, done: None, writer: Mutex::new(None) });
        };
        let (report, done) = watch::channel(0);
        let writer = std::thread::Builder::new().name("file-writer".to_owned()).spawn({
            let (shared, path) = (shared.clone(), path.clone());
            move || keep_writing(&shared, &path, json, &report)
        });
        let writer = writer.map_err(failed("start the thread that writes", &path))?;
        Ok(Self { shared, done: Some(done), writer: Mutex::new(Some(writer)) })
    }
}

impl<T> Persisted<T> {
    /// Looks at the value. The closure is synchronous, so the lock is never held across an
    /// await.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.shared.lock().value)
    }

    /// Changes the value. The file follows by itself; [`Persisted::wait_until_written`] waits
    /// for it.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> (R, ChangeId) {
        let mut state = self.shared.lock();
        let result = change(&mut state.value);
        (result, self.changed(state))
    }

    /// Changes the value if `change` says that it did: with `true`.
    pub fn change_if<R>(&self, change: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let mut state = self.shared.lock();
        let (result, changed) = change(&mut state.value);
        if changed {
            let _ = self.changed(state);
        }
        result
    }

    fn changed(&self, mut state: MutexGuard<'_, State<T>>) -> ChangeId {
        state.changes += 1;
        let change = ChangeId(state.changes);
        drop(state);
        self.shared.wake.notify_one();
        change
    }

    /// The latest change of any caller.
    pub fn latest(&self) -> ChangeId {
        ChangeId(self.shared.lock().changes)
    }

    /// Waits until `change` is in the file.
    pub async fn wait_until_written(&self, change: ChangeId) -> Result<(), NotWritten> {
        self.wait(change.0..=change.0).await
    }

    /// Waits until every change after `since` is in the file.
    pub async fn wait_since(&self, since: ChangeId) -> Result<(), NotWritten> {
        self.wait(since.0 + 1..=self.latest().0).await
    }

    async fn wait(&self, changes: RangeInclusive<u64>) -> Result<(), NotWritten> {
        let last = *changes.end();
        let Some(mut done) = self.done.clone() else { return Ok(()) };
        if *done.borrow() < last {
            let mut state = self.shared.lock();
            state.awaited = state.awaited.max(last);
            drop(state);
            self.shared.wake.notify_one();
        }
        if done.wait_for(|done| *done >= last).await.is_err() {
            return Err(NotWritten("the data folder is closed".to_owned()));
        }
        let state = self.shared.lock();
        let overlaps = |undone: &RangeInclusive<u64>| {
            undone.start() <= changes.end() && undone.end() >= changes.start()
        };
        if state.undone.iter().any(overlaps) {
            return Err(NotWritten(state.failure.clone()));
        }
        Ok(())
    }

    /// Writes what is unwritten and stops writing.
    pub fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the thread that writes the data folder panicked");
        }
    }
}

impl<T> Drop for Persisted<T> {
    fn drop(&mut self) {
        self.close();
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::File { doing, path: path.to_path_buf(), source }
}

fn damaged(path: &Path, error: &serde_json::Error) -> Error {
    Error::Damaged { path: path.to_path_buf(), line: error.line(), column: error.column() }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Writes until the value is closed. `written` is what the file has.
fn keep_writing<T: Stored>(
    shared: &Shared<T>,
    path: &Path,
    mut written: Vec<u8>,
    report: &watch::Sender<u64>,
) {
    let mut done = 0;
    loop {
        let mut state = next_write(shared, done);
        if state.changes == done {
            return;
        }
        let (first, last) = (done + 1, state.changes);
        let json = state.value.to_json();
        drop(state);
        let outcome = json.map_err(std::io::Error::from).and_then(|json| {
            // What the file doesn't keep changes as well.
            if json != written {
                private::replace(path, &json)?;
                written = json;
            }
            Ok(())
        });
        done = last;
        if let Err(error) = outcome {
            state = shared.lock();
            done = state.changes;
            let failure = format!("cannot write {}: {error}", path.display());
            tracing::error!("{failure}");
            undo(&mut state, first..=done, failure, &written);
        }
        report.send_replace(done);
    }
}

/// Waits until there is something to write, or nothing will be written any more.
fn next_write<T>(shared: &Shared<T>, done: u64) -> MutexGuard<'_, State<T>> {
    let mut state = shared.lock();
    while state.changes == done && !state.closing {
        state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    let (state, _) = shared
        .wake
        .wait_timeout_while(state, WRITE_DELAY, |state| state.awaited <= done && !state.closing)
        .unwrap_or_else(PoisonError::into_inner);
    state
}

/// Makes the value what the file says again.
fn undo<T: Stored>(
    state: &mut State<T>,
    changes: RangeInclusive<u64>,
    failure: String,
    written: &[u8],
) {
    if let Err(error) = state.value.restore(written) {
        tracing::error!(%error, "what was written can't be read");
    }
    state.failure = failure;
    match state.undone.last_mut() {
        Some(last) if last.end() + 1 == *changes.start() => *last = *last.start()..=*changes.end(),
        _ => state.undone.push(changes),
    }
}

#[cfg(test)]
mod tests;
