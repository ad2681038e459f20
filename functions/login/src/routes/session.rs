//! What can be done with a session over HTTP.

use super::bearer::bearer;
use crate::app::App;
use crate::body::{LARGEST, read};
use crate::session::{self, Held, Refused};
use lambda_http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// `POST /session/refresh`
pub(super) async fn refresh(app: &App, body: &[u8], domain: &str, now: Timestamp) -> (u16, Value) {
    match held(body) {
        Ok(request) => answered(session::refresh(app, &request, domain, now).await),
        Err(refused) => refused,
    }
}

/// `POST /session/revoke`
pub(super) async fn revoke(app: &App, body: &[u8], now: Timestamp) -> (u16, Value) {
    match held(body) {
        Ok(request) => {
            let revoked = session::revoke(app, &request, now).await;
            answered(revoked.map(|()| json!({})))
        }
        Err(refused) => refused,
    }
}

/// `GET /session`
pub(super) async fn who(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> (u16, Value) {
    match bearer(app, request, context, now).await {
        Ok(claims) => answered(session::who(app, &claims, now).await),
        Err(refused) => refused,
    }
}

fn held(body: &[u8]) -> Result<Held, (u16, Value)> {
    if body.len() > LARGEST {
        return Err((413, json!({ "error": "larger than any refresh token" })));
    }
    read(body).map_err(|problem| (400, json!({ "error": problem })))
}

fn answered(done: Result<impl Serialize, Refused>) -> (u16, Value) {
    match done {
        Ok(answer) => (200, json!(answer)),
        Err(refused) => {
            let (status, message) = refused.answer();
            if status >= 500 {
                tracing::error!(status, "a session can't be looked after: {refused}");
            } else {
                tracing::warn!(status, "refused a session: {refused}");
            }
            (status, json!({ "error": message }))
        }
    }
}
