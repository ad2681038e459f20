//! `make bench-callbacks`: how many messages per second one core verifies, opens, reads
//! and answers. Nothing is stored.
//!
//! With the folder of foreign implementations as its argument (`make bench-peers`),
//! they do the same work on the same deliveries: in one process, and as HTTP servers.

mod corpus;
mod ours;
mod pin;
mod race;
mod serve;
mod servers;
mod table;

use corpus::Case;
use interop::peer::Environment;
use measuring::say;
use ours::Ours;
use race::{Failed, Racer};
use shared::wechat::push::Format;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The scripts stand beside this crate's manifest.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1);
    let done = match argument.as_deref() {
        Some(argument) if argument == OsStr::new(serve::ARGUMENT) => serve::run(),
        peers => race_all(peers.map(Path::new)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            measuring::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn race_all(peers: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let mut cases = corpus::cases();
    in_one_process(peers, &cases)?;
    if let Some(folder) = peers {
        // None of the others reads JSON.
        cases.retain(|case| case.format == Format::Xml);
        say("");
        servers::race(&Environment::new(folder), Path::new(SCRIPTS), &cases)?;
    }
    Ok(())
}

/// The work alone, without a server around it.
fn in_one_process(peers: Option<&Path>, cases: &[Case]) -> Result<(), Box<dyn Error>> {
    let core = pin::to_one_core();
    let mut racers = vec![Racer::Ours];
    if let Some(folder) = peers {
        racers.extend(foreign(folder, cases)?);
    }
    say(&format!("Messages verified, opened, read and answered {core}, with no HTTP around it.\n"));
    table::head(racers.iter().map(Racer::name));
    let mut remarks = Vec::new();
    for case in cases {
        let outcomes = race::race(&mut racers, case)?;
        table::row(case, &outcomes);
        for (racer, outcome) in racers.iter().zip(&outcomes) {
            let remark = outcome.remark.as_ref();
            remarks.extend(
                remark.map(|remark| format!("- {}, {}: {remark}", racer.name(), case.name)),
            );
        }
    }
    say("\nThe parts of our answers, in microseconds each:\n");
    for case in cases {
        table::parts(case, &Ours::of(case).parts(case)?);
    }
    if !remarks.is_empty() {
        say("\nWhat is odd about the others’ answers:\n");
        remarks.iter().for_each(|line| say(line));
    }
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
