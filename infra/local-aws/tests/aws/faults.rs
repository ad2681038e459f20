//! Faults, as the SDKs and clients of the control API see them.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use local_aws::services::Fault;
use serde_json::{Value, json};

use crate::dynamodb::{key, letters};
use crate::endpoint::{Endpoint, eventually};

fn put(
    endpoint: &Endpoint,
    id: &str,
) -> aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder {
    endpoint.dynamodb().put_item().table_name("letters").set_item(Some(key("ann", id)))
}

async fn is_there(endpoint: &Endpoint, id: &str) -> bool {
    let get = endpoint.dynamodb().get_item().table_name("letters").set_key(Some(key("ann", id)));
    get.send().await.unwrap().item.is_some()
}

async fn world() -> Endpoint {
    let endpoint = Endpoint::start().await;
    endpoint.aws.dynamodb.create_table(&letters()).unwrap();
    endpoint
}

#[tokio::test]
async fn a_call_is_refused_as_often_as_ordered() {
    let endpoint = world().await;
    // One attempt each, so that every one is seen.
    let client = aws_sdk_dynamodb::Client::from_conf(
        endpoint
            .dynamodb()
            .config()
            .to_builder()
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
            .build(),
    );
    let put = client.put_item().table_name("letters").set_item(Some(key("ann", "1")));
    let faults = &endpoint.aws.faults;
    for (code, status) in
        [("InternalServerError", 500), ("ProvisionedThroughputExceededException", 400)]
    {
        let fault = Fault::new("dynamodb", "PutItem").refuse(code).times(2);
        let fault = faults.inject(fault).unwrap();
        for _ in 0..2 {
            let refused = put.clone().send().await.unwrap_err();
            assert_eq!(refused.raw_response().unwrap().status().as_u16(), status);
            assert_eq!(refused.into_service_error().code(), Some(code));
        }
        assert!(!is_there(&endpoint, "1").await, "a refused call was applied");
        assert_eq!(fault.fired(), 2);
    }
    assert!(faults.list().is_empty());
    put.send().await.unwrap();

    // The SDK's own retries outlast two of these.
    let fault = Fault::new("dynamodb", "GetItem").refuse("InternalServerError").times(2);
    let fault = faults.inject(fault).unwrap();
    assert!(is_there(&endpoint, "1").await);
    assert_eq!(fault.fired(), 2);
}

#[tokio::test]
async fn each_service_refuses_in_its_own_words() {
    let endpoint = Endpoint::start().await;
    let faults = &endpoint.aws.faults;
    faults.inject(Fault::new("ssm", "GetParameter").refuse("ParameterNotFound")).unwrap();
    faults.inject(Fault::new("sqs", "*").refuse("QueueDoesNotExist")).unwrap();
    faults.inject(Fault::new("lambda", "Invoke").refuse("TooManyRequestsException")).unwrap();
    let read = endpoint.ssm().get_parameter().name("/a").send().await.unwrap_err();
    assert!(read.into_service_error().is_parameter_not_found());
    let sent = endpoint.sqs().send_message().queue_url("letters").message_body("x").send();
    assert!(sent.await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let invoked = endpoint.lambda().invoke().function_name("greet").send().await.unwrap_err();
    assert_eq!(invoked.raw_response().unwrap().status().as_u16(), 429);
    assert!(invoked.into_service_error().is_too_many_requests_exception());
    assert!(endpoint.functions.payloads.lock().unwrap().is_empty());
    assert_eq!(faults.cancel(), 3);
    endpoint.lambda().invoke().function_name("greet").send().await.unwrap();
}

#[tokio::test]
async fn only_what_is_named_is_befallen() {
    let endpoint = world().await;
    let of = |resource: &str| {
        let fault = Fault::new("dynamodb", "PutItem").on(resource).reset();
        endpoint.aws.faults.inject(fault).unwrap()
    };
    let (other, this) = (of("numbers"), of("letters"));
    let strangers = Fault::new("dynamodb", "PutItem").by("another").reset();
    let strangers = endpoint.aws.faults.inject(strangers).unwrap();
    put(&endpoint, "1").send().await.unwrap_err();
    assert!(this.fired() > 0);
    this.cancel();
    put(&endpoint, "1").send().await.unwrap();
    assert_eq!((other.fired(), strangers.fired()), (0, 0));
}

#[tokio::test]
async fn a_broken_connection_may_lose_the_call_or_only_its_answer() {
    let endpoint = world().await;
    for (id, fault, took_effect) in [
        ("before", Fault::new("dynamodb", "PutItem").reset(), false),
        ("after", Fault::new("dynamodb", "PutItem").reset().after(), true),
    ] {
        let fault = endpoint.aws.faults.inject(fault).unwrap();
        let error = put(&endpoint, id).send().await.unwrap_err();
        assert!(error.raw_response().is_none(), "it was answered: {error:?}");
        fault.cancel();
        assert_eq!(is_there(&endpoint, id).await, took_effect, "{id}");
    }
}

#[tokio::test]
async fn a_refusal_after_the_call_is_only_said() {
    let endpoint = world().await;
    let fault = Fault::new("dynamodb", "PutItem").refuse("InternalServerError").after();
    endpoint.aws.faults.inject(fault).unwrap();
    let refused = put(&endpoint, "1").send().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("InternalServerError"));
    assert!(is_there(&endpoint, "1").await);
}

