//! What the function is asked over HTTP, and what by invoking it.

use crate::app::App;
use crate::orders;
use crate::reply;
use crate::routes;
use lambda_http::http::StatusCode;
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Timestamp;

/// So many seconds before Lambda ends it, the function has to come to an end itself:
/// what was begun takes a moment, and has to be written down.
const LAST_WORDS: u64 = 3;

/// Answers an HTTP request or a direct invocation. The latter fails with an
/// error; HTTP always gets an answer.
pub(crate) async fn answer(
    app: &App,
    request: Request,
    now: Timestamp,
) -> Result<Response<Body>, Diagnostic> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            Ok(routes::answer(app, &request, context, now).await)
        }
        _ => {
            let deadline = request.lambda_context().deadline / 1000;
            let deadline = Timestamp(deadline.saturating_sub(LAST_WORDS));
            let done = orders::answer(app, request.body(), now, deadline).await?;
            Ok(reply::json(StatusCode::OK, &done))
        }
    }
}
