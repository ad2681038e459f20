//! The documentation holds: the guarantees name tests that run, and every link leads to
//! a page and a heading that exist.

use std::fs;
use std::path::{Path, PathBuf};

/// The README and the page of its guarantees, in English and in Chinese.
const GUARANTEES: [(&str, &str, &str); 2] = [
    (
        include_str!("../../README.md"),
        "\n## Guarantees\n",
        include_str!("../../docs/guarantees.md"),
    ),
    (
        include_str!("../../README.zh-CN.md"),
        "\n## 保证\n",
        include_str!("../../docs/guarantees.zh-CN.md"),
    ),
];

/// The tests that a page names, by guarantee.
fn named(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with('|') && line.contains("::"));
    rows.map(|line| {
        let cell = line.trim_matches('|').rsplit(" | ").next().unwrap();
        cell.split('`').skip(1).step_by(2).collect()
    })
    .collect()
}

#[test]
fn each_guarantee_of_the_readme_links_to_its_tests() {
    for (readme, heading, page) in GUARANTEES {
        let (_, section) = readme.split_once(heading).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let links = section.split(".md#").skip(1);
        let linked: Vec<_> = links.filter_map(|rest| rest.split(')').next()).collect();
        let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
        assert_eq!(linked, headings.map(anchor).collect::<Vec<_>>());
    }
}

#[test]
fn each_guarantee_names_tests_that_exist() {
    let [english, chinese] = GUARANTEES.map(|(_, _, page)| named(page));
    assert_eq!(english, chinese);
    assert!(english.len() >= 10, "{english:?}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e");
    for test in english.into_iter().flatten() {
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

#[test]
fn the_template_and_the_changelog_name_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    let template = include_str!("../../infra/aws/template.yaml");
    assert!(template.contains(&format!("Tags: {{ Version: {version} }}")), "{version}");
    for changelog in [include_str!("../../CHANGELOG.md"), include_str!("../../CHANGELOG.zh-CN.md")]
    {
        assert!(changelog.contains(&format!("\n## {version}\n")), "{version}");
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
fn every_link_leads_somewhere() {
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
