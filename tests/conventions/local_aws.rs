//! infra/local-aws runs any SAM template, so it names neither WeChat nor Hongyan.

use crate::{text_of, tracked_files};

const FOLDER: &str = "infra/local-aws/";

#[test]
fn local_aws_names_neither_wechat_nor_hongyan() {
    let files = tracked_files().into_iter().filter(|path| path.starts_with(FOLDER));
    let mut found = Vec::new();
    let mut count = 0;
    for path in files {
        count += 1;
        let Some(text) = text_of(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            if lower.contains("wechat") || lower.contains("hongyan") {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(count > 10, "{FOLDER} has {count} files");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
