//! `make interop`: foreign implementations and ours, against each other.

use interop::calls::{self, Purpose};
use interop::peer::{Environment, Peer, PeerError};
use interop::sandbox::Sandbox;
use interop::{envelopes, pushes, recordings};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The scripts stand beside this crate's manifest.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(folder) = arguments.next() else {
        say_error("name the folder with the foreign implementations, or run make interop");
        return ExitCode::FAILURE;
    };
    let environment = Environment::new(folder);
    let folders: Vec<_> = arguments.map(PathBuf::from).collect();
    // One that fails doesn't keep the others from being checked.
    let mut failed = all_envelopes(&environment);
    failed += all_calls(&environment).await;
    failed += all_pushes(&environment).await;
    failed += all_recordings(&environment, &folders).await;
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many of those failed that seal envelopes.
fn all_envelopes(environment: &Environment) -> usize {
    let scripts = Path::new(SCRIPTS);
    let peers = [
        environment.python(&scripts.join("wechatpy.py")),
        environment.node(&scripts.join("wechat-crypto.js")),
        environment.java("interop.Envelopes"),
        environment.go("silenceper/envelopes"),
        environment.go("powerwechat/envelopes"),
    ];
    let failed = peers.into_iter().filter_map(|peer| envelopes_with(peer).err());
    failed.map(|error| say_error(&error)).count()
}

/// How many of those failed that call WeChat.
async fn all_calls(environment: &Environment) -> usize {
    let clients = Path::new(SCRIPTS).join("clients");
    let peers = [
        (environment.python(&clients.join("wechatpy.py")), &calls::ALL[..]),
        (environment.node(&clients.join("co-wechat-api.js")), &calls::ALL[..]),
        (environment.node(&clients.join("node-easywechat.js")), &calls::ALL[..]),
        (environment.rust("wechat-mp-sdk-client"), &calls::OF_PROGRAMS[..]),
        (environment.java("interop.Client"), &calls::ALL[..]),
        (environment.go("silenceper/client"), &calls::ALL[..]),
        (environment.go("powerwechat/client"), &calls::ALL[..]),
    ];
    let mut failed = 0;
    for (peer, purposes) in peers {
        if let Err(error) = calls_with(peer, purposes).await {
            say_error(&error);
            failed += 1;
        }
    }
    failed
}

async fn calls_with(peer: Result<Peer, PeerError>, purposes: &[Purpose]) -> Result<(), String> {
    let mut peer = peer.map_err(|error| error.to_string())?;
    let program = sandbox().map_err(|error| format!("where this program is: {error}"))?;
    let sandbox = Sandbox::start(&program, None).await.map_err(|error| error.to_string())?;
    let checked = calls::check(&mut peer, &sandbox, purposes).await;
    let checked = checked.map_err(|error| format!("{peer}: {error}"))?;
    print_line(&format!("{peer}: {checked}"));
    Ok(())
}

/// Those that answer WeChat's pushes.
fn servers(environment: &Environment) -> [Result<Peer, PeerError>; 3] {
    [
        environment.java("interop.Server"),
        environment.go("silenceper/server"),
        environment.go("powerwechat/server"),
    ]
}

/// How many of those failed that answer WeChat's pushes.
async fn all_pushes(environment: &Environment) -> usize {
    let mut failed = 0;
    for peer in servers(environment) {
        if let Err(error) = pushes_with(peer).await {
            say_error(&error);
            failed += 1;
        }
    }
    failed
}

/// How many of those failed that read what is recorded in these folders of sources.
async fn all_recordings(environment: &Environment, folders: &[PathBuf]) -> usize {
    let peers = servers(environment).into_iter();
    let failed = peers.filter_map(|peer| recordings_with(peer, folders).err());
    let answers = recorded_answers(folders).await.err();
    failed.chain(answers).map(|error| say_error(&error)).count()
}

async fn recorded_answers(folders: &[PathBuf]) -> Result<(), String> {
    let program = sandbox().map_err(|error| format!("where this program is: {error}"))?;
    let sandbox = Sandbox::start(&program, None).await.map_err(|error| error.to_string())?;
    let checked = recordings::check_answers(&sandbox, folders).await;
    let checked = checked.map_err(|error| error.to_string())?;
    print_line(&format!("{checked} recorded answers are read as they are"));
    Ok(())
}

fn recordings_with(peer: Result<Peer, PeerError>, folders: &[PathBuf]) -> Result<(), String> {
    let mut peer = peer.map_err(|error| error.to_string())?;
    let checked = recordings::check(&mut peer, folders);
    let checked = checked.map_err(|error| format!("{peer}: {error}"))?;
    print_line(&format!("{peer}: {checked}"));
    Ok(())
}

async fn pushes_with(peer: Result<Peer, PeerError>) -> Result<(), String> {
    let mut peer = peer.map_err(|error| error.to_string())?;
    let program = sandbox().map_err(|error| format!("where this program is: {error}"))?;
    let checked = pushes::check(&mut peer, &program).await;
    let checked = checked.map_err(|error| format!("{peer}: {error}"))?;
    print_line(&format!("{peer}: {checked}"));
    Ok(())
}

/// The sandbox's program, which is built into the same folder as this one.
fn sandbox() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("wechat-sandbox"))
}

fn envelopes_with(peer: Result<Peer, PeerError>) -> Result<(), String> {
    let mut peer = peer.map_err(|error| error.to_string())?;
    let checked = envelopes::check(&mut peer).map_err(|error| format!("{peer}: {error}"))?;
    print_line(&format!("{peer}: {checked}"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was checked is what this program has to say")]
fn print_line(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "what failed is what this program has to say")]
fn say_error(line: &str) {
    eprintln!("interop: {line}");
}
