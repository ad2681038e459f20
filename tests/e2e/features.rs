//! Any selection of packages compiles each dependency with the same features, so that
//! `make run`, `make test` and `cargo test --package send` share one build.

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that `make run` builds, without the functions.
const RUN: [&str; 4] = ["hongyan-local", "keyword-bot", "orders", "protected-api"];
const FUNCTIONS: [&str; 6] = ["callback", "events", "followers", "login", "send", "token"];

/// The dependencies with their features that cargo builds for these options.
fn dependencies(options: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} [{f}]"]);
    let output = cargo.args(options).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    // Packages of the workspace are named with their path, repeated ones with a star.
    let lines = lines.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.filter(|line| !line.is_empty() && !line.contains("(/")).map(str::to_owned).collect()
}

#[test]
fn each_dependency_has_one_set_of_features() {
    let all = dependencies(&["--workspace", "--edges", "normal,build,dev"]);
    let build = |packages: &[&str]| {
        let packages = packages.iter().flat_map(|package| ["--package", package]);
        packages.chain(["--edges", "normal,build"]).map(str::to_owned).collect::<Vec<_>>()
    };
    let test = |package: &str| {
        ["--package", package, "--edges", "normal,build,dev"].map(str::to_owned).to_vec()
    };
    let mut selections = vec![build(&[&RUN[..], &FUNCTIONS[..]].concat()), build(&["hongyan"])];
    selections.extend(FUNCTIONS.map(test));
    selections.extend(["hongyan", "wechat-sandbox", "local-aws"].map(test));
    for selection in selections {
        let options: Vec<_> = selection.iter().map(String::as_str).collect();
        let other: Vec<_> = dependencies(&options).difference(&all).cloned().collect();
        assert!(
            other.is_empty(),
            "{options:?} compiles these a second time; run `cargo hakari generate`: {other:#?}"
        );
    }
}
