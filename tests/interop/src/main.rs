//! `make interop`: foreign implementations and ours, against each other.

use interop::envelopes;
use interop::peer::{Environment, Peer, PeerError};
use std::path::Path;
use std::process::ExitCode;

/// The scripts stand beside this crate's manifest.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        say_error("name the folder with the foreign implementations, or run make interop");
        return ExitCode::FAILURE;
    };
    let environment = Environment::new(folder);
    let scripts = Path::new(SCRIPTS);
    let peers = [
        environment.python(&scripts.join("wechatpy.py")),
        environment.node(&scripts.join("wechat-crypto.js")),
    ];
    // One that fails doesn't keep the others from being checked.
    let failed = peers
        .into_iter()
        .filter_map(|peer| envelopes_with(peer).err())
        .map(|error| say_error(&error))
        .count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn envelopes_with(peer: Result<Peer, PeerError>) -> Result<(), String> {
    let mut peer = peer.map_err(|error| error.to_string())?;
    let checked = envelopes::check(&mut peer).map_err(|error| format!("{peer}: {error}"))?;
    say(&format!("{peer}: {checked}"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was checked is what this program has to say")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "what failed is what this program has to say")]
fn say_error(line: &str) {
    eprintln!("interop: {line}");
}
