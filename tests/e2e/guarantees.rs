//! The promises of the READMEs, each with the tests behind it.

use std::fs;
use std::path::Path;

const READMES: [&str; 2] = [include_str!("../../README.md"), include_str!("../../README.zh-CN.md")];
const HEADINGS: [&str; 2] = ["\n## What it promises\n", "\n## 承诺\n"];

/// The tests that a README names, by promise.
fn named(at: usize) -> Vec<Vec<&'static str>> {
    let (_, section) = READMES[at].split_once(HEADINGS[at]).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let promises = section.lines().filter(|line| line.starts_with("| ") && line.contains("::"));
    promises
        .map(|line| {
            let cell = line.trim_matches('|').rsplit(" | ").next().unwrap();
            cell.split('`').skip(1).step_by(2).collect()
        })
        .collect()
}

#[test]
fn every_promise_names_tests_that_there_are() {
    assert_eq!(named(0), named(1));
    assert!(named(0).len() >= 10, "{:?}", named(0));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e");
    for test in named(0).into_iter().flatten() {
        let (module, name) = test.split_once("::").unwrap();
        let text = fs::read_to_string(folder.join(format!("{module}.rs"))).unwrap_or_default();
        let line = format!("async fn {name}() {{");
        let (before, _) = text.split_once(&line).unwrap_or_else(|| panic!("there is no {test}"));
        let attribute = before.trim_end().lines().last().unwrap_or_default();
        assert!(attribute.starts_with("#[tokio::test"), "{test} is not run: {attribute}");
    }
}
