//! What the documentation says of this repository: the tests behind its promises, and
//! where its links lead.

use std::fs;
use std::path::{Path, PathBuf};

const READMES: [&str; 2] = [include_str!("../../README.md"), include_str!("../../README.zh-CN.md")];
const HEADINGS: [&str; 2] = ["\n## What it promises\n", "\n## 承诺\n"];

/// The tests that a README names, by promise.
fn named(at: usize) -> Vec<Vec<&'static str>> {
    let (_, section) = READMES[at].split_once(HEADINGS[at]).unwrap();
    let section = section.split("\n## ").next().unwrap();
    // Without the two lines of its head.
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cell = line.trim_matches('|').rsplit(" | ").next().unwrap();
            cell.split('`').skip(1).step_by(2).collect()
        })
        .collect()
}

#[test]
fn every_promise_names_existing_tests() {
    assert_eq!(named(0), named(1));
    assert!(named(0).len() >= 10, "{:?}", named(0));
    assert!(named(0).iter().all(|tests| !tests.is_empty()), "{:?}", named(0));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e");
    for test in named(0).into_iter().flatten() {
        let (module, name) = test.split_once("::").unwrap();
        let text = fs::read_to_string(folder.join(format!("{module}.rs"))).unwrap_or_default();
        let line = format!("fn {name}() {{");
        let (before, _) = text.split_once(&line).unwrap_or_else(|| panic!("there is no {test}"));
        let before = before.trim_end().trim_end_matches("async").trim_end();
        let attribute = before.lines().last().unwrap_or_default();
        let is_run = attribute == "#[test]" || attribute.starts_with("#[tokio::test");
        assert!(is_run, "{test} is not run: {attribute}");
    }
}

/// Every page under a folder, but for those that are built or brought along.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

#[test]
fn every_link_has_a_target() {
    let mut all = Vec::new();
    pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut all);
    assert!(all.len() >= 15, "{all:?}");
    for page in all {
        let text = fs::read_to_string(&page).unwrap();
        let ends = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')];
        let links = ends.into_iter().flat_map(|(begin, end)| {
            text.split(begin).skip(1).filter_map(move |rest| rest.split_once(end))
        });
        for (link, _) in links.filter(|(link, _)| !link.contains("://") && !link.contains(' ')) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let there = fs::read_to_string(&target).unwrap();
                let there = there.lines().filter(|line| line.starts_with('#'));
                let mut there = there.map(|line| anchor(line.trim_start_matches('#').trim()));
                assert!(there.any(|it| it == heading), "{}: {link}", page.display());
            }
        }
    }
}

/// How GitHub calls a heading in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
