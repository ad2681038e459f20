//! What is asked over HTTP.

mod bearer;
mod session;

use crate::app::App;
use crate::body::{LARGEST, read};
use crate::form_ids::{self, HandOver};
use crate::login::{Caller, LoginRequest, Refused, log_in};
use crate::phone::{self, PhoneRequest};
use crate::reply;
use crate::session::Claims;
use bearer::bearer;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// Answers an HTTP request.
pub(crate) async fn answer(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> Response<Body> {
    let domain = context.domain_name.as_deref().unwrap_or_default();
    let parameters = request.path_parameters();
    let (status, body) = match (request.method(), request.uri().path(), parameters.first("app")) {
        (&Method::POST, _, Some(alias)) => {
            let address = context.http.source_ip.as_deref().unwrap_or_default();
            return login(app, alias, request.body(), Caller { domain, address }, now).await;
        }
        (&Method::POST, "/form-ids", _) => match bearer(app, request, context, now).await {
            Ok(claims) => hand_over(app, &claims, request.body(), now).await,
            Err(refused) => refused,
        },
        (&Method::POST, "/phone", _) => match bearer(app, request, context, now).await {
            Ok(claims) => return telephone(app, &claims, request.body(), now).await,
            Err(refused) => refused,
        },
        (&Method::POST, "/session/refresh", _) => {
            session::refresh(app, request.body(), domain, now).await
        }
        (&Method::POST, "/session/revoke", _) => session::revoke(app, request.body(), now).await,
        (&Method::GET, "/session", _) => session::who(app, request, context, now).await,
        (&Method::GET, "/.well-known/openid-configuration", _) => {
            return reply::cacheable(&discovery(&app.issuer(domain)));
        }
        (&Method::GET, "/.well-known/jwks.json", _) => match app.keys(now).await {
            Ok(keys) => return reply::cacheable(&json!({ "keys": keys.published(now) })),
            Err(error) => {
                tracing::error!("no keys to show: {error}");
                (500, json!({ "error": "internal error" }))
            }
        },
        _ => (404, json!({ "error": "there is nothing at this path" })),
    };
    reply::json(StatusCode::from_u16(status).expect("a status is one of ours"), &body)
}

async fn login(
    app: &App,
    alias: &str,
    body: &[u8],
    caller: Caller<'_>,
    now: Timestamp,
) -> Response<Body> {
    if body.len() > LARGEST {
        return reply::error(413, "larger than any login");
    }
    let request: LoginRequest = match read(body) {
        Ok(request) => request,
        Err(problem) => return reply::error(400, &problem),
    };
    match log_in(app, alias, &request, caller, now).await {
        Ok(answer) => reply::json(StatusCode::OK, &json!(answer)),
        Err(refused) => {
            let (status, message) = refused.answer();
            if status >= 500 {
                tracing::error!(
                    app = alias,
                    status,
                    "a login failed: {refused}{}",
                    advice(&refused)
                );
            } else {
                tracing::warn!(app = alias, status, "refused a login: {refused}");
            }
            reply::later(reply::error(status, &message), refused.retry_after())
        }
    }
}

/// What the operator can do about WeChat's refusal.
fn advice(refused: &Refused) -> String {
    match refused {
        Refused::WeChat(error) => {
            error.refusal().map(|refusal| format!("; {}", refusal.advice())).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Whom the session of a request names: what the authorizer has verified, and
/// nothing that the request says of itself.
fn person(context: &ApiGatewayV2httpRequestContext) -> Option<&str> {
    let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
    jwt.claims.get("sub").map(String::as_str).filter(|subject| !subject.is_empty())
}

async fn hand_over(app: &App, claims: &Claims, body: &[u8], now: Timestamp) -> (u16, Value) {
    let person = claims.sub.as_str();
    if body.len() > LARGEST {
        return (413, json!({ "error": "larger than twenty form ids" }));
    }
    let request: HandOver = match read(body) {
        Ok(request) => request,
        Err(problem) => return (400, json!({ "error": problem })),
    };
    match form_ids::keep(app, claims, &request, now).await {
        Ok(kept) => (200, json!({ "kept": kept })),
        Err(refused) => {
            let (status, message) = refused.answer();
            if status >= 500 {
                tracing::error!(user = person, status, "form ids aren't kept: {refused}");
            } else {
                tracing::warn!(user = person, status, "refused form ids: {refused}");
            }
            (status, json!({ "error": message }))
        }
    }
}

async fn telephone(app: &App, claims: &Claims, body: &[u8], now: Timestamp) -> Response<Body> {
    if body.len() > LARGEST {
        return reply::error(413, "larger than any code");
    }
    let request: PhoneRequest = match read(body) {
        Ok(request) => request,
        Err(problem) => return reply::error(400, &problem),
    };
    match phone::keep(app, claims, &request, now).await {
        Ok(answer) => reply::json(StatusCode::OK, &json!(answer)),
        Err(refused) => {
            let (status, message) = refused.answer();
            let advice = refused.advice();
            if status >= 500 {
                tracing::error!(
                    user = claims.sub,
                    status,
                    "no telephone number: {refused}{advice}"
                );
            } else {
                tracing::warn!(user = claims.sub, status, "refused a telephone number: {refused}");
            }
            reply::later(reply::error(status, &message), refused.retry_after())
        }
    }
}

/// Where an authorizer finds the keys: what OpenID Connect Discovery 1.0 requires
/// and we have. There is no endpoint of OAuth, as a code from `wx.login` is no
/// grant of it: `POST /login/{app}` and `POST /session/refresh` take JSON.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_authorizer_has_verified_names_somebody() {
        let named = |authorizer: Value| {
            let http = json!({ "method": "POST", "path": "/form-ids" });
            let context = json!({ "authorizer": authorizer, "http": http });
            let context: ApiGatewayV2httpRequestContext = serde_json::from_value(context).unwrap();
            person(&context).map(str::to_owned)
        };
        let claims = json!({ "jwt": { "claims": { "sub": "ann", "exp": "1" }, "scopes": null } });
        assert_eq!(named(claims).as_deref(), Some("ann"));
        for nobody in [
            json!(null),
            json!({ "lambda": { "sub": "ann" } }),
            json!({ "jwt": { "claims": {}, "scopes": null } }),
            json!({ "jwt": { "claims": { "sub": "" }, "scopes": null } }),
        ] {
            assert_eq!(named(nobody.clone()), None, "{nobody}");
        }
    }
}
