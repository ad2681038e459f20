//! `make bench`: runs every program that measures, one after the other, and writes what
//! they print into one page.
//!
//! Its arguments are the folder with the functions' release binaries, the folder with
//! the programs that stand around them, the folder of foreign implementations, how many
//! followers to bring in, and the page.

mod machine;
mod section;

use section::{Folders, SECTIONS};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What stands above the figures.
const HEAD: &str = "\
# Benchmarks

Made by `make bench`, and by nothing else. AWS and WeChat are this machine's own here \
and share its cores with what is measured, so a ratio says more than a time, and a time \
says nothing about AWS. What is compared was measured in one run, in turns.
";

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            measuring::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = |what: &str| arguments.next().ok_or(format!("{what}?"));
    let folders = Folders {
        functions: next("which folder has the functions' binaries")?,
        programs: next("which folder has the programs that measure")?,
        peers: next("which folder has the foreign implementations")?,
        followers: next("how many followers")?.display().to_string(),
    };
    let page = next("which file is the page")?;
    let mut text = format!("{HEAD}\n{}", machine::describe());
    for section in &SECTIONS {
        measuring::say(&format!("\n## {}\n", section.title));
        let figures = section.run(&folders)?;
        text = format!(
            "{text}\n## {}\n\n{}\n\n{figures}\n{}",
            section.title,
            section.about,
            section.again()
        );
    }
    // Only a whole page takes the place of the one before.
    std::fs::write(&page, text)?;
    Ok(())
}
