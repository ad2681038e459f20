//! Our server in the race of servers: the callback function's work behind a plain HTTP
//! listener instead of Lambda, without storing anything.

use crate::ours::{self, Ours};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The argument that starts the server.
pub(crate) const ARGUMENT: &str = "serve";
/// A path with an empty answer.
pub(crate) const EMPTY_PATH: &str = "/empty";

/// Serves until it is killed. The first line of output names the port, as a peer's does.
pub(crate) fn run() -> Result<(), bench::Failure> {
    // One thread, like a function.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        bench::print_line(&json!({ "name": "ours", "runtime": "Rust", "port": port }).to_string());
        let ours = Arc::new([ours::safe(), ours::plain()]);
        loop {
            let (stream, _) = listener.accept().await?;
            let ours = ours.clone();
            let answer = service_fn(move |request| answer(ours.clone(), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            // A client may close the connection at any time.
            tokio::spawn(async { connection.await.ok() });
        }
    })
}

async fn answer(
    ours: Arc<[Ours; 2]>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    if head.uri.path() == EMPTY_PATH {
        return Ok(Response::default());
    }
    let query = head.uri.query().unwrap_or_default();
    let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let safe = query.iter().any(|(name, _)| name == "encrypt_type");
    let ours = if safe { &ours[0] } else { &ours[1] };
    let pairs = query.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let body = body.collect().await?.to_bytes();
    let handled = match std::str::from_utf8(&body) {
        Ok(body) => ours.handle(head.method == Method::GET, pairs, body),
        Err(_) => Err("the body is not UTF-8".to_owned()),
    };
    let (status, text) = match handled {
        Ok(answer) => (StatusCode::OK, answer),
        Err(problem) => (StatusCode::FORBIDDEN, problem),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}
