//! Runs the sandbox alone, in place of `api.weixin.qq.com`.

use clap::Parser;
use resettable_server::{exit, stop_signal};
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use wechat_sandbox::{Business, Options, Sandbox, World, example};

/// A WeChat to run against.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The base URL of the callbacks; the sandbox appends a slash and the app's alias.
    #[arg(long, default_value = "http://127.0.0.1:8080/callback")]
    callback_base: String,
    /// The server of the Mini Programs, which answers POST /login/{alias}; for the page.
    #[arg(long)]
    api: Option<String>,
    /// The URL that takes a request for a notification; for the page.
    #[arg(long)]
    send: Option<String>,
    /// A name by which callers may address the sandbox, besides localhost and IP addresses; may
    /// be repeated. For containers (host.docker.internal) and tunnels.
    #[arg(long = "host-name", value_name = "NAME")]
    host_names: Vec<String>,
    /// The file that keeps the world over restarts; in memory without it.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The initial world, as JSON in the format of the data file. An existing data file has
    /// precedence.
    #[arg(long)]
    world: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    exit(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let stopped = stop_signal()?;
    let world: World = match &arguments.world {
        Some(path) => {
            let text =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => example(),
    };
    let listener = TcpListener::bind(arguments.listen).map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another address with --listen",
            arguments.listen
        )
    })?;
    let options = Options {
        data: arguments.data,
        host_names: arguments.host_names,
        business: Business { api: arguments.api, send: arguments.send },
        ..Options::new(listener, arguments.callback_base)
    };
    let sandbox = Sandbox::start_with(options, world).await?;
    print_address(sandbox.address());
    stopped.await;
    sandbox.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "scripts wait for the address on standard output")]
fn print_address(address: SocketAddr) {
    println!("WeChat sandbox: http://{address}");
}
