//! Receives WeChat's pushes: verifies the signature, decrypts, stores the event and
//! acknowledges it, well within WeChat's five-second timeout.

mod app;
mod handler;
mod rejection_log;
mod tally;

use app::App;
use lambda_http::lambda_runtime::run;
use lambda_http::request::RequestContext;
use lambda_http::{Adapter, Error, Request, RequestExt as _, service_fn};
use shared::clock::Timestamp;
use shared::lambda::{self, invalid_request};
use shared::panic::RedactPanics;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = lambda::start(App::from_environment()).await?;
    run(RedactPanics(Adapter::from(service_fn(async |request: Request| {
        if !matches!(request.request_context_ref(), Some(RequestContext::ApiGatewayV2(_))) {
            return Err(invalid_request("this function takes API Gateway's requests only"));
        }
        Ok(handler::handle_request(&app, &request, Timestamp::now()).await)
    }))))
    .await
}
