//! An HTTP server for programs that stand in for a service, faults included: a handler may
//! reset the connection to its caller instead of answering. It is for this machine: web pages
//! are refused before the router sees them ([`Callers`]).

mod callers;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::middleware;
use axum::serve::{IncomingStream, Listener};
pub use callers::Callers;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` to these callers until `stop` holds `true`. Handlers extract
    /// `ConnectInfo<ConnectionHandle>`. `name` is what the log calls the server.
    pub fn start(
        name: &'static str,
        listener: std::net::TcpListener,
        router: Router,
        callers: Callers,
        stop: watch::Sender<bool>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let mut stopping = stop.subscribe();
        let router = router.layer(middleware::from_fn_with_state(callers, callers::admit));
        let service = router.into_make_service_with_connect_info::<ConnectionHandle>();
        let task = tokio::spawn(async move {
            let stopped = async move {
                // A sender that is gone means that the server was dropped.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            let serve = axum::serve(ResettableListener(listener), service);
            if let Err(error) = serve.with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "{name} stopped listening");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening; requests in progress have until `grace` has passed.
    pub async fn stop(&mut self, grace: Duration) {
        self.stop.send_replace(true);
        if tokio::time::timeout(grace, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to listen for Ctrl-C and `SIGTERM`; the future returns when one arrives.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// How a program ends; prints its error, to its user.
#[expect(clippy::print_stderr, reason = "the program's error, to its user")]
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A handle on the connection to one caller.
#[derive(Clone, Debug)]
pub struct ConnectionHandle {
    is_reset: Arc<AtomicBool>,
    /// The caller's address.
    pub from: SocketAddr,
    /// The local address that was called.
    pub to: SocketAddr,
}

impl ConnectionHandle {
    /// Lets nothing more through. Every later write fails, so the HTTP server drops the
    /// connection before the first byte of an answer; as nothing lingers, the caller sees a
    /// reset.
    pub fn reset(&self) {
        self.is_reset.store(true, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        stream.io().handle.clone()
    }
}

struct ResettableListener(TcpListener);

impl Listener for ResettableListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        let (is_reset, to) = (Arc::default(), stream.local_addr().unwrap_or(from));
        (Connection { stream, handle: ConnectionHandle { is_reset, from, to } }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

struct Connection {
    stream: TcpStream,
    handle: ConnectionHandle,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.handle.is_reset.load(Ordering::SeqCst) {
            self.stream.set_zero_linger()?;
            let error = io::Error::new(io::ErrorKind::ConnectionReset, "reset by a fault");
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
