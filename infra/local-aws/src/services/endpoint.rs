//! Routes calls to their services, and lets in what an AWS client sends.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::sync::watch;

use super::account::ACCOUNT;
use super::lambda::Lambda;
use super::refusal::Refusal;
use super::{Aws, body, control, fault, permission, usage};
use crate::observer;

/// The services at this address, for an error message.
const SERVICES: &str = "here are DynamoDB, DynamoDB Streams, SSM Parameter Store, SQS, Lambda (Invoke, ListFunctions, GetFunction) and STS (GetCallerIdentity)";

/// The version in a form for SQS; other services have other versions.
const SQS_VERSION: &str = "Version=2012-11-05";

/// The error for a client that uses SQS's older protocol ("AWS JSON
/// protocol in Amazon SQS" names the first version of each SDK that doesn't).
const SQS_QUERY: &str = "SQS is served in the AWS JSON protocol only, and this request is in the older query protocol: update the AWS SDK or CLI that sent it";

#[derive(Clone)]
struct Services {
    aws: Aws,
    lambda: Lambda,
    stopping: watch::Receiver<bool>,
}

/// The routes of the endpoint.
pub(crate) fn router(aws: &Aws, lambda: Lambda, stopping: watch::Receiver<bool>) -> Router {
    let control = control::router(aws, lambda.functions.clone());
    let state = Services { aws: aws.clone(), lambda, stopping };
    let enforce = middleware::from_fn_with_state(aws.permissions.clone(), permission::enforce);
    let inject = middleware::from_fn_with_state(aws.faults.clone(), fault::inject);
    let services = Router::new()
        .route("/2015-03-31/functions", get(list))
        .route("/2015-03-31/functions/", get(list))
        .route("/2015-03-31/functions/{name}", get(function))
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .fallback(target)
        .layer(middleware::from_fn_with_state(aws.observers.clone(), observer::observe))
        .layer(middleware::from_fn_with_state(aws.usage.clone(), usage::read))
        .layer(inject)
        .layer(enforce)
        .layer(middleware::from_fn(guard))
        .with_state(state);
    services.merge(control)
}

/// Lets in what an AWS client sends, and marks every answer as AWS does.
async fn guard(request: Request, next: Next) -> Response {
    let mut answer = match admit(request.headers(), request.uri().query()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.json("1.0"),
    };
    let id = uuid::Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

/// An AWS client signs its requests. Like the server's own check ([`Callers`]) this keeps web
/// pages out: a browser sends no `Authorization` of AWS's.
///
/// [`Callers`]: resettable_server::Callers
fn admit(headers: &HeaderMap, query: Option<&str>) -> Result<(), Refusal> {
    let signed = headers.contains_key(header::AUTHORIZATION)
        || query.is_some_and(|query| query.contains("X-Amz-Signature="));
    if !signed {
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            code: "MissingAuthenticationTokenException".into(),
            message: "Missing Authentication Token: any access key will do here, but a request must be signed with one".to_owned(),
        });
    }
    Ok(())
}

async fn list(State(services): State<Services>) -> Response {
    services.lambda.list()
}

async fn function(State(services): State<Services>, Path(name): Path<String>) -> Response {
    services.lambda.get(&name)
}

#[derive(Deserialize)]
struct Invocation {
    #[serde(rename = "Qualifier")]
    qualifier: Option<String>,
}

async fn invoke(
    State(services): State<Services>,
    Path(name): Path<String>,
    Query(invocation): Query<Invocation>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    services.lambda.invoke(&name, invocation.qualifier.as_deref(), &headers, body).await
}

/// Everything that names its operation in a header, or in a form.
async fn target(State(mut services): State<Services>, request: Request) -> Response {
    if request.method() != Method::POST {
        return unknown();
    }
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let Some((service, operation)) = target.and_then(|target| target.split_once('.')) else {
        return form(request).await;
    };
    let (service, operation) = (service.to_owned(), operation.to_owned());
    let answer = match service.as_str() {
        "DynamoDB_20120810" | "DynamoDBStreams_20120810" => {
            services.aws.dynamodb.answer(&operation, request).await
        }
        "AmazonSSM" => match body::whole(request.into_body()).await {
            Ok(body) => services.aws.parameters.answer(&operation, &body).await,
            Err(refusal) => refusal.json("1.1"),
        },
        "AmazonSQS" => {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            let base = format!("http://{}", host.unwrap_or("localhost"));
            match body::whole(request.into_body()).await {
                Ok(body) => {
                    let queues = services.aws.queues.clone();
                    queues.answer(&operation, &body, &base, &mut services.stopping).await
                }
                Err(refusal) => refusal.json("1.0"),
            }
        }
        _ => unknown(),
    };
    tracing::debug!(%service, %operation, status = answer.status().as_u16(), "asked of AWS");
    answer
}

/// STS speaks the older protocol: a form that is answered in XML.
async fn form(request: Request) -> Response {
    let Ok(body) = body::whole(request.into_body()).await else { return unknown() };
    let form = String::from_utf8_lossy(&body);
    if form.split('&').any(|field| field == "Action=GetCallerIdentity") {
        let id = uuid::Uuid::new_v4();
        return xml(
            StatusCode::OK,
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:root</Arn>\
                 <UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>"
            ),
        );
    }
    if form.split('&').any(|field| field.starts_with("Action=")) {
        let why = if form.split('&').any(|field| field == SQS_VERSION) {
            SQS_QUERY.to_owned()
        } else {
            format!("not served: {SERVICES}")
        };
        return xml(
            StatusCode::BAD_REQUEST,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>\
                 <Message>{why}</Message></Error></ErrorResponse>"
            ),
        );
    }
    unknown()
}

fn xml(status: StatusCode, body: String) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    answer
}

fn unknown() -> Response {
    Refusal::new("UnknownOperationException", format!("not served: {SERVICES}")).json("1.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_request_is_not_admitted() {
        let mut headers = HeaderMap::new();
        assert_eq!(admit(&headers, None).unwrap_err().code, "MissingAuthenticationTokenException");
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("AWS4-HMAC-SHA256 Credential=a"),
        );
        assert!(admit(&headers, None).is_ok());
    }
}
