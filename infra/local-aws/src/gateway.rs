//! The HTTP API, as API Gateway would serve it.
//!
//! Payload format 2.0 ("Create AWS Lambda proxy integrations for HTTP APIs in
//! API Gateway"). What goes wrong is answered as API Gateway answers: no route
//! 404, more requests than a route takes 429, a token that a route's authorizer
//! doesn't take 401, a body over 10 MB 413, a function that fails or answers
//! nonsense 500, one that takes too long or is throttled 503 ("Troubleshooting HTTP
//! API Lambda integrations", "Quotas for configuring and running an HTTP API").

mod authorizer;
mod cors;
mod event;
mod reply;
mod throttle;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use authorizer::{Denied, Keys};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, State},
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
pub use cors::Cors;
use resettable_server::{Callers, ConnectionHandle, Server};
use throttle::Bucket;
use tokio::sync::watch;

use crate::{
    clock,
    observer::{Observed, Observers},
    route::{self, Route},
    services::lambda::{FunctionResponse, Invoke, InvokeError},
};

/// API Gateway takes no more than 10 MB.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Lambda takes no more than 6 MB, the event around the body included.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

struct Api {
    routes: Vec<Route>,
    /// By route key, of those that are limited.
    buckets: BTreeMap<String, Bucket>,
    cors: Option<Cors>,
    /// Of each issuer whose tokens some route takes.
    keys: BTreeMap<String, Keys>,
    functions: Arc<dyn Invoke>,
    observers: Observers,
    stage: event::ApiStage,
}

/// Serves `routes` on `listener` to these callers, and to pages of the origins that `cors` allows.
pub(crate) fn serve(
    listener: std::net::TcpListener,
    mut callers: Callers,
    routes: Vec<Route>,
    cors: Option<Cors>,
    functions: Arc<dyn Invoke>,
    observers: Observers,
    [account, api_id]: [String; 2],
) -> std::io::Result<Server> {
    let stage = event::ApiStage { account, api_id, port: listener.local_addr()?.port() };
    let issuers = routes.iter().filter_map(|route| route.authorizer.as_ref());
    let keys = issuers.map(|rule| Ok((rule.issuer.clone(), Keys::new(&rule.issuer)?)));
    let keys = keys.collect::<Result<_, reqwest::Error>>().map_err(std::io::Error::other)?;
    let buckets =
        routes.iter().filter_map(|route| Some((route.to_string(), Bucket::new(route.limit)?)));
    let buckets = buckets.collect();
    if let Some(cors) = cors.clone() {
        callers = callers.with_origins(move |headers| cors.allowed(headers).is_some());
    }
    let api = Arc::new(Api { routes, buckets, cors, keys, functions, observers, stage });
    let router = Router::new().fallback(handle).with_state(api);
    Server::start("the HTTP API", listener, router, callers, watch::Sender::new(false))
}

async fn handle(
    State(api): State<Arc<Api>>,
    ConnectInfo(ConnectionHandle { from, .. }): ConnectInfo<ConnectionHandle>,
    request: Request<Body>,
) -> Response {
    let response = allow_origin(&api, from, request).await;
    let status = response.status().as_u16();
    api.observers.notify(Observed::Response { api: &api.stage.api_id, status });
    response
}

async fn allow_origin(api: &Api, from: SocketAddr, request: Request<Body>) -> Response {
    let Some(cors) = &api.cors else { return respond(api, from, request).await };
    if let Some(answer) = cors.preflight(request.method(), request.headers()) {
        return answer;
    }
    let headers = request.headers().clone();
    let mut response = respond(api, from, request).await;
    cors.answer(&headers, &mut response);
    response
}

async fn respond(api: &Api, from: SocketAddr, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let path = event::path(head.uri.path());
    let Some((route, parameters)) = route::choose(&api.routes, head.method.as_str(), &path) else {
        return refusal(StatusCode::NOT_FOUND, "Not Found");
    };
    let request_id = uuid::Uuid::new_v4().simple().to_string();
    let full = |bucket: &Bucket| !bucket.take_token(clock::now());
    if api.buckets.get(&route.to_string()).is_some_and(full) {
        let refused = refusal(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        return identified(refused, &request_id);
    }
    let mut authorized = None;
    if let Some(rule) = &route.authorizer {
        let keys = &api.keys[&rule.issuer];
        match authorizer::authorize(rule, keys, &head.headers, clock::now()).await {
            Ok(found) => authorized = Some(found),
            Err(denied) => return identified(unauthorized(denied), &request_id),
        }
    }
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let mut event =
        event::build(&api.stage, route, &parameters, &head, &path, &body, from, &request_id);
    if let Some(authorized) = authorized {
        event["requestContext"]["authorizer"] = authorized;
    }
    let event = event.to_string();
    if event.len() > MAX_EVENT_BYTES {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    let invocation = api.functions.invoke(&route.function, event.into());
    let response = match tokio::time::timeout(route.timeout, invocation).await {
        Ok(Ok(FunctionResponse::Ok(payload))) => reply::read(&payload).unwrap_or_else(|reason| {
            tracing::warn!(route = %route, "the function's answer isn't one that API Gateway takes: {reason}");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }),
        Ok(Ok(FunctionResponse::FunctionError(_)) | Err(InvokeError::NotFound)) => {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Ok(Err(InvokeError::Throttled)) | Err(_) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    };
    identified(response, &request_id)
}

fn identified(mut response: Response, request_id: &str) -> Response {
    if let Ok(id) = request_id.parse() {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

fn unauthorized(denied: Denied) -> Response {
    let mut response = refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
    if let Ok(challenge) = HeaderValue::try_from(denied.challenge()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({ "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests;
