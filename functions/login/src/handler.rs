//! What the function is asked over HTTP, and what by invoking it.

use crate::account::{self, Password, Username};
use crate::app::App;
use crate::form_ids::{self, HandOver};
use crate::login::{LoginRequest, Refused, log_in};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::clock::Timestamp;

/// Authorizers may keep the keys this many seconds: 10 minutes.
const KEYS_FRESH: &str = "public, max-age=600";
/// A login is some hundred bytes, twenty form ids are less than three thousand.
const LARGEST_BODY: usize = 8 * 1024;

/// What can be asked by invoking the function.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Makes an account that a login can bind.
    CreateAccount { username: Username, password: Password },
}

/// Answers an HTTP request or a direct invocation. The latter fails with an
/// error; HTTP always gets an answer.
pub(crate) async fn answer(
    app: &App,
    request: Request,
    now: Timestamp,
) -> Result<Response<Body>, Diagnostic> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            Ok(over_http(app, &request, context, now).await)
        }
        _ => {
            let done = invoked(app, request.body(), now).await?;
            Ok(json_response(StatusCode::OK, &done))
        }
    }
}

async fn over_http(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> Response<Body> {
    let domain = context.domain_name.as_deref().unwrap_or_default();
    let parameters = request.path_parameters();
    let (status, body) = match (request.method(), request.uri().path(), parameters.first("app")) {
        (&Method::POST, _, Some(alias)) => login(app, alias, request.body(), domain, now).await,
        (&Method::POST, "/form-ids", _) => {
            hand_over(app, person(context), request.body(), now).await
        }
        (&Method::GET, "/.well-known/openid-configuration", _) => {
            return cacheable(&discovery(&app.issuer(domain)));
        }
        (&Method::GET, "/.well-known/jwks.json", _) => match app.keys().await {
            Ok(keys) => return cacheable(&json!({ "keys": keys.public() })),
            Err(error) => {
                tracing::error!("no keys to show: {error}");
                (500, json!({ "error": "internal error" }))
            }
        },
        _ => (404, json!({ "error": "there is nothing at this path" })),
    };
    json_response(StatusCode::from_u16(status).expect("a status is one of ours"), &body)
}

async fn login(app: &App, alias: &str, body: &[u8], domain: &str, now: Timestamp) -> (u16, Value) {
    if body.len() > LARGEST_BODY {
        return (413, json!({ "error": "larger than any login" }));
    }
    let request: LoginRequest = match read(body) {
        Ok(request) => request,
        Err(problem) => return (400, json!({ "error": problem })),
    };
    match log_in(app, alias, &request, domain, now).await {
        Ok(answer) => (200, json!(answer)),
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
            (status, json!({ "error": message }))
        }
    }
}

/// Whom the session of a request names: what the authorizer has verified, and
/// nothing that the request says of itself.
fn person(context: &ApiGatewayV2httpRequestContext) -> Option<&str> {
    let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
    jwt.claims.get("sub").map(String::as_str).filter(|subject| !subject.is_empty())
}

