//! The parts of the page, each with the program that measures it.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where everything is.
pub(crate) struct Folders {
    /// The functions, as they are deployed.
    pub(crate) functions: PathBuf,
    /// The programs that measure them.
    pub(crate) programs: PathBuf,
    /// Foreign implementations.
    pub(crate) peers: PathBuf,
    /// How many followers are brought in.
    pub(crate) followers: String,
}

/// What a program measures.
enum Measured {
    /// The functions in their processes.
    Functions,
    /// The same, with as many followers as were asked for.
    Followers,
    /// What is compiled into the program itself, beside foreign implementations. It is
    /// built as the functions are.
    Peers,
}

/// A part of the page.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    program: &'static str,
    measured: Measured,
    /// What of the Makefile makes it alone.
    target: &'static str,
}

/// All of them, in the order of the page.
pub(crate) const SECTIONS: [Section; 6] = [
    Section {
        title: "Starting and answering",
        about: "How long after its process begins a function asks for its first invocation, \
                and how long after that it has answered it; what an answer takes when it has \
                answered before. What each is asked for is the least that it does: WeChat's \
                greeting, the public keys, a sweep that finds nothing, a status. `noop` is a \
                `lambda_http` function that does nothing, built with the same profile.",
        program: "starts",
        measured: Measured::Functions,
        target: "bench-starts",
    },
    Section {
        title: "Callbacks beside others",
        about: "What WeChat pushes is verified, decrypted, read and replied to, by us and by \
                other implementations, on the same deliveries; their answers are checked \
                before they are timed. What counts is the processor time of one core, and \
                the best of several rounds: what else a machine does only takes away.",
        program: "bench",
        measured: Measured::Peers,
        target: "bench-peers",
    },
    Section {
        title: "Sending",
        about: "What one notification costs in calls, how fast a queue of them is sent, and \
                what it takes when the access token dies under many who send.",
        program: "sends",
        measured: Measured::Functions,
        target: "bench-sends",
    },
    Section {
        title: "Logging in",
        about: "What a login costs in calls, beside a request to the same function that does \
                nothing, and when the function has yet to start.",
        program: "logins",
        measured: Measured::Functions,
        target: "bench-logins",
    },
    Section {
        title: "What AWS asks for it",
        about: "Computed from what the functions use here, with the prices of us-east-1 and \
                without free tiers. How long AWS and WeChat keep a function waiting is \
                assumed, in `tests/costs/src/prices.rs`.",
        program: "costs",
        measured: Measured::Functions,
        target: "bench-costs",
    },
    Section {
        title: "Followers by the thousand",
        about: "An account's followers of before are brought in, and compared with WeChat's \
                list in the night after. Most of the seconds are those of the tables, which \
                are SQLite here.",
        program: "imports",
        measured: Measured::Followers,
        target: "bench-followers",
    },
];

impl Section {
    /// What the program prints. It is shown while it comes.
    pub(crate) fn run(&self, folders: &Folders) -> Result<String, Box<dyn Error>> {
        let Folders { functions, programs, peers, followers } = folders;
        let (folder, argument): (&Path, &Path) = match self.measured {
            Measured::Functions | Measured::Followers => (programs, functions),
            Measured::Peers => (functions, peers),
        };
        let mut command = Command::new(folder.join(self.program));
        command.arg(argument);
        if matches!(self.measured, Measured::Followers) {
            command.arg(followers);
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let mut text = String::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            measuring::say(&line);
            text.push_str(&line);
            text.push('\n');
        }
        let status = child.wait()?;
        if status.success() {
            Ok(text)
        } else {
            Err(format!("{} was not measured to its end: {status}", self.program).into())
        }
    }

    /// How to measure it once more.
    pub(crate) fn again(&self) -> String {
        format!("Alone: `make {}`.\n", self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = include_str!("../../../Makefile");

    #[test]
    fn the_page_has_every_section_and_the_makefile_what_makes_it_alone() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../BENCHMARKS.md");
        let page = std::fs::read_to_string(page).expect("run `make bench`, which writes it");
        let titles: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(titles, SECTIONS.map(|section| section.title), "run `make bench`");
        for section in &SECTIONS {
            assert!(page.contains(&section.again()), "{}: run `make bench`", section.title);
            let target = format!("\n{}: ", section.target);
            assert!(MAKEFILE.contains(&target), "there is no `make {}`", section.target);
        }
    }
}
