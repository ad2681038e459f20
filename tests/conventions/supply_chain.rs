//! What is installed to build, deploy and check is pinned by hashes, and no file says where it
//! comes from: that is a matter of each machine's own configuration.

use crate::{text_of, tracked_files};

/// The requirements files: a `.in` with what is wanted, and the `.txt` that `make pin` makes.
fn lists() -> Vec<(String, String)> {
    let wanted = tracked_files().into_iter().filter(|path| {
        path.starts_with("infra/tools/") && path.ends_with(".in")
            || path == "tests/interop/requirements.in"
    });
    let pair = |path: String| (text_of(&path).unwrap(), path.replace(".in", ".txt"));
    wanted
        .map(pair)
        .map(|(wanted, pinned)| (wanted, text_of(&pinned).expect("`make pin`")))
        .collect()
}

#[test]
fn every_package_is_pinned_with_hashes_and_without_an_address() {
    let lists = lists();
    assert!(lists.len() >= 5, "{}", lists.len());
    for (wanted, pinned) in lists {
        assert!(!pinned.contains("://") && !pinned.contains("--index"), "an address in {pinned}");
        // A package and its hashes are one line, which goes on after a backslash.
        let pinned = pinned.replace("\\\n", " ");
        let lines: Vec<_> = pinned
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        for line in &lines {
            assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
        }
        let wanted = wanted.lines().filter(|line| line.contains("=="));
        for package in wanted {
            let package = format!("{} ", package.to_lowercase());
            let is_pinned = lines.iter().any(|line| line.starts_with(&package));
            assert!(is_pinned, "{package}isn't pinned at this version: `make pin`");
        }
    }
}

#[test]
fn makefile_installs_only_what_is_pinned() {
    let makefile = text_of("Makefile").unwrap();
    let mut installs = 0;
    for line in makefile.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let installed_by = |program: &str, verb: &str| {
            words.windows(2).any(|pair| pair[0].ends_with(program) && pair[1] == verb)
        };
        assert!(!installed_by("bin/pip", "install"), "without hashes: {line}");
        if installed_by("bin/pip", "$(PIP_INSTALL)") {
            installs += 1;
        }
        assert!(!installed_by("npm", "install"), "without a lock file: {line}");
        if installed_by("$(CARGO)", "install") {
            assert!(line.contains("--locked") && line.contains("--version"), "{line}");
            installs += 1;
        }
    }
    let pip = makefile.lines().find(|line| line.starts_with("PIP_INSTALL := ")).unwrap();
    for option in ["--require-hashes", "--no-deps", "--only-binary :all:"] {
        assert!(pip.contains(option), "{option}: {pip}");
    }
    assert!(installs >= 5, "{installs}");
    let lock = text_of("tests/interop/package-lock.json").unwrap();
    assert!(lock.contains("\"integrity\"") && !lock.contains("\"resolved\""));
}
