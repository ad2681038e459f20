use std::sync::{Mutex, PoisonError};

use super::super::tests::{FOUR, World, mapping, number, numbers, put};
use super::*;
use crate::{
    filter::Filters,
    logs::Logs,
    scripted::{Scripted, answer, error},
    template::{Pipe, StreamMapping},
};

fn pipe(stream: StreamMapping) -> Pipe {
    let target = BusTarget {
        bus: "default".to_owned(),
        source: "orders".to_owned(),
        detail_type: "A row".to_owned(),
        resources: vec!["arn:aws:sqs:us-east-1:000000000000:x".to_owned()],
    };
    let stream = StreamMapping { batch_size: 10, bisect: true, ..stream };
    Pipe { name: "rows-to-bus".to_owned(), stream, target }
}

/// Makes `{"n": …}` of each record.
fn enrich(event: &Json) -> Json {
    let records = event.as_array().expect("a pipe hands over a list");
    records.iter().map(|record| json!({ "n": number(record) })).collect()
}

fn arrived(world: &World) -> Vec<u64> {
    let events = world.aws.buses.events("default");
    events.iter().map(|event| event["detail"]["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn each_object_of_the_answer_is_an_event() {
    let functions = Scripted::by(|event| answer(&enrich(event)));
    let world = World::piped(pipe(mapping()), functions, FOUR, Logs::silent());
    assert_eq!(world.end().await, [[1, 2, 3, 4]]);
    assert_eq!(arrived(&world), [1, 2, 3, 4]);
    let event = &world.aws.buses.events("default")[0];
    assert_eq!((&event["source"], &event["detail-type"]), (&json!("orders"), &json!("A row")));
    assert_eq!(event["resources"], json!(["arn:aws:sqs:us-east-1:000000000000:x"]));
    // What the function gets is what a mapping's function finds in `Records`.
    let record = &world.functions.seen()[0][0];
    assert_eq!(
        (&record["eventName"], &record["eventSource"]),
        (&json!("INSERT"), &json!("aws:dynamodb"))
    );
    // One record makes a list as well.
    put(world.aws.dynamodb.database(), "b", 5);
    world.end().await;
    assert_eq!(arrived(&world), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn only_what_the_filter_passes_and_the_function_answers_is_forwarded() {
    let filters =
        Filters::parse(&[r#"{"dynamodb": {"Keys": {"n": {"N": ["1", "2", "4"]}}}}"#]).unwrap();
    let functions = Scripted::by(|event| {
        let mut events = enrich(event);
        events.as_array_mut().unwrap().retain(|event| event["n"] != 2);
        answer(&events)
    });
    let filtered = StreamMapping { filters, ..mapping() };
    let world = World::piped(pipe(filtered), functions, FOUR, Logs::silent());
    assert_eq!(world.end().await, [[1, 2, 4]]);
    assert_eq!(arrived(&world), [1, 4]);
}

#[tokio::test]
async fn an_empty_answer_forwards_nothing_and_is_no_failure() {
    for empty in [json!([]), json!({}), json!("")] {
        let world = World::piped(
            pipe(mapping()),
            Scripted::by(move |_| answer(&empty)),
            FOUR,
            Logs::silent(),
        );
        assert_eq!(world.end().await.len(), 1);
        assert!(world.aws.buses.list().is_empty());
        assert_eq!(world.dead().await, Vec::<Json>::new());
    }
}

#[tokio::test]
async fn failing_record_goes_to_the_failure_queue_and_the_rest_arrives() {
    // The function can't stand 3.
    let functions =
        Scripted::by(
            |event| {
                if numbers(event).contains(&3) { error() } else { answer(&enrich(event)) }
            },
        );
    let stubborn = StreamMapping { retries: Some(1), ..mapping() };
    let world = World::piped(pipe(stubborn), functions, FOUR, Logs::silent());
    assert_eq!(
        world.end().await,
        [vec![1, 2, 3, 4], vec![1, 2], vec![3, 4], vec![3], vec![3], vec![4]]
    );
    assert_eq!(arrived(&world), [1, 2, 4]);
    let [dead] = world.dead().await.try_into().unwrap();
    let record = &world.functions.seen()[3][0];
    assert_eq!(
        dead,
        json!({
            "context": {
                "partnerResourceArn": "arn:aws:pipes:us-east-1:000000000000:pipe/rows-to-bus",
                "condition": "RetryAttemptsExhausted",
            },
            "version": "1.0",
            "timestamp": dead["timestamp"],
            "DDBStreamBatchInfo": {
                "shardId": dead["DDBStreamBatchInfo"]["shardId"],
                "startSequenceNumber": record["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": record["dynamodb"]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": dead["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"],
                "approximateArrivalOfLastRecord": dead["DDBStreamBatchInfo"]["approximateArrivalOfLastRecord"],
                "batchSize": 1,
                "streamArn": record["eventSourceARN"],
            },
        })
    );
}

#[tokio::test]
async fn a_list_that_is_too_large_for_the_bus_is_cut_in_two() {
    let functions = Scripted::by(|event| {
        let mut events = enrich(event);
        for event in events.as_array_mut().unwrap() {
            event["text"] = "x".repeat(100 * 1024).into();
        }
        answer(&events)
    });
    let world = World::piped(pipe(mapping()), functions, FOUR, Logs::silent());
    assert_eq!(world.end().await, [vec![1, 2, 3, 4], vec![1, 2], vec![3, 4]]);
    assert_eq!(arrived(&world), [1, 2, 3, 4]);
}

#[tokio::test]
async fn an_answer_that_is_no_event_fails_and_is_not_repeated_in_the_log() {
    for (nonsense, why) in [
        (json!(null), "neither an object nor a list"),
        (json!("hush"), "neither an object nor a list"),
        (json!(["hush"]), "MalformedDetail"),
        (json!(vec![json!({ "hush": 1 }); 11]), "1 to 10"),
    ] {
        let lines = std::sync::Arc::new(Mutex::new(Vec::new()));
        let log = lines.clone();
        let logs = Logs::to(true, move |line| {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_string());
        });
        let world = World::piped(
            pipe(StreamMapping { retries: Some(0), ..mapping() }),
            Scripted::by(move |_| answer(&nonsense)),
            &FOUR[..1],
            logs,
        );
        world.end().await;
        assert_eq!(world.dead().await.len(), 1, "{why}");
        let lines = lines.lock().unwrap();
        assert!(lines[0].contains("rows-to-bus") && lines[0].contains(why), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("hush")), "{lines:?}");
    }
}

#[tokio::test]
async fn being_throttled_is_not_failing() {
    let functions = Scripted::by(|event| answer(&enrich(event)))
        .first((0..3).map(|_| Err(InvokeError::Throttled)));
    let without_retries = StreamMapping { retries: Some(0), ..mapping() };
    let world = World::piped(pipe(without_retries), functions, FOUR, Logs::silent());
    assert_eq!(world.end().await.len(), 4);
    assert_eq!(arrived(&world), [1, 2, 3, 4]);
}
