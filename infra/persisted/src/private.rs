//! Files and folders that only this user can read, as they may hold secrets.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Makes the folder and those above it, unless they are there. One that is there keeps its
/// permissions: it may belong to other programs.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens a file for writing, behind what it holds; makes it if need be. One that others could
/// read is made private.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Puts `bytes` where the file is, in one step: a reader sees the old file or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    /// One at a time, so that the new file can have a fixed name: a process that is killed
    /// leaves one of it at most.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let new = path.with_extension("new");
    remove(&new)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    let replaced =
        file.and_then(|mut file| file.write_all(bytes)).and_then(|()| std::fs::rename(&new, path));
    if replaced.is_err() {
        // A full disk has no room for half a file either.
        remove(&new)?;
    }
    replaced
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
