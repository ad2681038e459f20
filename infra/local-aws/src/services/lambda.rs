//! Lambda's Invoke, in its three kinds, and the list of functions.
//!
//! Functions run behind the trait [`Invoke`].

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::asynchronous::AsyncInvoker;
pub use super::invoke::{
    BoxFuture, FunctionResponse, FunctionSummary, Invoke, InvokeError, InvokeResult, arn,
};
use super::refusal::Refusal;

/// The most that a synchronous invocation may carry, in bytes (Lambda quotas: 6 MB).
const MAX_REQUEST_BYTES: usize = 6 * 1024 * 1024;

/// The most that an asynchronous invocation may carry, in bytes (Invoke: 1 MB).
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// Lambda's API over the functions of an [`Invoke`].
#[derive(Clone)]
pub(crate) struct Lambda {
    pub(crate) functions: Arc<dyn Invoke>,
    asynchronous: AsyncInvoker,
    stopping: watch::Receiver<bool>,
}

impl Lambda {
    pub(crate) fn new(
        functions: Arc<dyn Invoke>,
        asynchronous: AsyncInvoker,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { functions, asynchronous, stopping }
    }

    /// `GET /2015-03-31/functions/`.
    pub(crate) fn list(&self) -> Response {
        let functions: Vec<Value> = self.functions.list().iter().map(configuration).collect();
        rest_response(StatusCode::OK, &json!({"Functions": functions}))
    }

    /// `GET /2015-03-31/functions/{name}`.
    pub(crate) fn get(&self, name: &str) -> Response {
        match self.find(name, None) {
            Ok(function) => rest_response(
                StatusCode::OK,
                &json!({"Configuration": configuration(&function), "Code": {}}),
            ),
            Err(refusal) => refuse(&refusal),
        }
    }

    /// `POST /2015-03-31/functions/{name}/invocations`.
    pub(crate) async fn invoke(
        &self,
        name: &str,
        qualifier: Option<&str>,
        headers: &HeaderMap,
        body: Body,
    ) -> Response {
        self.answer(name, qualifier, headers, body).await.unwrap_or_else(|refusal| refuse(&refusal))
    }

    async fn answer(
        &self,
        name: &str,
        qualifier: Option<&str>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Refusal> {
        let function = self.find(name, qualifier)?.name;
        let kind = headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or("RequestResponse");
        let most = if kind == "Event" { MAX_EVENT_BYTES } else { MAX_REQUEST_BYTES };
        let payload = to_bytes(body, most).await.map_err(|_| Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: "RequestTooLargeException".into(),
            message: format!("Request must be smaller than {most} bytes for the Invoke operation"),
        })?;
        let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            return Err(Refusal::new(
                "InvalidRequestContentException",
                format!(
                    "Could not parse request body into json (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            ));
        }
        match kind {
            "RequestResponse" => self.request_response(&function, payload).await,
            "Event" => {
                self.begin_event(function, payload);
                Ok(executed(StatusCode::ACCEPTED, Bytes::new()))
            }
            "DryRun" => Ok(executed(StatusCode::NO_CONTENT, Bytes::new())),
            other => Err(Refusal::new(
                "InvalidParameterValueException",
                format!("{other} is no invocation type: RequestResponse, Event or DryRun is"),
            )),
        }
    }

    async fn request_response(&self, function: &str, payload: Bytes) -> Result<Response, Refusal> {
        match self.functions.invoke(function, payload).await {
            Ok(FunctionResponse::Ok(payload)) => Ok(executed(StatusCode::OK, payload)),
            Ok(FunctionResponse::FunctionError(payload)) => {
                let mut answer = executed(StatusCode::OK, payload);
                answer
                    .headers_mut()
                    .insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
                Ok(answer)
            }
            Err(InvokeError::NotFound) => Err(not_found(&arn(function))),
            Err(InvokeError::Throttled) => Err(Refusal {
                status: StatusCode::TOO_MANY_REQUESTS,
                code: "TooManyRequestsException".into(),
                message: "Rate Exceeded.".to_owned(),
            }),
        }
    }

    /// Invokes a function asynchronously, until the server stops.
    fn begin_event(&self, function: String, payload: Bytes) {
        let Some(invocation) = self.asynchronous.begin(&function, payload) else { return };
        let mut stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = invocation => {}
                _ = stopping.wait_for(|stop| *stop) => {
                    tracing::warn!(function, "an event is dropped: the server stops");
                }
            }
        });
    }

    /// Finds the function that a client names by name, `name:qualifier`, partial or full ARN.
    fn find(&self, named: &str, qualifier: Option<&str>) -> Result<FunctionSummary, Refusal> {
        let (name, suffix) = parse(named);
        let qualifier = qualifier.or(suffix).unwrap_or("$LATEST");
        if qualifier != "$LATEST" {
            return Err(not_found(&format!("{}:{qualifier}", arn(name))));
        }
        let found = self.functions.list().into_iter().find(|function| function.name == name);
        found.ok_or_else(|| not_found(&arn(name)))
    }
}

/// The bare name of a function that is named in any of Invoke's forms.
pub(crate) fn name_of(named: &str) -> &str {
    parse(named).0
}

/// Takes apart the forms that Invoke's `FunctionName` may have.
pub(crate) fn parse(named: &str) -> (&str, Option<&str>) {
    let rest = match named.split_once(":function:") {
        Some((_, rest)) => rest,
        None => named.strip_prefix("function:").unwrap_or(named),
    };
    match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    }
}

fn not_found(arn: &str) -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        code: "ResourceNotFoundException".into(),
        message: format!("Function not found: {arn}"),
    }
}

fn configuration(function: &FunctionSummary) -> Value {
    json!({
        "FunctionName": function.name,
        "FunctionArn": arn(&function.name),
        "Description": function.description,
        "Runtime": function.runtime,
        "Handler": "bootstrap",
        "PackageType": "Zip",
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
    })
}

fn executed(status: StatusCode, payload: Bytes) -> Response {
    let mut answer = Response::new(Body::from(payload));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn rest_response(status: StatusCode, body: &Value) -> Response {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let side = if refusal.status.is_server_error() { "Server" } else { "User" };
    let mut answer =
        rest_response(refusal.status, &json!({"Type": side, "Message": refusal.message}));
    if let Ok(code) = HeaderValue::from_str(&refusal.code) {
        answer.headers_mut().insert("x-amzn-errortype", code);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_may_be_named_in_every_documented_way() {
        for (named, name, qualifier) in [
            ("send", "send", None),
            ("send:$LATEST", "send", Some("$LATEST")),
            ("function:send", "send", None),
            ("000000000000:function:send", "send", None),
            ("arn:aws:lambda:us-east-1:000000000000:function:send", "send", None),
            ("arn:aws:lambda:us-east-1:000000000000:function:send:7", "send", Some("7")),
        ] {
            assert_eq!(parse(named), (name, qualifier), "{named}");
        }
    }
}
