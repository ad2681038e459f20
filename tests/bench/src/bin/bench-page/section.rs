//! The sections of the page, each with the program that measures it.

use bench::{Failure, print_line};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The arguments of the programs.
pub(crate) struct Folders {
    /// The functions, built as for deployment.
    pub(crate) functions: PathBuf,
    /// The programs that measure them.
    pub(crate) programs: PathBuf,
    /// Foreign implementations.
    pub(crate) peers: PathBuf,
    /// The number of followers to import.
    pub(crate) followers: String,
}

/// What a program measures.
enum Subject {
    /// The functions' processes.
    Functions,
    /// The same, with [`Folders::followers`].
    Followers,
    /// Code that is compiled into the program itself, beside foreign implementations. It
    /// is built with the functions' profile.
    Peers,
}

/// A section of the page.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// The program's name.
    program: &'static str,
    subject: Subject,
    /// The target of the Makefile that runs it.
    target: &'static str,
}

/// In the order of the page.
pub(crate) const SECTIONS: [Section; 6] = [
    Section {
        title: "Starting and answering",
        about: "The time from the start of a process until it asks for its first invocation, from \
                then until its first answer, and of an answer when it is warm. Each function \
                does the least of its work: WeChat's URL verification, the public keys, a \
                sweep that finds nothing, a status. `noop` is a `lambda_http` function that \
                does nothing, built with the same profile.",
        program: "bench-starts",
        subject: Subject::Functions,
        target: "bench-starts",
    },
    Section {
        title: "Callbacks beside others",
        about: "Hongyan and other implementations verify, decrypt, parse and answer the same \
                pushes; their answers are checked before they are timed. The processor time \
                of one core counts, in the best of several rounds, because other work of \
                the machine only slows a round down.",
        program: "bench-callbacks",
        subject: Subject::Peers,
        target: "bench-peers",
    },
    Section {
        title: "Sending",
        about: "The calls that one notification makes, the throughput of the queue, and what an \
                access token that becomes invalid under concurrent sends costs.",
        program: "bench-sends",
        subject: Subject::Functions,
        target: "bench-sends",
    },
    Section {
        title: "Logging in",
        about: "The calls that a login makes, its rate beside a request to the same function \
                that does nothing, and its time when the function starts cold.",
        program: "bench-logins",
        subject: Subject::Functions,
        target: "bench-logins",
    },
    Section {
        title: "What AWS asks for it",
        about: "Computed from what the functions use here, with the prices of us-east-1 and \
                without free tiers. The latencies of AWS and WeChat are assumed, in \
                `tests/bench/src/bin/bench-costs/prices.rs`.",
        program: "bench-costs",
        subject: Subject::Functions,
        target: "bench-costs",
    },
    Section {
        title: "Followers by the thousand",
        about: "An account's existing followers are imported, and reconciled with WeChat's list \
                in the next night. The tables, which are SQLite here, take most of the time.",
        program: "bench-followers",
        subject: Subject::Followers,
        target: "bench-followers",
    },
];

impl Section {
    /// Runs the program, and returns what it prints.
    pub(crate) fn run(&self, folders: &Folders) -> Result<String, Failure> {
        let Folders { functions, programs, peers, followers } = folders;
        let (folder, argument): (&Path, &Path) = match self.subject {
            Subject::Functions | Subject::Followers => (programs, functions),
            Subject::Peers => (functions, peers),
        };
        let mut command = Command::new(folder.join(self.program));
        command.arg(argument);
        if matches!(self.subject, Subject::Followers) {
            command.arg(followers);
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let mut text = String::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            print_line(&line);
            text.push_str(&line);
            text.push('\n');
        }
        let status = child.wait()?;
        if status.success() {
            Ok(text)
        } else {
            Err(format!("{} failed: {status}", self.program).into())
        }
    }

    /// The line that names the target.
    pub(crate) fn how_to_repeat(&self) -> String {
        format!("Alone: `make {}`.\n", self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = include_str!("../../../../../Makefile");

    #[test]
    fn page_has_every_section_and_makefile_every_target() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../BENCHMARKS.md");
        let page = std::fs::read_to_string(page).expect("run `make bench`, which writes it");
        let titles: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(titles, SECTIONS.map(|section| section.title), "run `make bench`");
        for section in &SECTIONS {
            assert!(page.contains(&section.how_to_repeat()), "{}: run `make bench`", section.title);
            let target = format!("\n{}: ", section.target);
            assert!(MAKEFILE.contains(&target), "there is no `make {}`", section.target);
        }
    }
}
