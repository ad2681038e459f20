//! Observers see what functions are invoked with, answer, and ask of AWS.

use std::sync::{Arc, Mutex};

use local_aws::{Cloud, Fault, Observed, TrafficObserver};
use serde_json::json;

use crate::test_stack::{MAY_PUT, ROWS, TestStack, function};

#[tokio::test]
async fn observer_sees_each_invocation_and_each_executed_call() {
    let stack = TestStack::new(&["one"], &(function("one", MAY_PUT) + ROWS));
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let sees = seen.clone();
    let mut options = stack.options();
    options.json_logs = true;
    options.observers = vec![TrafficObserver::new(move |passed| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let line = match passed {
            Observed::Invocation { function, event, answer } => {
                format!("{function} <- {} -> {}", text(event), text(answer))
            }
            Observed::Call {
                function: Some(function),
                service,
                operation,
                request,
                answer,
                ..
            } => {
                format!("{function}: {service} {operation} {} -> {}", text(request), text(answer))
            }
            _ => return,
        };
        sees.lock().unwrap().push(line);
    })];
    let cloud = Cloud::start(options).await.unwrap();
    cloud.invoke("one", &json!({ "put": "kept" })).await.unwrap();
    let lost = Fault::new("dynamodb", "PutItem").refuse("InternalServerError").once();
    cloud.aws.faults.inject(lost).unwrap();
    // A refused call reaches neither the table nor the observer.
    let _ = cloud.invoke("one", &json!({ "put": "lost" })).await;
    cloud.invoke("one", &json!({ "fail": "no" })).await.unwrap_err();

    let seen = seen.lock().unwrap().clone();
    let calls: Vec<_> = seen.iter().filter(|line| line.starts_with("one: ")).collect();
    let [put] = calls.as_slice() else { panic!("{seen:#?}") };
    assert!(put.starts_with("one: dynamodb PutItem ") && put.contains("kept"), "{put}");
    let invocations: Vec<_> = seen.iter().filter(|line| line.starts_with("one <- ")).collect();
    assert_eq!(invocations.len(), 3, "{seen:#?}");
    assert!(invocations[0].contains("\"AWS_LAMBDA_LOG_FORMAT\":\"JSON\""), "{invocations:?}");
    assert!(invocations[2].contains("\"errorMessage\":\"no\""), "{invocations:?}");
}
