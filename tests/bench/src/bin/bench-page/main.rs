//! `make bench`: runs every program that measures, one after the other, and writes their
//! output as BENCHMARKS.md.

mod machine;
mod section;

use bench::{Failure, print_line};
use section::{Folders, SECTIONS};
use std::path::PathBuf;
use std::process::ExitCode;

/// The head of the page.
const HEAD: &str = "\
# Benchmarks

`make bench` writes this page. The local AWS and the sandbox share this machine's cores \
with what is measured, so a ratio says more than a time, and no time is a prediction for \
AWS. Compared values were measured in one run, in turns.
";

fn main() -> ExitCode {
    bench::exit_code(write())
}

fn write() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = |what: &str| arguments.next().ok_or(format!("{what} is missing"));
    let folders = Folders {
        functions: next("the folder with the functions' binaries")?,
        programs: next("the folder with the programs that measure")?,
        peers: next("the folder with the foreign implementations")?,
        followers: next("the number of followers")?.display().to_string(),
    };
    let page = next("the file to write")?;
    let mut text = format!("{HEAD}\n{}", machine::describe());
    for section in &SECTIONS {
        print_line(&format!("\n## {}\n", section.title));
        let figures = section.run(&folders)?;
        text = format!(
            "{text}\n## {}\n\n{}\n\n{figures}\n{}",
            section.title,
            section.about,
            section.how_to_repeat()
        );
    }
    // The previous page stays if a measurement fails.
    std::fs::write(&page, text)?;
    Ok(())
}
