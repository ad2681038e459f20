//! Errors of the services themselves.

use std::path::{Path, PathBuf};

use super::refusal::Refusal;

/// Why the local AWS doesn't open, or a service fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the data folder.
    #[error(
        "{} is in use by another process: stop that one first, or choose another data folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// The data folder, or a file in it, cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried: a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file in the data folder is not what was written there.
    #[error(
        "{} is damaged (line {line}, column {column}): put back a copy, or delete the folder {} to start afresh",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where reading it failed; the text isn't shown, it may be a secret.
        line: usize,
        /// As above.
        column: usize,
    },
    /// The database engine failed, or refused a definition.
    #[error("the database: {0}")]
    Database(String),
    /// An existing table differs from its definition in a way that needs a new table.
    #[error(
        "the table {table} has other {what} than the template says: delete {} to start afresh",
        folder.as_ref().map_or_else(
            || "the table".to_owned(),
            |folder| format!("the folder {}", folder.display())
        )
    )]
    TableDiffers {
        /// The table's name.
        table: String,
        /// What differs.
        what: &'static str,
        /// The data folder, unless tables are in memory.
        folder: Option<PathBuf>,
    },
    /// The address cannot be served.
    #[error("cannot serve the AWS endpoint: {0}")]
    Serve(#[source] std::io::Error),
    /// A service refused, as it would refuse a client.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<persisted::Error> for Error {
    fn from(error: persisted::Error) -> Self {
        match error {
            persisted::Error::File { doing, path, source } => Self::File { doing, path, source },
            persisted::Error::Damaged { path, line, column } => {
                Self::Damaged { path, line, column }
            }
        }
    }
}

impl Error {
    /// Wraps what the operating system said of `path`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing, path: path.to_path_buf(), source }
    }
}