async fn hand_over(app: &App, person: Option<&str>, body: &[u8], now: Timestamp) -> (u16, Value) {
    let Some(person) = person else {
        tracing::error!("the route POST /form-ids has no authorizer: see infra/aws/template.yaml");
        return (500, json!({ "error": "internal error" }));
    };
    if body.len() > LARGEST_BODY {
        return (413, json!({ "error": "larger than twenty form ids" }));
    }
    let request: HandOver = match read(body) {
        Ok(request) => request,
        Err(problem) => return (400, json!({ "error": problem })),
    };
    match form_ids::keep(app, person, &request, now).await {
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

/// What the operator can do about WeChat's refusal.
fn advice(refused: &Refused) -> String {
    match refused {
        Refused::WeChat(error) => {
            error.refusal().map(|refusal| format!("; {}", refusal.advice())).unwrap_or_default()
        }
        _ => String::new(),
    }
}

async fn invoked(app: &App, body: &[u8], now: Timestamp) -> Result<Value, Diagnostic> {
    let command: Command = read(body).map_err(|problem| failure("InvalidRequest", problem))?;
    match command {
        Command::CreateAccount { username, password } => {
            let created = account::create(&app.logins.mappings, &username, &password, now).await;
            match created {
                Ok(true) => Ok(json!({ "account": username.as_str() })),
                Ok(false) => Err(failure(
                    "AccountExists",
                    "username: there is an account of this name".to_owned(),
                )),
                Err(error) => {
                    tracing::error!("{error}");
                    Err(failure("InternalError", "internal error".to_owned()))
                }
            }
        }
    }
}

/// Reads a request; what is wrong with it is told with the field's name.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner();
        match problem.classify() {
            // Without serde's "at line …", which nobody counts in a request.
            serde_json::error::Category::Data => {
                let text = problem.to_string();
                let text = text.split(" at line ").next().unwrap_or_default().to_owned();
                if path == "." { text } else { format!("{path}: {text}") }
            }
            _ => "the body is not JSON".to_owned(),
        }
    })
}

/// Where an authorizer finds the keys (OpenID Connect Discovery 1.0).
fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "response_types_supported": ["token"],
    })
}

fn cacheable(body: &Value) -> Response<Body> {
    let mut response = json_response(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, header::HeaderValue::from_static(KEYS_FRESH));
    response
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(body.to_string()))
        .expect("a status and two fixed headers")
}

fn failure(kind: &str, message: String) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        read::<LoginRequest>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_bad_request_names_its_field() {
        assert_eq!(problem("{}"), "missing field `code`");
        assert_eq!(
            problem(r#"{"code":"c","x":1}"#),
            "x: unknown field `x`, expected one of `code`, `username`, `password`"
        );
        assert_eq!(
            problem(r#"{"code":""}"#),
            "code: a code from wx.login has 1 to 256 printable characters"
        );
        assert_eq!(
            problem(r#"{"code":"c","username":"a b"}"#),
            "username: a username has 1 to 64 letters, digits, or any of - _ . @ +"
        );
        assert_eq!(problem("hello"), "the body is not JSON");
    }

    #[test]
    fn form_ids_that_do_not_fit_are_named_and_not_quoted() {
        let problem = |body: Value| read::<HandOver>(body.to_string().as_bytes()).unwrap_err();
        let with = |form_ids: Value| problem(json!({ "app": "shop-mini", "form_ids": form_ids }));
        assert_eq!(problem(json!({ "app": "shop-mini" })), "missing field `form_ids`");
        assert_eq!(problem(json!({ "form_ids": ["a"] })), "missing field `app`");
        assert_eq!(
            problem(json!({ "app": "shop-mini", "form_ids": ["a"], "open_id": "oBob" })),
            "open_id: unknown field `open_id`, expected `app` or `form_ids`"
        );
        let number = "form_ids: 1 to 20 form ids go into one request";
        assert_eq!(with(json!([])), number);
        assert_eq!(with(json!(vec!["a"; 21])), number);
        assert_eq!(
            with(json!(["good", "not good"])),
            "form_ids[1]: a form id has 1 to 128 printable ASCII characters without spaces and #"
        );
        assert!(with(json!(["the formId is a mock one"])).contains("submit the form on a phone"));
        let twenty = json!({ "app": "shop-mini", "form_ids": vec!["a"; 20] });
        assert!(read::<HandOver>(twenty.to_string().as_bytes()).is_ok());
    }

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

    #[test]
    fn a_password_is_not_quoted() {
        assert_eq!(
            problem(r#"{"code":"c","password":"hunter2"}"#),
            "password: a password has 8 to 128 characters"
        );
        assert!(!problem(r#"{"code":"c","password":12345678901}"#).contains("12345678901"));
    }
}
