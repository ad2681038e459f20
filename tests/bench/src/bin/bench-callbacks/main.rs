//! `make bench-callbacks`: how many messages per second one core verifies, decrypts, parses
//! and answers. Nothing is stored.
//!
//! With the folder of foreign implementations as its argument (`make bench-peers`),
//! these do the same work on the same deliveries: in one process, and as HTTP servers.

mod corpus;
mod ours;
mod pin;
mod race;
mod serve;
mod servers;
mod table;

use bench::{Failure, print_line};
use corpus::Case;
use interop::peer::Environment;
use ours::Ours;
use race::{RaceError, Racer};
use shared::wechat::push::Format;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The programs of the foreign implementations.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1);
    bench::exit_code(match argument.as_deref() {
        Some(argument) if argument == OsStr::new(serve::ARGUMENT) => serve::run(),
        peers => run_races(peers.map(Path::new)),
    })
}

fn run_races(peers: Option<&Path>) -> Result<(), Failure> {
    let mut cases = corpus::cases();
    race_in_one_process(peers, &cases)?;
    if let Some(folder) = peers {
        // None of the other servers reads JSON.
        cases.retain(|case| case.format == Format::Xml);
        print_line("");
        servers::race(&Environment::new(folder), Path::new(SCRIPTS), &cases)?;
    }
    Ok(())
}

/// Only the work, without a server.
fn race_in_one_process(peers: Option<&Path>, cases: &[Case]) -> Result<(), Failure> {
    let core = pin::to_one_core();
    let mut racers = vec![Racer::Ours];
    if let Some(folder) = peers {
        racers.extend(start_peers(folder, cases)?);
    }
    print_line(&format!(
        "Messages verified, decrypted, parsed and answered {core}, without HTTP.\n"
    ));
    table::print_header(racers.iter().map(Racer::name));
    let mut remarks = Vec::new();
    for case in cases {
        let results = race::race(&mut racers, case)?;
        table::print_row(case, &results);
        for (racer, result) in racers.iter().zip(&results) {
            let remark = result.remark.as_ref();
            remarks.extend(
                remark.map(|remark| format!("- {}, {}: {remark}", racer.name(), case.name)),
            );
        }
    }
    print_line("\nThe steps of our answers, in microseconds each:\n");
    for case in cases {
        table::print_steps(case, &Ours::for_case(case).steps(case)?);
    }
    if !remarks.is_empty() {
        print_line("\nRemarks on the others’ answers:\n");
        remarks.iter().for_each(|line| print_line(line));
    }
    Ok(())
}

/// Starts the foreign implementations, and has them read the cases.
fn start_peers(folder: &Path, cases: &[Case]) -> Result<[Racer; 2], Failure> {
    let corpus = folder.join("corpus.json");
    fs::write(&corpus, serde_json::to_string(cases)?)
        .map_err(|error| format!("{} can't be written: {error}", corpus.display()))?;
    let environment = Environment::new(folder);
    let scripts = Path::new(SCRIPTS);
    let start = |peer| -> Result<Racer, RaceError> { Racer::peer(peer, &corpus) };
    Ok([
        start(environment.node(&scripts.join("co-wechat.js"))?)?,
        start(environment.python(&scripts.join("wechatpy.py"))?)?,
    ])
}
