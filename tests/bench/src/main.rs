//! `make bench`: how many messages per second one core verifies, opens, reads
//! and answers. Nothing is stored, and no network is involved.
//!
//! With the folder of foreign implementations as its argument (`make
//! bench-peers`), they do the same work on the same deliveries.

mod corpus;
mod ours;
mod pin;
mod race;
mod table;

use corpus::Case;
use interop::peer::Environment;
use ours::Ours;
use race::{Failed, Racer};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The scripts stand beside this crate's manifest.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let peers = std::env::args_os().nth(1);
    let core = pin::to_one_core();
    let cases = corpus::cases();
    let mut racers = vec![Racer::Ours];
    if let Some(folder) = &peers {
        racers.extend(foreign(Path::new(folder), &cases)?);
    }
    say(&format!("Messages verified, opened, read and answered, {core}"));
    say(&table::heading(&racers));
    let mut remarks = Vec::new();
    for case in &cases {
        let outcomes = race::race(&mut racers, case)?;
        say(&table::line(case, &outcomes));
        say(&table::parts(&Ours::new(case).parts()?));
        for (racer, outcome) in racers.iter().zip(&outcomes) {
            let remark = outcome.remark.as_ref();
            remarks
                .extend(remark.map(|remark| format!("{}, {}: {remark}", racer.name(), case.name)));
        }
    }
    remarks.iter().for_each(|line| say(line));
    Ok(())
}

/// The foreign implementations, with the cases at hand.
fn foreign(folder: &Path, cases: &[Case]) -> Result<[Racer; 2], Box<dyn Error>> {
    let corpus = folder.join("corpus.json");
    fs::write(&corpus, serde_json::to_string(cases)?)
        .map_err(|error| format!("{} can't be written: {error}", corpus.display()))?;
    let environment = Environment::new(folder);
    let scripts = Path::new(SCRIPTS);
    let start = |peer| -> Result<Racer, Failed> { Racer::peer(peer, &corpus) };
    Ok([
        start(environment.node(&scripts.join("co-wechat.js"))?)?,
        start(environment.python(&scripts.join("wechatpy.py"))?)?,
    ])
}

#[expect(clippy::print_stdout, reason = "what was measured is what this program has to say")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "why nothing was measured is what this program has to say")]
fn say_error(line: &str) {
    eprintln!("bench: {line}");
}
