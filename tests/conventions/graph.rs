//! The import graph of a crate's files, from `use` items and `crate::` paths.

use std::collections::{BTreeMap, BTreeSet};

/// Which files a file imports from.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The graph of a crate. `files` are the paths below `src`, such as `store/users.rs`, with
/// their texts. Tests are left out: they may import anything.
pub(crate) fn imports(files: &BTreeMap<String, String>) -> Graph {
    let modules: BTreeMap<_, _> =
        files.keys().filter(|file| !is_test(file)).map(|file| (module(file), file)).collect();
    let mut graph = Graph::new();
    for (module, file) in &modules {
        let edges = graph.entry((*file).clone()).or_default();
        for path in paths(&without_tests(&files[*file])) {
            let Some(absolute) = absolute(module, &path) else { continue };
            let imported = (0..=absolute.len())
                .rev()
                .find_map(|length| modules.get(&absolute[..length]).copied());
            edges.extend(imported.filter(|imported| imported != file).cloned());
        }
    }
    graph
}

/// The groups of files that import one another, directly or through others.
pub(crate) fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reachable: BTreeMap<_, _> =
        graph.keys().map(|file| (file, reachable(graph, file))).collect();
    let mut circles = BTreeSet::new();
    for (file, reached) in &reachable {
        let circle: BTreeSet<_> =
            reached.iter().filter(|other| reachable[other].contains(*file)).cloned().collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// The imports within a circle, one a line.
pub(crate) fn describe(graph: &Graph, circle: &BTreeSet<String>) -> String {
    let mut lines = Vec::new();
    for file in circle {
        let imported: Vec<_> = graph[file].intersection(circle).map(String::as_str).collect();
        lines.push(format!("  {file} imports {}", imported.join(", ")));
    }
    lines.join("\n")
}

/// What a file imports, directly or through others; itself only through others.
fn reachable(graph: &Graph, file: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![file.to_owned()];
    while let Some(file) = pending.pop() {
        for next in &graph[&file] {
            if reached.insert(next.clone()) {
                pending.push(next.clone());
            }
        }
    }
    reached
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "tests.rs" || part == "tests" || part == "test_tables.rs")
}

/// The module that a file defines: none for `main.rs` and `lib.rs`.
fn module(file: &str) -> Vec<String> {
    let mut parts: Vec<_> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("main" | "lib" | "mod")) {
        parts.pop();
    }
    parts
}

/// The text up to its inline test module, without comments.
fn without_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| match line.find("//") {
        Some(comment) if !line[..comment].contains('"') => &line[..comment],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that a text imports: those of its `use` items, except re-exports, and those
/// that begin with `crate::` elsewhere.
fn paths(text: &str) -> Vec<String> {
    let (mut paths, mut rest, mut item) = (Vec::new(), String::new(), None::<String>);
    for line in text.lines() {
        let trimmed = line.trim();
        // A re-export, as of a folder's parts by its head, is no dependency.
        let is_export = trimmed.starts_with("pub") && trimmed.contains(" use ");
        if item.is_none() && (is_export || trimmed.starts_with("use ")) {
            item = Some(String::new());
        }
        let Some(collected) = &mut item else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        collected.push_str(trimmed);
        if trimmed.ends_with(';') {
            if let Some(tree) = collected.strip_prefix("use ") {
                expand(tree.trim_end_matches(';'), &mut paths);
            }
            item = None;
        }
    }
    let is_path = |it: char| it.is_alphanumeric() || it == '_' || it == ':';
    for (at, _) in rest.match_indices("crate::") {
        if !rest[..at].ends_with(is_path) && !rest[..at].ends_with('$') {
            paths.push(rest[at..].chars().take_while(|it| is_path(*it)).collect());
        }
    }
    paths
}

/// `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        if !path.is_empty() {
            paths.push(path.to_owned());
        }
        return;
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    for part in parts.into_iter().filter(|part| !part.trim().is_empty()) {
        expand(&format!("{}{}", prefix.trim(), part.trim()), paths);
    }
}

/// A path from the crate's root; `None` if it leads to another crate.
fn absolute(module: &[String], path: &str) -> Option<Vec<String>> {
    let mut parts = path.split("::").map(str::trim);
    let mut absolute = match parts.next()? {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len().checked_sub(1)?].to_vec(),
        _ => return None,
    };
    for part in parts {
        match part {
            "super" => {
                absolute.pop()?;
            }
            "self" | "*" => {}
            part => absolute.push(part.to_owned()),
        }
    }
    Some(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Graph {
        let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
        imports(&files.collect())
    }

    fn set(files: &[&str]) -> BTreeSet<String> {
        files.iter().map(|file| (*file).to_owned()).collect()
    }

    #[test]
    fn circle_through_three_files_is_found() {
        let graph = graph(&[
            ("main.rs", "mod a;\nmod b;\nuse crate::a::run;\n"),
            ("a.rs", "use crate::b::{B, c::C};\n"),
            ("b.rs", "use std::fs;\n"),
            ("b/c.rs", "fn c() { crate::d::D::new(); }\n"),
            ("d.rs", "use super::a::{self as first, A};\n"),
        ]);
        assert_eq!(graph["a.rs"], set(&["b.rs", "b/c.rs"]));
        assert_eq!(circles(&graph), [set(&["a.rs", "b/c.rs", "d.rs"])]);
        assert!(describe(&graph, &set(&["a.rs", "d.rs"])).contains("  d.rs imports a.rs"));
    }

    #[test]
    fn tests_comments_and_reexports_are_no_imports() {
        let graph = graph(&[
            ("lib.rs", "pub mod a;\n"),
            ("a.rs", "pub(crate) use self::b::B;\n// use crate::c::C;\n"),
            ("a/b.rs", "use super::A;\n#[cfg(test)]\nmod tests {\n    use crate::c::C;\n}\n"),
            ("a/tests.rs", "use crate::c::C;\n"),
            ("c.rs", "use crate::a::A;\n"),
        ]);
        assert_eq!(graph["a.rs"], set(&[]));
        assert_eq!(graph["a/b.rs"], set(&["a.rs"]));
        assert!(!graph.contains_key("a/tests.rs"));
        assert_eq!(circles(&graph), Vec::<BTreeSet<String>>::new());
    }

    #[test]
    fn nested_groups_and_parents_are_resolved() {
        let mut paths = Vec::new();
        expand("crate::{a::{b, c as d}, e}", &mut paths);
        assert_eq!(paths, ["crate::a::b", "crate::a::c", "crate::e"]);
        let module = ["x".to_owned(), "y".to_owned()];
        assert_eq!(absolute(&module, "super::super::z"), Some(vec!["z".to_owned()]));
        assert_eq!(absolute(&module, "serde::Serialize"), None);
    }
}
