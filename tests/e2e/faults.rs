//! The table of faults and the tests that bring them about name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../FAULTS.md");

/// Where tests are that aren't scenarios, by how the table calls the place.
const ELSEWHERE: [(&str, &str); 5] = [
    ("shared", "shared/src"),
    ("local_aws", "infra/local-aws/src"),
    ("properties", "shared/tests/properties"),
    ("models", "tests/models"),
    ("cloud", "infra/local-aws/tests/cloud"),
];

/// A fault and a test that brings it about: the number, the file, the function.
type Link = (String, PathBuf, String);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The rows of the table: number, and the last cell.
fn rows() -> Vec<(&'static str, &'static str)> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| "));
    let rows = rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        (cells[0], *cells.last().unwrap())
    });
    rows.filter(|(number, _)| *number != "#").collect()
}

/// The file that a test is in, and its function.
fn place(test: &str) -> (PathBuf, String) {
    let mut path: Vec<_> = test.split("::").collect();
    let name = path.pop().unwrap().to_owned();
    let mut folder = root().join("tests/e2e");
    if path[0] == "functions" {
        folder = root().join("functions").join(path[1]).join("src");
        path.drain(..2);
    } else if let Some((_, place)) = ELSEWHERE.iter().find(|(place, _)| *place == path[0]) {
        folder = root().join(place);
        path.remove(0);
    }
    let file = |path: &[&str]| folder.join(path.join("/")).with_extension("rs");
    // Tests beneath what they test are in no file of their own.
    if path.last() == Some(&"tests") && !file(&path).exists() {
        path.pop();
    }
    (file(&path), name)
}

/// What the table says.
fn listed() -> BTreeSet<Link> {
    let mut told = BTreeSet::new();
    for (number, tests) in rows() {
        for test in tests.split('`').skip(1).step_by(2).filter(|test| test.contains("::")) {
            let (file, name) = place(test);
            told.insert((number.to_owned(), file, name));
        }
    }
    told
}

/// Every source file under a folder, but for those that are built or brought along.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// The numbers in `/// Faults 2, 26.`
fn numbers(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start().strip_prefix("/// Fault")?.strip_suffix('.')?;
    let numbers = line.strip_prefix('s').unwrap_or(line).strip_prefix(' ')?;
    let numbers = numbers.split(", ").map(str::to_owned);
    Some(numbers.collect()).filter(|all: &Vec<String>| all.iter().all(|it| it.len() <= 3))
}

/// What the tests say.
fn tested() -> BTreeSet<Link> {
    let mut files = Vec::new();
    for folder in ["functions", "infra", "shared", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 300, "{}", files.len());
    let mut tested = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(numbers) = numbers(line) else { continue };
            let attribute = lines.next().unwrap_or_default().trim();
            let is_test = attribute == "#[test]" || attribute.starts_with("#[tokio::test");
            assert!(is_test, "{}: after {line:?} comes no test: {attribute}", file.display());
            let function = lines.next().unwrap_or_default();
            let name = function.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            let (name, _) = name.unwrap_or_else(|| panic!("{}: {function}", file.display()));
            tested.extend(numbers.into_iter().map(|it| (it, file.clone(), name.to_owned())));
        }
    }
    tested
}

#[test]
fn table_and_tests_name_each_other() {
    let (listed, tested) = (listed(), tested());
    let lonely: Vec<_> = listed.difference(&tested).collect();
    assert!(lonely.is_empty(), "no such test, or it doesn't say the number: {lonely:#?}");
    let lonely: Vec<_> = tested.difference(&listed).collect();
    assert!(lonely.is_empty(), "the table doesn't name these: {lonely:#?}");
}

#[test]
fn every_fault_is_listed_once_with_tests_or_a_reason() {
    let (with_tests, without) = TABLE.split_once("\n## What no test brings about\n").unwrap();
    let mut times = BTreeMap::<_, usize>::new();
    for (number, tests) in rows() {
        *times.entry(number.to_owned()).or_default() += 1;
        let is_tested = with_tests.contains(&format!("\n| {number} | "));
        assert_eq!(is_tested, tests.contains("::"), "{number}: {tests}");
        assert_ne!(is_tested, without.contains(&format!("\n| {number} | ")), "{number}");
    }
    let all = (1..=84).map(|it| it.to_string()).chain(["61b".to_owned()]);
    assert_eq!(times, all.map(|it| (it, 1)).collect());
}
