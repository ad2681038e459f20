//! The HTTP API.

mod authenticate;

use crate::app::App;
use crate::body;
use crate::error::LoginError;
use crate::form_ids::submit_form_ids;
use crate::login::{Caller, log_in};
use crate::phone::store_phone;
use crate::response;
use crate::session::refresh::refresh;
use crate::session::revoke::revoke;
use crate::session::session_info::session_info;
use authenticate::{authenticate, subject};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::Method;
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// Responds to an HTTP request. Errors become responses, and are logged.
pub(crate) async fn respond(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> Response<Body> {
    let error = match route(app, request, context, now).await {
        Ok(response) => return response,
        Err(error) => error,
    };
    let (route, user, status) = (request.uri().path(), subject(context), error.status());
    if status >= 500 {
        let advice = error.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
        tracing::error!(route, user, status, "the request failed: {error}{advice}");
    } else {
        tracing::warn!(route, user, status, "refused the request: {error}");
    }
    response::error(status, &error.public_message(), error.retry_after())
}

async fn route(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> Result<Response<Body>, LoginError> {
    let domain = context.domain_name.as_deref().unwrap_or_default();
    let body = request.body();
    let parameters = request.path_parameters();
    Ok(match (request.method(), request.uri().path(), parameters.first("app")) {
        (&Method::POST, _, Some(alias)) => {
            let address = context.http.source_ip.as_deref().unwrap_or_default();
            let caller = Caller { domain, address };
            response::ok(&log_in(app, alias, &body::parse(body)?, caller, now).await?)
        }
        (&Method::POST, "/session/refresh", _) => {
            response::ok(&refresh(app, &body::parse(body)?, domain, now).await?)
        }
        (&Method::POST, "/session/revoke", _) => {
            revoke(app, &body::parse(body)?, now).await?;
            response::ok(&json!({}))
        }
        (&Method::GET, "/session", _) => {
            let claims = authenticate(app, request, context, now).await?;
            response::ok(&session_info(app, &claims, now).await?)
        }
        (&Method::POST, "/form-ids", _) if app.takes_form_ids => {
            let claims = authenticate(app, request, context, now).await?;
            let kept = submit_form_ids(app, &claims, &body::parse(body)?, now).await?;
            response::ok(&json!({ "kept": kept }))
        }
        (&Method::POST, "/phone", _) => {
            let claims = authenticate(app, request, context, now).await?;
            response::ok(&store_phone(app, &claims, &body::parse(body)?, now).await?)
        }
        (&Method::GET, "/.well-known/openid-configuration", _) => {
            response::cacheable(&discovery(&app.issuer(domain)))
        }
        (&Method::GET, "/.well-known/jwks.json", _) => {
            response::cacheable(&json!({ "keys": app.keys(now).await?.published(now) }))
        }
        _ => return Err(LoginError::UnknownRoute),
    })
}

/// The discovery document for authorizers: what OpenID Connect Discovery 1.0 requires
/// and this service has. It names no OAuth endpoint, as a code from `wx.login` is no
/// OAuth grant: `POST /login/{app}` and `POST /session/refresh` take JSON.
fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "claims_supported": ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "response_types_supported": ["token"],
    })
}
