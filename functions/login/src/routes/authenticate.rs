//! Checks the access token of a request.

use crate::app::App;
use crate::error::LoginError;
use crate::session::access_token::Claims;
use crate::session::verify::{key_id, verify};
use lambda_http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::header;
use shared::clock::Timestamp;

/// The claims of a request's access token. API Gateway's authorizer has verified it
/// already; this is a second check, for a route whose authorizer is missing or
/// misconfigured.
pub(super) async fn authenticate(
    app: &App,
    request: &Request,
    context: &ApiGatewayV2httpRequestContext,
    now: Timestamp,
) -> Result<Claims, LoginError> {
    if context.authorizer.as_ref().is_none_or(|authorizer| authorizer.jwt.is_none()) {
        return Err(LoginError::MissingAuthorizer);
    }
    let issuer = app.issuer(context.domain_name.as_deref().unwrap_or_default());
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.map(without_scheme).ok_or(LoginError::InvalidAccessToken)?;
    let kid = key_id(token).ok_or(LoginError::InvalidAccessToken)?;
    let keys = app.keys_with(&kid, now).await?;
    verify(&keys, &issuer, token, now)
        .filter(|claims| subject(context) == Some(&claims.sub))
        .ok_or(LoginError::InvalidAccessToken)
}

/// The token in a header: the scheme, in any case ([RFC 9110, 11.1]), may be missing.
///
/// [RFC 9110, 11.1]: https://www.rfc-editor.org/rfc/rfc9110#section-11.1
fn without_scheme(value: &str) -> &str {
    match value.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token,
        _ => value,
    }
}

/// The person's id that the authorizer has verified. Nothing that the request says of
/// itself counts.
pub(super) fn subject(context: &ApiGatewayV2httpRequestContext) -> Option<&str> {
    let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
    jwt.claims.get("sub").map(String::as_str).filter(|subject| !subject.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn scheme_is_bearer_in_any_case_or_missing() {
        for value in ["Bearer abc", "bearer abc", "BEARER abc", "abc"] {
            assert_eq!(without_scheme(value), "abc");
        }
        for other in ["Basic abc", "Bearer\tabc", "ééééééé"] {
            assert_eq!(without_scheme(other), other);
        }
    }

    #[test]
    fn subject_is_only_what_the_authorizer_has_verified() {
        let named = |authorizer: Value| {
            let http = json!({ "method": "POST", "path": "/form-ids" });
            let context = json!({ "authorizer": authorizer, "http": http });
            let context: ApiGatewayV2httpRequestContext = serde_json::from_value(context).unwrap();
            subject(&context).map(str::to_owned)
        };
        let claims = json!({ "jwt": { "claims": { "sub": "ann", "exp": "1" }, "scopes": null } });
        assert_eq!(named(claims).as_deref(), Some("ann"));
        for unverified in [
            json!(null),
            json!({ "lambda": { "sub": "ann" } }),
            json!({ "jwt": { "claims": {}, "scopes": null } }),
            json!({ "jwt": { "claims": { "sub": "" }, "scopes": null } }),
        ] {
            assert_eq!(named(unverified.clone()), None, "{unverified}");
        }
    }
}
