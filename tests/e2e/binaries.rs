//! The functions' binaries, which `cargo test` doesn't build by itself.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::SystemTime,
};

/// All functions.
const FUNCTIONS: [&str; 6] = ["callback", "events", "followers", "login", "send", "token"];

/// The folder that cargo puts binaries in: the one above that of this program.
///
/// A binary that is missing, or older than what it is made of, would let a
/// scenario speak of other code than that of this tree.
pub(crate) fn folder() -> PathBuf {
    static CHECKED: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let program = std::env::current_exe().unwrap();
        let folder = program.parent().and_then(Path::parent).unwrap();
        FUNCTIONS.iter().try_for_each(|function| check(folder, function))?;
        Ok(folder.to_owned())
    });
    match &*CHECKED {
        Ok(folder) => folder.clone(),
        Err(problem) => {
            panic!("{problem}: run `cargo build --workspace --all-targets`, as `make test` does")
        }
    }
}

fn check(folder: &Path, function: &str) -> Result<(), String> {
    let built = changed(&folder.join(function)).ok_or_else(|| format!("{function} isn't built"))?;
    // Beside a binary, cargo stores its dependencies in make's format.
    let rule = fs::read_to_string(folder.join(format!("{function}.d")))
        .map_err(|_| format!("what {function} was made of isn't known"))?;
    // A space within a path is written with a backslash before it.
    let rule = rule.replace("\\ ", "\0");
    let sources = rule.split_once(": ").map_or("", |(_, sources)| sources).split_whitespace();
    let mut sources = sources.map(|source| PathBuf::from(source.replace('\0', " ")));
    match sources.find(|source| changed(source).is_none_or(|at| at > built)) {
        Some(source) => Err(format!("{function} is older than {}", source.display())),
        None => Ok(()),
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The functions in `examples/`.
const GALLERY: [&str; 3] = ["keyword-bot", "orders", "protected-api"];

/// The same folder, where the functions in `examples/` are as fresh as the others.
pub(crate) fn with_gallery() -> PathBuf {
    static CHECKED: LazyLock<Result<(), String>> =
        LazyLock::new(|| GALLERY.iter().try_for_each(|function| check(&folder(), function)));
    if let Err(problem) = &*CHECKED {
        panic!("{problem}: run `cargo build --workspace --all-targets`, as `make test` does");
    }
    folder()
}

/// The operator's tool.
pub(crate) fn tool() -> PathBuf {
    static CHECKED: LazyLock<Result<(), String>> = LazyLock::new(|| check(&folder(), "hongyan"));
    if let Err(problem) = &*CHECKED {
        panic!("{problem}: run `cargo build --workspace --all-targets`, as `make test` does");
    }
    folder().join("hongyan")
}

/// The program behind `make run`.
pub(crate) fn runner() -> PathBuf {
    static CHECKED: LazyLock<Result<(), String>> =
        LazyLock::new(|| check(&folder(), "hongyan-local"));
    if let Err(problem) = &*CHECKED {
        panic!("{problem}: run `cargo build --workspace --all-targets`, as `make test` does");
    }
    folder().join("hongyan-local")
}

/// A folder with all binaries and those examples, called as they are.
pub(crate) fn with_examples(names: &[&str]) -> tempfile::TempDir {
    let all = tempfile::tempdir().unwrap();
    let examples = folder().join("examples");
    let beside = FUNCTIONS.iter().map(|name| (name, folder().join(name)));
    let own = names.iter().map(|name| (name, examples.join(name)));
    for (name, binary) in beside.chain(own) {
        assert!(binary.exists(), "{name} isn't built");
        std::os::unix::fs::symlink(binary, all.path().join(name)).unwrap();
    }
    all
}
