//! The data file, which holds the world.

use crate::error::Error;
use crate::model::world::World;
use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

/// Reads the world; `None` without a file.
pub(crate) fn load(path: &Path) -> Result<Option<World>, Error> {
    let failed =
        |reason: &dyn Display| Error::Data { path: path.to_owned(), reason: reason.to_string() };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| failed(&error))
}

/// Writes the world to a new file and renames it over the old one, so that a reader sees one
/// of the two as a whole.
pub(crate) fn save(path: &Path, world: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(world)?;
    new.persist(path)?;
    Ok(())
}
