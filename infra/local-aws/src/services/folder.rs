//! One process per data folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use persisted::private;

use super::error::Error;

/// The data folder, held by this process. The system releases it when the process ends.
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Creates the folder if needed and locks it.
    pub(crate) fn acquire(folder: &Path) -> Result<Self, Error> {
        private::create_folder(folder).map_err(Error::file("make the folder", folder))?;
        let path = folder.join("lock");
        let file = private::open(&path).map_err(Error::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_path_buf())),
            Err(TryLockError::Error(error)) => Err(Error::file("lock", &path)(error)),
        }
    }

    /// Unlocks the folder, even if clones of this remain.
    pub(crate) fn release(&self) {
        // The end of the process would release it as well, so a failure costs nothing.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("deep/data");
        let first = Lock::acquire(&folder).unwrap();
        let second = Lock::acquire(&folder).err().unwrap();
        assert!(second.to_string().contains("in use by another process"), "{second}");
        first.release();
        Lock::acquire(&folder).unwrap();
    }
}
