//! Our side of the race of servers: what the callback function does with a request,
//! behind a plain HTTP listener instead of Lambda, and with nothing stored.

use crate::ours::{self, Ours};
use axum::Router;
use axum::extract::{Query as Pairs, State};
use axum::http::{Method, StatusCode};
use axum::routing::any;
use serde_json::json;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The argument that makes this program a server.
pub(crate) const ARGUMENT: &str = "serve";
/// Where nothing is done.
pub(crate) const NOTHING: &str = "/nothing";

/// Serves until it is killed. Its first line tells the port, as a peer's does.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    // One thread, as a function has.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        measuring::say(&json!({ "name": "ours", "runtime": "Rust", "port": port }).to_string());
        let ours = Arc::new([ours::safe(), ours::plain()]);
        let router =
            Router::new().route("/", any(answer)).route(NOTHING, any(async || ())).with_state(ours);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn answer(
    State(ours): State<Arc<[Ours; 2]>>,
    method: Method,
    Pairs(query): Pairs<Vec<(String, String)>>,
    body: String,
) -> (StatusCode, String) {
    let safe = query.iter().any(|(name, _)| name == "encrypt_type");
    let ours = if safe { &ours[0] } else { &ours[1] };
    let pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    match ours.hear(method == Method::GET, pairs, &body) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(problem) => (StatusCode::FORBIDDEN, problem),
    }
}
