//! What is wrong with a template.

use std::path::{Path, PathBuf};

/// What is wrong with a template, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {message}", path.display())]
pub struct TemplateError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, with the resource and the property.
    pub message: String,
}

/// A [`TemplateError`] before anyone knows the file.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }

    /// The error, once the file is known.
    pub(crate) fn in_file(self, path: &Path) -> TemplateError {
        TemplateError { path: path.to_owned(), line: self.line, message: self.message }
    }
}
