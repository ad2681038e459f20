//! A value in memory whose changes are written to one JSON file.
//!
//! A thread of its own writes the whole value whenever it has changed: to a
//! new file first, which then replaces the old one, so that the file is always
//! either the state before or the state after. Changes that arrive while it writes
//! are written together next. That is quick enough for a development machine and
//! survives the process being killed; it doesn't force the disk, so a power cut may
//! lose the last changes.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::error::Error;
use super::refusal::Refusal;

/// A `T` that one JSON file keeps, or only memory.
pub(crate) struct Persisted<T> {
    shared: Arc<Shared<T>>,
    written: Option<watch::Receiver<WriteProgress>>,
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
    closing: bool,
}

/// How far the file is.
#[derive(Clone, Default)]
struct WriteProgress {
    changes: u64,
    failure: Option<String>,
}

/// Names a change, so that one can wait until it is in the file.
#[derive(Clone, Copy)]
#[must_use = "an unawaited change may be lost when the process is killed"]
pub(crate) struct ChangeId(u64);

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default + Serialize + DeserializeOwned + Send + 'static> Persisted<T> {
    /// Reads the file, if there is one, and starts to write to it; without a path keeps to memory.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, Error> {
        let value = path.as_deref().map(read).transpose()?.flatten().unwrap_or_default();
        let shared = Arc::new(Shared {
            state: Mutex::new(State { value, changes: 0, closing: false }),
            wake: Condvar::new(),
        });
        let Some(path) = path else {
            return Ok(Self { shared, written: None, writer: Mutex::new(None) });
        };
        let (report, written) = watch::channel(WriteProgress::default());
        let writer = std::thread::Builder::new()
            .name("aws-writer".to_owned())
            .spawn({
                let (shared, path) = (shared.clone(), path.clone());
                move || keep_writing(&shared, &path, &report)
            })
            .map_err(Error::file("start the thread that writes", &path))?;
        Ok(Self { shared, written: Some(written), writer: Mutex::new(Some(writer)) })
    }
}

impl<T> Persisted<T> {
    /// Looks at the value.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.shared.lock().value)
    }

    /// Changes the value. The file follows by itself; [`Persisted::wait_until_written`] waits for it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> (R, ChangeId) {
        let mut state = self.shared.lock();
        let result = change(&mut state.value);
        state.changes += 1;
        let change = ChangeId(state.changes);
        drop(state);
        self.shared.wake.notify_one();
        (result, change)
    }

    /// Changes the value if `change` says that it did: with `true`.
    pub(crate) fn change_if<R>(&self, change: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let mut state = self.shared.lock();
        let (result, changed) = change(&mut state.value);
        if changed {
            state.changes += 1;
            drop(state);
            self.shared.wake.notify_one();
        }
        result
    }

    /// Waits until `change` is in the file.
    pub(crate) async fn wait_until_written(&self, change: ChangeId) -> Result<(), Refusal> {
        let Some(mut written) = self.written.clone() else { return Ok(()) };
        let failure = match written.wait_for(|written| written.changes >= change.0).await {
            Ok(written) => written.failure.clone(),
            Err(_) => Some("the data folder is closed".to_owned()),
        };
        failure.map_or(Ok(()), |failure| Err(Refusal::internal(failure)))
    }

    /// Writes what is unwritten and stops writing.
    pub(crate) fn close(&self) {
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

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Damaged {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
    })
}

fn keep_writing<T: Serialize>(
    shared: &Shared<T>,
    path: &Path,
    report: &watch::Sender<WriteProgress>,
) {
    let mut done = 0;
    loop {
        let mut state = shared.lock();
        while state.changes == done && !state.closing {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.changes == done {
            return;
        }
        let changes = state.changes;
        let bytes = serde_json::to_vec(&state.value);
        drop(state);
        let failure = bytes
            .map_err(|error| error.to_string())
            .and_then(|bytes| replace(path, &bytes).map_err(|error| error.to_string()))
            .err()
            .map(|error| format!("cannot write {}: {error}", path.display()));
        if let Some(failure) = &failure {
            tracing::error!("{failure}");
        }
        done = changes;
        report.send_replace(WriteProgress { changes, failure });
    }
}

/// Puts `bytes` where the file is, readable by this user alone: it may hold secrets.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_change_is_in_the_file_once_it_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("list.json");
        let list: Persisted<Vec<u32>> = Persisted::open(Some(path.clone())).unwrap();
        let ((), change) = list.change(|list| list.push(7));
        list.wait_until_written(change).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[7]");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn close_writes_pending_changes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("list.json");
        let list: Persisted<Vec<u32>> = Persisted::open(Some(path.clone())).unwrap();
        for number in 0..100 {
            let _ = list.change(|list| list.push(number));
        }
        drop(list);
        let list: Persisted<Vec<u32>> = Persisted::open(Some(path)).unwrap();
        assert_eq!(list.read(Vec::len), 100);
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("list.json");
        fs::write(&path, "[1,\n \"hunter2\"]").unwrap();
        let error = Persisted::<Vec<u32>>::open(Some(path.clone())).err().unwrap().to_string();
        assert!(error.contains("list.json is damaged (line 2"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[1,\n \"hunter2\"]");
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_written_is_reported() {
        let home = tempfile::tempdir().unwrap();
        let list: Persisted<Vec<u32>> =
            Persisted::open(Some(home.path().join("missing/list.json"))).unwrap();
        let ((), change) = list.change(|list| list.push(7));
        let refusal = list.wait_until_written(change).await.unwrap_err();
        assert!(refusal.message.contains("cannot write"), "{refusal}");
    }
}
