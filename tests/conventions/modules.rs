//! No file imports itself through others: functions and shared code have no circles, and
//! those of the sandbox are small.

use crate::graph::{circles, describe, imports};
use crate::{root, text_of, tracked_files};
use std::collections::BTreeMap;

/// The largest circle in the sandbox, in files.
const MAX_SANDBOX_CIRCLE: usize = 4;

/// The crates, and how many files a circle may have.
fn crates() -> Vec<(String, usize)> {
    let mut crates =
        vec![("shared/src/".to_owned(), 0), ("infra/sandbox/src/".to_owned(), MAX_SANDBOX_CIRCLE)];
    for entry in root().join("functions").read_dir().unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        crates.push((format!("functions/{name}/src/"), 0));
    }
    crates
}

#[test]
fn no_file_imports_itself_through_others() {
    let tracked = tracked_files();
    let mut found = Vec::new();
    let crates = crates();
    assert!(crates.len() >= 8, "{crates:?}");
    for (folder, max_files) in crates {
        let files: BTreeMap<_, _> = tracked
            .iter()
            .filter(|path| path.ends_with(".rs"))
            .filter_map(|path| Some((path.strip_prefix(&folder)?.to_owned(), text_of(path)?)))
            .collect();
        assert!(!files.is_empty(), "{folder} has no files");
        let graph = imports(&files);
        for circle in circles(&graph).iter().filter(|circle| circle.len() > max_files) {
            found.push(format!("{folder}: {} files\n{}", circle.len(), describe(&graph, circle)));
        }
    }
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
}