#[tokio::test]
async fn a_held_call_waits_until_it_is_released() {
    let endpoint = world().await;
    for (id, fault, took_effect) in [
        ("before", Fault::new("dynamodb", "PutItem").hold(), false),
        ("after", Fault::new("dynamodb", "PutItem").hold().after(), true),
    ] {
        let fault = endpoint.aws.faults.inject(fault).unwrap();
        let held = tokio::spawn(put(&endpoint, id).send());
        fault.holds(1).await;
        assert_eq!(is_there(&endpoint, id).await, took_effect, "{id}");
        assert!(!held.is_finished());
        assert_eq!(fault.release(), 1);
        held.await.unwrap().unwrap();
        assert!(is_there(&endpoint, id).await);

        // It holds the next call as well, and a held call continues when it is cancelled.
        let held = tokio::spawn(put(&endpoint, id).send());
        fault.holds(1).await;
        fault.cancel();
        held.await.unwrap().unwrap();
        fault.holds(0).await;
    }
}

#[tokio::test]
async fn a_held_call_whose_caller_is_gone_never_takes_effect() {
    let endpoint = world().await;
    let fault =
        endpoint.aws.faults.inject(Fault::new("dynamodb", "PutItem").hold().once()).unwrap();
    let held = tokio::spawn(put(&endpoint, "1").send());
    fault.holds(1).await;
    held.abort();
    fault.holds(0).await;
    fault.release();
    assert!(!is_there(&endpoint, "1").await);
}

#[tokio::test]
async fn a_fault_lasts_and_delays_as_long_as_ordered() {
    let endpoint = world().await;
    let fault = Fault::new("dynamodb", "PutItem").hold().lasting(Duration::from_millis(200));
    let fault = endpoint.aws.faults.inject(fault).unwrap();
    let begun = Instant::now();
    put(&endpoint, "1").send().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
    put(&endpoint, "2").send().await.unwrap();
    assert_eq!(fault.fired(), 1);
    assert!(endpoint.aws.faults.list().is_empty());

    let fault = Fault::new("dynamodb", "PutItem").delay(Duration::from_millis(100)).once();
    endpoint.aws.faults.inject(fault).unwrap();
    let begun = Instant::now();
    put(&endpoint, "3").send().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
}

async fn control(
    endpoint: &Endpoint,
    method: reqwest::Method,
    path: &str,
    body: &str,
) -> (u16, Value) {
    let url = format!("{}/_local/{path}", endpoint.url);
    let ask = endpoint.client().request(method, url).body(body.to_owned());
    let answer = ask.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn faults_are_ordered_and_called_off_over_http() {
    use reqwest::Method;
    let endpoint = world().await;
    let order = r#"{"service": "dynamodb", "operation": "PutItem", "hold": true, "times": 2}"#;
    let (status, fault) = control(&endpoint, Method::POST, "faults", order).await;
    assert_eq!((status, &fault["left"]), (200, &json!(2)));
    let held = tokio::spawn(put(&endpoint, "1").send());
    let listed = eventually(async || {
        let (_, listed) = control(&endpoint, Method::GET, "faults", "").await;
        (listed["holding"] == 1).then_some(listed)
    })
    .await;
    let id = &fault["id"];
    assert_eq!(
        listed["faults"],
        json!([{
            "id": id, "service": "dynamodb", "operation": "PutItem", "hold": true, "times": 2,
            "left": 1, "fired": 1, "holding": 1,
        }])
    );
    let (_, released) = control(&endpoint, Method::POST, &format!("faults/{id}/release"), "").await;
    assert_eq!(released, json!({"released": 1}));
    held.await.unwrap().unwrap();

    let off = control(&endpoint, Method::DELETE, &format!("faults/{id}"), "").await;
    assert_eq!(off, (200, json!({"cancelled": 1})));
    assert_eq!(control(&endpoint, Method::GET, &format!("faults/{id}"), "").await.0, 404);
    control(&endpoint, Method::POST, "faults", order).await;
    let off = control(&endpoint, Method::DELETE, "faults", "").await;
    assert_eq!(off, (200, json!({"cancelled": 1})));
    put(&endpoint, "2").send().await.unwrap();
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_with_the_reason() {
    use reqwest::Method;
    let endpoint = Endpoint::start().await;
    for (order, reason) in [
        ("", "this is no fault"),
        (r#"{"service": "dynamodb", "operation": "PutItem", "refuze": "X"}"#, "refuze"),
        (r#"{"service": "dynamo", "operation": "PutItem", "hold": true}"#, "dynamodbstreams"),
    ] {
        let (status, answer) = control(&endpoint, Method::POST, "faults", order).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(reason), "{answer}");
    }
    let (status, answer) = control(&endpoint, Method::POST, "functions/unknown/kill", "").await;
    assert_eq!((status, answer), (404, json!({"error": "there is no function unknown"})));

    // No page in a browser steers this.
    let url = format!("{}/_local/faults", endpoint.url);
    let page = endpoint.client().delete(&url).header("origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
    let page = endpoint.client().get(&url).header("host", "evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
}
