//! The entry point: an HTTP request from API Gateway, or a command of an operator.

use crate::app::App;
use crate::{commands, response, routes};
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Timestamp;

/// Seconds before Lambda's deadline at which a command stops, to store how far it got.
const SHUTDOWN_SECS: u64 = 3;

/// Responds to an HTTP request or a direct invocation. Only an invocation can fail; an
/// HTTP request gets the error as its response.
pub(crate) async fn handle(
    app: &App,
    request: Request,
    now: Timestamp,
) -> Result<Response<Body>, Diagnostic> {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() {
        return Ok(routes::respond(app, &request, context, now).await);
    }
    let deadline = request.lambda_context().deadline / 1000;
    let deadline = Timestamp(deadline.saturating_sub(SHUTDOWN_SECS));
    let answer = commands::respond(app, request.body(), now, deadline).await?;
    Ok(response::ok(&answer))
}
