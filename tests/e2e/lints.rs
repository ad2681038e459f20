//! The three lints of `make check-template`: what each of them sees, and none of
//! the others.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/aws");

/// The lints, in the order in which `make check-template` runs them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lint {
    /// `sam validate`
    Sam,
    /// `cfn-lint`, of the template as it is written
    Written,
    /// `cfn-lint`, of what AWS makes of the template
    Transformed,
}

/// The lints that have something to say, and what.
fn complaints(template: &str) -> Vec<(Lint, String)> {
    let folder = tempfile::tempdir().unwrap();
    let (written, transformed) =
        (folder.path().join("template.yaml"), folder.path().join("transformed.json"));
    std::fs::write(&written, template).unwrap();
    let mut found = Vec::new();
    let mut note = |lint, output: &Output| {
        if !output.status.success() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            found.push((lint, text(&output.stdout) + &text(&output.stderr)));
        }
    };
    let file = format!("--template-file={}", written.display());
    note(Lint::Sam, &run("sam", &["validate", &file], &written));
    note(Lint::Written, &run("cfn-lint", &[], &written));
    let transform = format!("{INFRA}/transform.py");
    let output = run("python", &[&transform], &written);
    // What can't be transformed, `sam validate` has refused as well.
    if output.status.success() {
        std::fs::write(&transformed, output.stdout).unwrap();
        note(Lint::Transformed, &run("cfn-lint", &[], &transformed));
    }
    found
}

fn run(program: &str, arguments: &[&str], file: &Path) -> Output {
    let tools = std::env::var_os("SAM").expect("run `make interop`, which names SAM");
    let mut command = Command::new(PathBuf::from(tools).join("bin").join(program));
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0").args(arguments);
    if program != "sam" {
        command.arg(file);
    }
    command.output().unwrap()
}

#[test]
#[ignore = "it needs the SAM CLI; `make interop` runs it"]
fn each_lint_finds_an_error_that_the_others_miss() {
    let read = |name: &str| std::fs::read_to_string(format!("{INFRA}/{name}")).unwrap();
    let template = read("template.yaml");
    assert_eq!(complaints(&template), []);
    assert_eq!(complaints(&read("front.yaml")), []);

    for (right, wrong, lint, said) in [
        ("BatchSize: 25\n", "BatchSize: 25\n            Bogus: 1\n", Lint::Sam, "Bogus"),
        (
            "EventInvokeConfig:\n        MaximumRetryAttempts: 0",
            "EventInvokeConfig:\n        MaximumRetries: 0",
            Lint::Written,
            "MaximumRetries",
        ),
        (
            "Runtime: provided.al2023",
            "Runtime: provided.al2024",
            Lint::Transformed,
            "provided.al2024",
        ),
    ] {
        let faulty = template.replacen(right, wrong, 1);
        assert_ne!(faulty, template, "{right}");
        let complaints = complaints(&faulty);
        let [(who, what)] = complaints.as_slice() else { panic!("{wrong}: {complaints:#?}") };
        assert_eq!(*who, lint, "{what}");
        assert!(what.contains(said), "{what}");
    }
}
