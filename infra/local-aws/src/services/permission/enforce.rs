//! Where a function's call is let in or refused.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use super::{Permissions, authorization_request, denied};
use crate::services::fault::Call;
use crate::services::refusal::Refusal;
use crate::services::refusal::answer;
use crate::services::{body, lambda};

/// Refuses what the role of the function that calls doesn't allow.
pub(crate) async fn enforce(
    State(permissions): State<Permissions>,
    request: Request,
    next: Next,
) -> Response {
    // A call that is for no service is refused by itself.
    let Some(call) = Call::from_request(&request) else { return next.run(request).await };
    let Some(caller) = call.caller.as_deref().filter(|caller| permissions.binds(caller)) else {
        return next.run(request).await;
    };
    let (head, sent) = request.into_parts();
    let (mut asked, sent) = if call.service == "lambda" {
        // The path says it all, and how large a body may be is Lambda's matter.
        (vec![authorization_request::for_lambda(&call.operation, &head.uri)], sent)
    } else {
        let sent = match body::whole(sent).await {
            Ok(sent) => sent,
            Err(refusal) => return refuse(call.service, &refusal),
        };
        let key_of = |table: &str| permissions.key_of(table);
        (
            authorization_request::for_call(call.service, &call.operation, &sent, &key_of),
            Body::from(sent),
        )
    };
    for asked in &mut asked {
        asked.code_of = Some(lambda::arn(caller));
    }
    if let Err(message) = permissions.decide(caller, &asked) {
        tracing::debug!(caller, message, "refused");
        return refuse(call.service, &denied(message));
    }
    next.run(Request::from_parts(head, sent)).await
}

/// As each service writes it.
fn refuse(service: &str, refusal: &Refusal) -> Response {
    let denial = refusal.status == StatusCode::BAD_REQUEST;
    let status = match service {
        "lambda" | "sqs" if denial => StatusCode::FORBIDDEN,
        _ => refusal.status,
    };
    if service == "lambda" {
        return lambda::refuse(&Refusal { status, ..refusal.clone() });
    }
    let (version, code) = match service {
        "ssm" => ("1.1", refusal.code.to_string()),
        _ => ("1.0", format!("com.amazon.coral.service#{}", refusal.code)),
    };
    // Unlike the services' own errors, what the front door says has a capital M.
    let body = json!({ "__type": code, "Message": refusal.message });
    let mut answer = answer(status, version, body.to_string());
    if service == "sqs" && denial {
        // What the older protocol called it, for SDKs that still do.
        let code = HeaderValue::from_static("AccessDenied;Sender");
        answer.headers_mut().insert("x-amzn-query-error", code);
    }
    answer
}
