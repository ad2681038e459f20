//! Conventions that no compiler checks: the words of docs/GLOSSARY.md, which file may
//! import which, and that tools are installed with hashes.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod graph;
mod local_aws;
mod modules;
mod supply_chain;
mod vocabulary;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The paths of all tracked files, relative to the root.
fn tracked_files() -> Vec<String> {
    let output = Command::new("git").arg("ls-files").current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git ls-files: {output:?}");
    let paths = String::from_utf8(output.stdout).unwrap();
    // A deleted file is tracked until the deletion is committed.
    paths.lines().map(str::to_owned).filter(|path| root().join(path).exists()).collect()
}

/// The text of a file; `None` if it is binary.
fn text_of(path: &str) -> Option<String> {
    String::from_utf8(fs::read(root().join(path)).unwrap()).ok()
}
