//! Receives WeChat's pushes: verifies the signature, decrypts, stores the event and
//! acknowledges it, well within WeChat's five-second timeout.

mod app;
mod handler;
mod rejection_log;
mod tally;

use app::App;
use lambda_http::lambda_runtime::{Diagnostic, run};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Error, LambdaEvent, Request, Service as _, service_fn};
use shared::clock::Timestamp;
use shared::lambda::{self, check_http_body, invalid_request};
use shared::panic::RedactPanics;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = lambda::start(App::from_environment()).await?;
    let mut handle = Adapter::from(service_fn(async |request: Request| {
        Ok::<_, Diagnostic>(handler::handle_request(&app, &request, Timestamp::now()).await)
    }));
    run(RedactPanics(service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let checked = match &event.payload {
            LambdaRequest::ApiGatewayV2(request) => {
                check_http_body(request.body.as_deref(), request.is_base64_encoded)
            }
            _ => Err(invalid_request("this function takes API Gateway's requests only")),
        };
        let handled = checked.map(|()| handle.call(event));
        async move { handled?.await }
    })))
    .await
}
