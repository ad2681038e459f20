//! Runs the sandbox alone, as an `api.weixin.qq.com` of one's own.

use clap::Parser;
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use wechat_sandbox::{Business, Options, Sandbox, World, example};

/// A WeChat to run against.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where events are pushed to; a slash and the app's alias are appended.
    #[arg(long, default_value = "http://127.0.0.1:8080/callback")]
    callback_base: String,
    /// The server of the mini programs, where POST /login/{alias} answers; for the page.
    #[arg(long)]
    api: Option<String>,
    /// Where a request for a notification is posted to; for the page.
    #[arg(long)]
    send: Option<String>,
    /// The file that the world is kept in; memory if none.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A world to begin with, as JSON in the shape of the data file; what the
    /// data file remembers comes first.
    #[arg(long)]
    world: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let world: World = match &arguments.world {
        Some(path) => {
            let text =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => example(),
    };
    let listener = TcpListener::bind(arguments.listen).map_err(|error| {
        format!("cannot listen on {}: {error}; name another with --listen", arguments.listen)
    })?;
    let options = Options {
        data: arguments.data,
        business: Business { api: arguments.api, send: arguments.send },
        ..Options::new(listener, arguments.callback_base)
    };
    let sandbox = Sandbox::start_with(options, world).await?;
    announce(sandbox.address());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sandbox.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "where it listens is what whoever started it waits for")]
fn announce(address: SocketAddr) {
    println!("WeChat sandbox: http://{address}");
}

#[expect(clippy::print_stderr, reason = "an error of the program, to whoever started it")]
fn complain(error: &str) {
    eprintln!("{error}");
}
