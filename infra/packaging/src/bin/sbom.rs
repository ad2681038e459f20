//! `sbom`: keeps of a bill of materials what one function is made of.
//!
//! cargo-cyclonedx reads `cargo metadata`, which gives each crate the features that any member
//! of the workspace asks for, so its list also has crates that only other members bring along.
//! `cargo tree` says what cargo builds one function of:
//!
//! ```console
//! $ cargo tree --package send --edges normal --prefix none … | sbom functions/send/….json > sbom.cdx.json
//! ```

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
fn main() -> ExitCode {
    let pruned = env::args_os().nth(1).ok_or_else(|| "name the bill of materials".to_owned());
    match pruned.and_then(|bill| prune_file(bill.as_ref())) {
        Ok(bill) => {
            println!("{bill:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sbom: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prune_file(path: &Path) -> Result<Value, String> {
    let tree = io::read_to_string(io::stdin()).map_err(|error| format!("cargo tree: {error}"))?;
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // The folder of the build is private, and differs from build to build.
    let root = env::current_dir().map_err(|error| error.to_string())?;
    let text = text.replace(&format!("file://{}/", root.display()), "file:///");
    let bill =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    prune(bill, &tree)
}

/// Removes from the bill what `cargo tree` doesn't name. Fails if it names something that the
/// bill doesn't have.
fn prune(mut bill: Value, tree: &str) -> Result<Value, String> {
    let mut crates = tree.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    });
    let function = crates.next().ok_or("cargo tree names nothing")?;
    let needed: BTreeSet<_> = crates.filter(|it| *it != function).collect();
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();

    let mut kept = BTreeSet::from([text(&bill["metadata"]["component"]["bom-ref"])]);
    let mut found = BTreeSet::new();
    if let Some(components) = bill["components"].as_array_mut() {
        components.retain(|it| needed.contains(&(text(&it["name"]), text(&it["version"]))));
        kept.extend(components.iter().map(|it| text(&it["bom-ref"])));
        found.extend(components.iter().map(|it| (text(&it["name"]), text(&it["version"]))));
    }
    if let Some((name, version)) = needed.difference(&found).next() {
        return Err(format!("the bill of materials doesn't have {name} {version}"));
    }
    if let Some(dependencies) = bill["dependencies"].as_array_mut() {
        dependencies.retain(|it| kept.contains(&text(&it["ref"])));
        for dependency in dependencies {
            if let Some(on) = dependency["dependsOn"].as_array_mut() {
                on.retain(|it| kept.contains(&text(it)));
            }
        }
    }
    Ok(bill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bill() -> Value {
        let component = |name: &str, version: &str| json!({ "bom-ref": format!("{name}#{version}"), "name": name, "version": version });
        json!({
            "metadata": { "component": component("send", "0.1.0") },
            "components": [
                component("aes", "0.9.4"), component("aws-lc-rs", "1.19.0"),
                component("http", "0.2.0"), component("http", "1.4.0"),
            ],
            "dependencies": [
                { "ref": "send#0.1.0", "dependsOn": ["aes#0.9.4", "aws-lc-rs#1.19.0"] },
                { "ref": "aws-lc-rs#1.19.0", "dependsOn": ["http#0.2.0"] },
                { "ref": "aes#0.9.4", "dependsOn": ["http#1.4.0"] },
            ],
        })
    }

    #[test]
    fn only_what_the_function_is_built_of_stays() {
        let tree = "send v0.1.0 (/a/send)\naes v0.9.4\nhttp v1.4.0\n\nhttp v1.4.0 (*)\n";
        let pruned = prune(bill(), tree).unwrap();
        let names: Vec<_> = pruned["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["bom-ref"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["aes#0.9.4", "http#1.4.0"]);
        let dependencies = json!([
            { "ref": "send#0.1.0", "dependsOn": ["aes#0.9.4"] },
            { "ref": "aes#0.9.4", "dependsOn": ["http#1.4.0"] },
        ]);
        assert_eq!(pruned["dependencies"], dependencies);
    }

    #[test]
    fn crate_that_the_bill_lacks_is_named() {
        let error = prune(bill(), "send v0.1.0\naes v0.9.4\nring v0.17.0\n").unwrap_err();
        assert!(error.contains("ring 0.17.0"), "{error}");
        prune(bill(), "").unwrap_err();
    }
}
