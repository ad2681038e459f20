//! FAULTS.md and the tests that cause the faults name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../FAULTS.md");

/// The folders of tests that aren't scenarios, by the table's name for them.
const FOLDERS: [(&str, &str); 9] = [
    ("shared", "shared/src"),
    ("local_aws", "infra/local-aws/src"),
    ("properties", "shared/tests/properties"),
    ("models", "tests/models"),
    ("cloud", "infra/local-aws/tests/cloud"),
    ("aws", "infra/local-aws/tests/aws"),
    ("persisted", "infra/persisted/src"),
    ("resettable_server", "infra/resettable-server/src"),
    ("wechat_sandbox", "infra/sandbox/tests/sandbox"),
];

/// A fault and a test that causes it: the number, the file, the function.
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

/// The file of a test, and its function.
fn resolve(test: &str) -> (PathBuf, String) {
    let mut path: Vec<_> = test.split("::").collect();
    let name = path.pop().unwrap().to_owned();
    let mut folder = root().join("tests/e2e");
    if path[0] == "functions" {
        folder = root().join("functions").join(path[1]).join("src");
        path.drain(..2);
    } else if let Some((_, place)) = FOLDERS.iter().find(|(place, _)| *place == path[0]) {
        folder = root().join(place);
        path.remove(0);
    }
    let file = |path: &[&str]| folder.join(path.join("/")).with_extension("rs");
    // Unit tests are in the file of their code.
    if path.last() == Some(&"tests") && !file(&path).exists() {
        path.pop();
    }
    (file(&path), name)
}

/// The links of the table.
fn listed() -> BTreeSet<Link> {
    let mut listed = BTreeSet::new();
    for (number, tests) in rows() {
        for test in tests.split('`').skip(1).step_by(2).filter(|test| test.contains("::")) {
            let (file, name) = resolve(test);
            listed.insert((number.to_owned(), file, name));
        }
    }
    listed
}

/// Every source file in a folder, except generated and installed ones.
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

/// The links of the tests.
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
            assert!(is_test, "{}: no test follows {line:?}: {attribute}", file.display());
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
    let unmatched: Vec<_> = listed.difference(&tested).collect();
    assert!(
        unmatched.is_empty(),
        "no such test, or its doc comment lacks the number: {unmatched:#?}"
    );
    let unmatched: Vec<_> = tested.difference(&listed).collect();
    assert!(unmatched.is_empty(), "missing in the table: {unmatched:#?}");
}

#[test]
fn every_fault_is_listed_once_with_tests_or_a_reason() {
    let (with_tests, without) = TABLE.split_once("\n## Faults without a test\n").unwrap();
    let mut times = BTreeMap::<_, usize>::new();
    for (number, tests) in rows() {
        *times.entry(number.to_owned()).or_default() += 1;
        let is_tested = with_tests.contains(&format!("\n| {number} | "));
        assert_eq!(is_tested, tests.contains("::"), "{number}: {tests}");
        assert_ne!(is_tested, without.contains(&format!("\n| {number} | ")), "{number}");
    }
    let last = times.keys().filter_map(|number| number.parse().ok()).max().unwrap_or(0);
    assert!(last >= 95, "{last}");
    let all = (1..=last).map(|it: u32| it.to_string()).chain(["61b".to_owned()]);
    assert_eq!(times, all.map(|it| (it, 1)).collect());
}
