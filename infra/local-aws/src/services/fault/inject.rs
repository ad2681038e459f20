//! Applies faults to calls on their way to the services.

use super::{Call, Fault, Faults};
use crate::services::refusal::Refusal;
use crate::services::{body, lambda, sqs};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use resettable_server::ConnectionHandle;

/// Applies the fault that waits for this call, if one does.
pub(crate) async fn inject(
    State(faults): State<Faults>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(mut call) = Call::from_request(&request) else { return next.run(request).await };
    // A body is held back only for faults that ask what it names.
    if faults.need_resources(&call) {
        let (head, asked) = request.into_parts();
        let asked = match body::whole(asked).await {
            Ok(asked) => asked,
            Err(refusal) => return refuse(call.service, &refusal),
        };
        call.read(&asked);
        request = Request::from_parts(head, Body::from(asked));
    }
    let Some(injection) = faults.fire(&call) else { return next.run(request).await };
    let fault = injection.fault();
    tracing::debug!(service = call.service, operation = call.operation, ?fault, "fired");
    let answer = if fault.after {
        let answer = next.run(request).await;
        injection.wait().await;
        answer
    } else {
        injection.wait().await;
        if fault.refuse.is_none() && !fault.reset {
            return next.run(request).await;
        }
        Response::new(Body::empty())
    };
    if fault.reset {
        connection.reset();
    }
    match refusal(fault, &call) {
        Some(refusal) => refuse(call.service, &refusal),
        None => answer,
    }
}

fn refusal(fault: &Fault, call: &Call) -> Option<Refusal> {
    let code = fault.refuse.as_ref()?;
    Some(Refusal {
        status: fault.refusal_status(call.service, code),
        code: code.clone().into(),
        message: format!("{code}: a fault that was injected on this machine"),
    })
}

/// Each service has its own way to write a refusal.
fn refuse(service: &str, refusal: &Refusal) -> Response {
    match service {
        "lambda" => lambda::refuse(refusal),
        "sqs" => sqs::refuse(refusal),
        "ssm" => refusal.json("1.1"),
        // DynamoDB writes the shape's whole name.
        _ => {
            let space = match refusal.code.as_ref() {
                "ThrottlingException" => "com.amazon.coral.availability",
                _ => "com.amazonaws.dynamodb.v20120810",
            };
            let code = format!("{space}#{}", refusal.code).into();
            Refusal { code, ..refusal.clone() }.json("1.0")
        }
    }
}
