//! Examples are copied out of here: each folder is whole without this repository, and
//! still has this repository's versions; and the READMEs show what is tested.

use crate::world::World;
use std::process::Command;

const FUNCTIONS: [&str; 3] = ["keyword-bot", "orders", "protected-api"];

#[test]
fn copied_folder_is_a_complete_package() {
    for name in FUNCTIONS {
        let manifest = World::example(&format!("{name}/Cargo.toml"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), &manifest).unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        let read = cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let read = read.current_dir(folder.path()).output().unwrap();
        assert!(read.status.success(), "{name}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn examples_use_the_tested_versions() {
    let root = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    let root = root.unwrap();
    for name in FUNCTIONS {
        let manifest = World::example(&format!("{name}/Cargo.toml"));
        let (_, dependencies) = manifest.split_once("[dependencies]\n").unwrap();
        let dependencies = dependencies.split("\n\n").next().unwrap();
        for line in dependencies.lines() {
            let (package, _) = line.split_once(" = ").unwrap();
            let ours = root.lines().find(|line| line.starts_with(&format!("{package} = ")));
            assert_eq!(version(line), version(ours.unwrap()), "{name}: {package}");
        }
    }
}

/// The version in `name = "1.2.3"` or `name = { version = "1.2.3", … }`.
fn version(line: &str) -> &str {
    line.split('"').nth(1).unwrap()
}

#[test]
fn shared_code_of_two_examples_is_equal() {
    let of = |name: &str| World::example(&format!("{name}/src/hongyan.rs"));
    assert_eq!(of("orders"), of("keyword-bot"));
}

/// The programs in other languages (tests/e2e/calling.rs runs them).
#[test]
fn readmes_show_the_programs_verbatim() {
    let readmes = ["README.md", "README.zh-CN.md"].map(World::example);
    for (language, file) in [("python", "orders/shipped.py"), ("javascript", "orders/shipped.mjs")]
    {
        let block = format!("```{language}\n{}```\n", World::example(file));
        for readme in &readmes {
            assert!(readme.contains(&block), "{file} differs");
        }
    }
    // What is typed is the same in both.
    let [english, chinese] = readmes.each_ref().map(|readme| {
        let blocks = readme.split("```").skip(1).step_by(2);
        blocks.filter(|block| !block.starts_with("console")).collect::<Vec<_>>()
    });
    assert_eq!(english, chinese);
}

/// What the READMEs link to is there.
#[test]
fn readme_links_have_targets() {
    for readme in ["README.md", "README.zh-CN.md"].map(World::example) {
        let links = readme.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
        let links: Vec<_> = links.filter(|link| !link.starts_with("http")).collect();
        assert!(links.len() > 6, "{links:?}");
        for link in links {
            let path = format!("{}/../examples/{link}", env!("CARGO_MANIFEST_DIR"));
            assert!(std::path::Path::new(&path).exists(), "{link}");
        }
    }
}
