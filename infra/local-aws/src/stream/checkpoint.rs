//! Where a mapping stood, kept in the data folder.

use std::{
    io,
    path::{Path, PathBuf},
};

use persisted::private;

use crate::services::dynamodb::StreamPosition;

/// A file with a sequence number in it; nothing if all data is in memory.
#[derive(Debug)]
pub(crate) struct Checkpoint(Option<PathBuf>);

impl Checkpoint {
    pub(crate) fn open(data: Option<&Path>, function: &str, table: &str) -> Self {
        Self(data.map(|data| data.join("streams").join(format!("{function}.{table}"))))
    }

    /// The position, unless there is none or it can't be read: then the
    /// mapping starts over, which its function must bear anyway.
    pub(crate) fn read(&self) -> Option<StreamPosition> {
        std::fs::read_to_string(self.0.as_ref()?).ok()?.trim().parse().ok()
    }

    /// Replaces the position in one step, so that a kill leaves the old or the
    /// new one.
    pub(crate) fn write(&self, position: &StreamPosition) -> io::Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        if let Some(folder) = path.parent() {
            private::create_folder(folder)?;
        }
        // Workers may write at once; either position is correct.
        private::replace(path, position.to_string().as_bytes())
    }
}
