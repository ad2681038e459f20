//! Whose session a request carries.

use super::person;
use crate::app::App;
use crate::session::{Claims, verify};
use lambda_http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::header;
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// The claims of a request's access token: those that API Gateway's authorizer has
/// let in, after a check of our own. Otherwise what is answered.
pub(super) async fn bearer(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> Result<Claims, (u16, Value)> {
    if context.authorizer.as_ref().is_none_or(|authorizer| authorizer.jwt.is_none()) {
        let (method, path) = (request.method(), request.uri().path());
        tracing::error!("the route {method} {path} has no authorizer: see infra/aws/template.yaml");
        return Err((500, json!({ "error": "internal error" })));
    }
    let keys = app.keys(now).await.map_err(|error| {
        tracing::error!("no keys to verify with: {error}");
        (500, json!({ "error": "internal error" }))
    })?;
    let issuer = app.issuer(context.domain_name.as_deref().unwrap_or_default());
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    let claims = token.and_then(|token| verify(&keys, &issuer, token, now));
    claims.filter(|claims| person(context) == Some(&claims.sub)).ok_or_else(|| {
        tracing::warn!("API Gateway let in an access token that isn't one of ours");
        (401, json!({ "error": "the access token isn't one of this service, or not good now" }))
    })
}
