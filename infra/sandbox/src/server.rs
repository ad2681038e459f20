//! The server: starts, serves, saves and stops a sandbox.

use crate::activity_feed::ActivityFeed;
use crate::business::Business;
use crate::context::{Context, SharedContext};
use crate::control::error::ControlError;
use crate::error::Error;
use crate::model::example_world::example;
use crate::model::world::World;
use crate::{control, endpoints, page};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use reqwest::redirect;
use resettable_server::{Callers, Server};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Time for calls in progress when the sandbox stops.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// The options of a sandbox.
#[derive(Debug)]
pub struct Options {
    /// The bound listener.
    pub listener: TcpListener,
    /// The base URL of the callbacks, `http://127.0.0.1:8080/callback`. The sandbox appends a
    /// slash and the app's alias.
    pub callback_base: String,
    /// The JSON file that keeps the world over restarts; in memory if `None`.
    pub data: Option<PathBuf>,
    /// The business's servers, which the page calls.
    pub business: Business,
    /// Names by which callers may address the sandbox, besides `localhost` and IP addresses.
    pub host_names: Vec<String>,
    /// The activity feed; the embedding program may record to it as well.
    pub feed: ActivityFeed,
}

impl Options {
    /// In memory, without a business.
    pub fn new(listener: TcpListener, callback_base: impl Into<String>) -> Self {
        let (business, host_names, feed) = Default::default();
        let callback_base = callback_base.into();
        Self { listener, callback_base, data: None, business, host_names, feed }
    }
}

/// A running sandbox. Dropping it aborts it; [`Sandbox::stop`] lets it finish and save.
pub struct Sandbox {
    context: SharedContext,
    server: Server,
}

impl Sandbox {
    /// Starts with the world in the data file, or else with [`example()`].
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_with(options, example()).await
    }

    /// Starts with the world in the data file, or else with `world`.
    pub async fn start_with(options: Options, mut world: World) -> Result<Self, Error> {
        world.link_people_to_apps();
        world.check().map_err(Error::World)?;
        let (stop, stopping) = watch::channel(false);
        let context = Arc::new(Context::open(
            world,
            client()?,
            &options.callback_base,
            options.business.normalized(),
            options.feed,
            options.data,
            stopping,
        )?);
        let callers = Callers::by_names(&options.host_names);
        let router = router(context.clone());
        let server = Server::start("the sandbox", options.listener, router, callers, stop)
            .map_err(Error::Listen)?;
        Ok(Self { context, server })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The current world.
    pub fn world(&self) -> World {
        self.context.read(|state| state.world.clone())
    }

    /// Stops listening, ends calls in progress and saves the world.
    pub async fn stop(mut self) {
        self.server.stop(STOP_TIMEOUT).await;
        self.context.take_background().shutdown().await;
        let context = self.context.clone();
        if tokio::task::spawn_blocking(move || context.close()).await.is_err() {
            tracing::error!("saving the world panicked");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.context.take_background().abort_all();
    }
}

/// The page and the control API; all other paths are WeChat's.
fn router(context: SharedContext) -> Router {
    Router::new()
        .merge(page::routes())
        .merge(control::routes())
        .method_not_allowed_fallback(control::method_not_allowed)
        .fallback(endpoints::dispatch::receive)
        .layer(middleware::from_fn_with_state(context.clone(), save_before_answer))
        .with_state(context)
}

/// Holds an answer back until what it tells of is in the data file: what a caller knows is
/// there also after the sandbox was killed.
async fn save_before_answer(
    State(context): State<SharedContext>,
    request: Request,
    next: Next,
) -> Response {
    let since = context.latest();
    let answer = next.run(request).await;
    match context.saved_since(since).await {
        Ok(()) => answer,
        Err(error) => ControlError::from(error).into_response(),
    }
}

/// The HTTP client for pushes. It follows no redirects and uses no proxy.
fn client() -> Result<reqwest::Client, Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| Error::Client(error.to_string()))?
    .with_root_certificates(roots)
    .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| Error::Client(error.to_string()))
}
