use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use local_aws::services::lambda::{FunctionResponse, InvokeError, InvokeResult};

use crate::endpoint::{Endpoint, eventually};

fn failure() -> InvokeResult {
    Ok(FunctionResponse::FunctionError(r#"{"errorType":"Oops","errorMessage":"no"}"#.into()))
}

#[tokio::test]
async fn a_request_gets_what_the_function_answers() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.lambda();
    for name in [
        "greet",
        "greet:$LATEST",
        "000000000000:function:greet",
        "arn:aws:lambda:us-east-1:000000000000:function:greet",
    ] {
        let invoke = client.invoke().function_name(name).payload(Blob::new(r#"{"a":1}"#));
        let answer = invoke.send().await.unwrap();
        assert_eq!(answer.status_code(), 200);
        assert_eq!(answer.executed_version(), Some("$LATEST"));
        assert_eq!(answer.function_error(), None);
        assert_eq!(answer.payload().unwrap().as_ref(), br#"{"a":1}"#);
    }
    // No payload is an empty event.
    client.invoke().function_name("greet").send().await.unwrap();
    assert_eq!(endpoint.functions.payloads.lock().unwrap().last().unwrap(), "{}");
}

#[tokio::test]
async fn a_failing_function_answers_with_its_error() {
    let endpoint = Endpoint::start().await;
    endpoint.functions.answers.lock().unwrap().push_back(failure());
    let answer = endpoint.lambda().invoke().function_name("greet").send().await.unwrap();
    assert_eq!((answer.status_code(), answer.function_error()), (200, Some("Unhandled")));
    assert!(answer.payload().unwrap().as_ref().starts_with(br#"{"errorType":"Oops""#));
}

#[tokio::test]
async fn an_event_is_tried_three_times() {
    let endpoint = Endpoint::start().await;
    let invoke = endpoint.lambda().invoke().function_name("greet");
    let invoke = invoke.invocation_type(InvocationType::Event);
    let calls = || endpoint.functions.payloads.lock().unwrap().len();

    // A function at its limit is no failed attempt.
    let answers = [Err(InvokeError::Throttled), failure(), failure(), failure(), failure()];
    endpoint.functions.answers.lock().unwrap().extend(answers);
    let accepted = invoke.clone().payload(Blob::new("1")).send().await.unwrap();
    assert_eq!(accepted.status_code(), 202);
    assert!(accepted.payload().is_none_or(|payload| payload.as_ref().is_empty()));
    eventually(async || (calls() == 4).then_some(())).await;

    // The next event takes the answer that a fourth attempt would have taken.
    invoke.payload(Blob::new("2")).send().await.unwrap();
    eventually(async || (calls() == 6).then_some(())).await;
    let payloads = endpoint.functions.payloads.lock().unwrap().clone();
    assert_eq!(payloads, ["1", "1", "1", "1", "2", "2"]);
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.lambda();
    let dry = client.invoke().invocation_type(InvocationType::DryRun);
    assert_eq!(dry.clone().function_name("greet").send().await.unwrap().status_code(), 204);
    assert!(endpoint.functions.payloads.lock().unwrap().is_empty());
    let missing = dry.function_name("unknown").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
}

#[tokio::test]
async fn invalid_invocation_is_refused() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.lambda();
    let missing = client.invoke().function_name("unknown").send().await.unwrap_err();
    let missing = missing.into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    assert_eq!(
        missing.message(),
        Some("Function not found: arn:aws:lambda:us-east-1:000000000000:function:unknown")
    );
    let version = client.invoke().function_name("greet").qualifier("7").send().await.unwrap_err();
    assert!(version.into_service_error().is_resource_not_found_exception());

    endpoint.functions.answers.lock().unwrap().push_back(Err(InvokeError::Throttled));
    let busy = client.invoke().function_name("greet").send().await.unwrap_err();
    assert_eq!(busy.raw_response().unwrap().status().as_u16(), 429);
    assert!(busy.into_service_error().is_too_many_requests_exception());

    let broken = client.invoke().function_name("greet").payload(Blob::new("{"));
    let broken = broken.send().await.unwrap_err().into_service_error();
    assert!(broken.is_invalid_request_content_exception(), "{broken:?}");

    let large = |size: usize| Blob::new(format!("\"{}\"", "x".repeat(size - 2)));
    let sync = client.invoke().function_name("greet");
    sync.clone().payload(large(6 * 1024 * 1024)).send().await.unwrap();
    let refused = sync.clone().payload(large(6 * 1024 * 1024 + 1)).send().await.unwrap_err();
    assert!(refused.into_service_error().is_request_too_large_exception());
    let event = sync.invocation_type(InvocationType::Event).payload(large(1024 * 1024 + 1));
    let refused = event.send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 413);
}

#[tokio::test]
async fn functions_are_listed() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.lambda();
    let listed = client.list_functions().send().await.unwrap();
    let greet = &listed.functions()[0];
    assert_eq!(greet.function_name(), Some("greet"));
    assert_eq!(greet.function_arn(), Some("arn:aws:lambda:us-east-1:000000000000:function:greet"));
    assert_eq!((greet.timeout(), greet.memory_size()), (Some(7), Some(256)));
    let one = client.get_function().function_name("greet").send().await.unwrap();
    assert_eq!(one.configuration().unwrap().description(), Some("Says hello"));
    let missing = client.get_function().function_name("unknown").send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}
