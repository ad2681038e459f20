use std::time::Duration;

use dynoxide::Database;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    filter::Filters,
    scripted::{Scripted, answer, error, failed},
    services::lambda::InvokeError,
};

pub(super) fn mapping() -> StreamMapping {
    StreamMapping {
        function: "events".to_owned(),
        table: "rows".to_owned(),
        start: Start::TrimHorizon,
        batch_size: 100,
        window: Duration::ZERO,
        bisect: false,
        retries: Some(1),
        maximum_age: None,
        parallelization: 1,
        reports_failures: true,
        on_failure: Some("dead".to_owned()),
        filters: Filters::default(),
    }
}

/// A table with a stream, a failure queue, and a function by script.
pub(super) struct World {
    pub(super) aws: Aws,
    stream: Arc<Stream>,
    pub(super) functions: Arc<Scripted>,
    task: tokio::task::JoinHandle<()>,
}

fn aws(data: Option<&Path>) -> Aws {
    let aws = Aws::open(data).unwrap();
    aws.dynamodb
        .create_table(&json!({
            "TableName": "rows",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }, { "AttributeName": "n", "AttributeType": "N" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }, { "AttributeName": "n", "KeyType": "RANGE" }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        }))
        .unwrap();
    aws.queues.create("dead", &BTreeMap::new()).unwrap();
    aws
}

impl World {
    /// Puts the rows first and starts to read then, so that batches are the
    /// same every time.
    fn new(mapping: StreamMapping, functions: Scripted, rows: &[(&str, u32)]) -> Self {
        let aws = aws(None);
        rows.iter().for_each(|(id, n)| put(aws.dynamodb.database(), id, *n));
        Self::with_checkpoint(aws, mapping, functions, None)
    }

    fn with_checkpoint(
        aws: Aws,
        mapping: StreamMapping,
        functions: Scripted,
        data: Option<&Path>,
    ) -> Self {
        let functions = Arc::new(functions);
        let stream = Stream::open(
            Reader::Function(mapping),
            aws.clone(),
            functions.clone(),
            Logs::silent(),
            data,
        )
        .unwrap();
        Self::running(aws, stream, functions)
    }

    /// As [`World::new`], for a pipe.
    pub(super) fn piped(pipe: Pipe, functions: Scripted, rows: &[(&str, u32)], logs: Logs) -> Self {
        let aws = aws(None);
        rows.iter().for_each(|(id, n)| put(aws.dynamodb.database(), id, *n));
        let functions = Arc::new(functions);
        let stream =
            Stream::open(Reader::Pipe(pipe), aws.clone(), functions.clone(), logs, None).unwrap();
        Self::running(aws, stream, functions)
    }

    fn running(aws: Aws, stream: Stream, functions: Arc<Scripted>) -> Self {
        let stream = Arc::new(stream);
        let task = tokio::spawn(stream.clone().keep());
        Self { aws, stream, functions, task }
    }

    /// Waits until everything has been dealt with; tells what the function saw.
    pub(super) async fn end(&self) -> Vec<Vec<u32>> {
        let idle = async {
            while !self.stream.is_idle() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), idle)
            .await
            .expect("it isn't done after 20 seconds");
        self.functions.seen().iter().map(numbers).collect()
    }

    pub(super) async fn dead(&self) -> Vec<Json> {
        let messages = self.aws.queues.receive("dead", 10, Duration::ZERO).await.unwrap();
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn put(database: &Database, id: &str, n: u32) {
    let request =
        json!({ "TableName": "rows", "Item": { "id": { "S": id }, "n": { "N": n.to_string() } } });
    database.put_item(serde_json::from_value(request).unwrap()).unwrap();
}

pub(super) fn number(record: &Json) -> u32 {
    record["dynamodb"]["Keys"]["n"]["N"].as_str().unwrap().parse().unwrap()
}

/// The records of a mapping stand in `Records`, those of a pipe for themselves.
pub(super) fn numbers(event: &Json) -> Vec<u32> {
    event.get("Records").unwrap_or(event).as_array().unwrap().iter().map(number).collect()
}

fn sequence_of(event: &Json, n: u32) -> &str {
    let records = event["Records"].as_array().unwrap();
    let record = records.iter().find(|record| number(record) == n).unwrap();
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}

pub(super) const FOUR: &[(&str, u32)] = &[("a", 1), ("a", 2), ("a", 3), ("a", 4)];

/// A function that can't stand one record: fails altogether when it is there.
fn allergic(to: u32) -> Scripted {
    Scripted::by(move |event| {
        if numbers(event).contains(&to) {
            error()
        } else {
            answer(&json!({ "batchItemFailures": [] }))
        }
    })
}

#[tokio::test]
async fn records_come_in_order_and_in_batches() {
    let world = World::new(StreamMapping { batch_size: 3, ..mapping() }, Scripted::with([]), FOUR);
    assert_eq!(world.end().await, [vec![1, 2, 3], vec![4]]);
    let event = &world.functions.seen()[0]["Records"][0];
    assert_eq!(event["eventName"], "INSERT");
    assert_eq!(event["eventSource"], "aws:dynamodb");
    assert!(event["eventSourceARN"].as_str().unwrap().contains(":table/rows/stream/"));
    put(world.aws.dynamodb.database(), "b", 5);
    assert_eq!(world.end().await.last().unwrap(), &[5]);
}

#[tokio::test]
async fn after_a_report_only_the_rest_is_tried_again() {
    // The lowest of those that failed counts, whatever their order.
    let functions = Scripted::by(|event| match numbers(event).as_slice() {
        [1, 2, 3, 4] => failed([sequence_of(event, 4), sequence_of(event, 2)]),
        _ => answer(&json!({})),
    });
    let world = World::new(mapping(), functions, FOUR);
    assert_eq!(world.end().await, [vec![1, 2, 3, 4], vec![2, 3, 4]]);
    assert_eq!(world.dead().await, Vec::<Json>::new());
}

/// Fault 28.
#[tokio::test]
async fn a_report_of_something_unknown_fails_the_whole_batch() {
    for report in [failed([""]), failed(["7"])] {
        let world = World::new(mapping(), Scripted::with([report]), FOUR);
        assert_eq!(world.end().await, [vec![1, 2, 3, 4], vec![1, 2, 3, 4]]);
    }
}

#[tokio::test]
async fn record_that_fails_too_often_goes_to_the_failure_queue() {
    let functions = Scripted::by(|event| match numbers(event).as_slice() {
        all if all.contains(&2) => failed([sequence_of(event, 2)]),
        _ => answer(&Json::Null),
    });
    let world = World::new(StreamMapping { retries: Some(2), ..mapping() }, functions, FOUR);
    assert_eq!(world.end().await, [vec![1, 2, 3, 4], vec![2, 3, 4], vec![2, 3, 4]]);
    let [dead] = world.dead().await.try_into().unwrap();
    let first = &world.functions.seen()[0];
    assert_eq!(dead["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(dead["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(
        dead["requestContext"]["functionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:events"
    );
    assert_eq!(dead["responseContext"]["functionError"], Json::Null);
    let info = &dead["DDBStreamBatchInfo"];
    assert_eq!(info["startSequenceNumber"], sequence_of(first, 2));
    assert_eq!(info["endSequenceNumber"], sequence_of(first, 4));
    assert_eq!(info["batchSize"], 3);
    assert_eq!(info["streamArn"], first["Records"][0]["eventSourceARN"]);
    assert!(info["approximateArrivalOfFirstRecord"].as_str().unwrap().starts_with("20"));
}

#[tokio::test]
async fn bisecting_leaves_only_the_poison_behind() {
    let world = World::new(StreamMapping { bisect: true, ..mapping() }, allergic(3), FOUR);
    assert_eq!(
        world.end().await,
        [vec![1, 2, 3, 4], vec![1, 2], vec![3, 4], vec![3], vec![3], vec![4]]
    );
    let [dead] = world.dead().await.try_into().unwrap();
    assert_eq!(dead["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(dead["responseContext"]["functionError"], "Unhandled");
    assert_eq!(
        dead["DDBStreamBatchInfo"]["startSequenceNumber"],
        sequence_of(&world.functions.seen()[0], 3)
    );
}

#[tokio::test]
async fn being_throttled_is_not_failing() {
    let throttled = (0..5).map(|_| Err(InvokeError::Throttled));
    let world = World::new(
        StreamMapping { retries: Some(0), ..mapping() },
        Scripted::with(throttled),
        FOUR,
    );
    assert_eq!(world.end().await.len(), 6);
    assert_eq!(world.dead().await, Vec::<Json>::new());
}

#[tokio::test]
async fn records_that_are_too_old_are_given_up() {
    let oldest =
        StreamMapping { retries: None, maximum_age: Some(Duration::from_secs(2)), ..mapping() };
    let world = World::new(oldest, allergic(2), &FOUR[..2]);
    world.end().await;
    let [dead] = world.dead().await.try_into().unwrap();
    assert_eq!(dead["requestContext"]["condition"], "RecordAgeExceeded");
    assert!(world.functions.seen().len() > 1);
}

#[tokio::test]
async fn a_filter_lets_through_what_fits() {
    let filters = Filters::parse(&[r#"{"dynamodb": {"Keys": {"n": {"N": ["2", "4"]}}}}"#]).unwrap();
    let world = World::new(StreamMapping { filters, ..mapping() }, Scripted::with([]), FOUR);
    assert_eq!(world.end().await, [vec![2, 4]]);
}

#[tokio::test]
async fn latest_begins_with_what_comes() {
    let world =
        World::new(StreamMapping { start: Start::Latest, ..mapping() }, Scripted::with([]), FOUR);
    put(world.aws.dynamodb.database(), "b", 5);
    assert_eq!(world.end().await, [vec![5]]);
}

/// Lambda promises order for an item, not for all items of a partition key.
#[tokio::test]
async fn items_keep_their_order_and_do_not_wait_for_each_other() {
    let aws = aws(None);
    for version in 1..=5 {
        (0..8).for_each(|n| put_version(aws.dynamodb.database(), n, version));
    }
    let versions = |functions: &Scripted, item: u32| -> Vec<u64> {
        let seen = functions.seen();
        let records = seen.iter().flat_map(|event| event["Records"].as_array().unwrap());
        let of_item = records.filter(|record| number(record) == item);
        of_item
            .map(|record| {
                record["dynamodb"]["NewImage"]["v"]["N"].as_str().unwrap().parse().unwrap()
            })
            .collect()
    };
    // One item never works and is tried for ever. The others, those in its
    // worker excepted, arrive nevertheless.
    let functions =
        Scripted::by(
            |event| if numbers(event).contains(&3) { error() } else { answer(&Json::Null) },
        );
    let parallel = StreamMapping { parallelization: 10, batch_size: 5, retries: None, ..mapping() };
    let world = World::with_checkpoint(aws, parallel, functions, None);
    let worker = |n: u32| {
        worker_for(
            &json!({ "dynamodb": { "Keys": { "id": { "S": "a" }, "n": { "N": n.to_string() } } } }),
            10,
        )
    };
    let free: Vec<u32> = (0..8).filter(|n| worker(*n) != worker(3)).collect();
    assert!(!free.is_empty());
    let all_arrived = async {
        while versions(&world.functions, 3).is_empty()
            || !free.iter().all(|n| versions(&world.functions, *n).len() == 5)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_arrived)
        .await
        .expect("one item's trouble stops others");
    for item in free {
        assert_eq!(versions(&world.functions, item), [1, 2, 3, 4, 5], "item {item}");
    }
}

fn put_version(database: &Database, n: u32, version: u32) {
    let item = json!({ "id": { "S": "a" }, "n": { "N": n.to_string() }, "v": { "N": version.to_string() } });
    let request = json!({ "TableName": "rows", "Item": item });
    database.put_item(serde_json::from_value(request).unwrap()).unwrap();
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let aws = aws(None);
    put(aws.dynamodb.database(), "a", 1);
    let world =
        World::with_checkpoint(aws.clone(), mapping(), Scripted::with([]), Some(folder.path()));
    assert_eq!(world.end().await, [vec![1]]);
    drop(world);
    put(aws.dynamodb.database(), "a", 2);
    // This one never gets anywhere, so what it reads isn't done.
    let world = World::with_checkpoint(
        aws.clone(),
        StreamMapping { retries: None, ..mapping() },
        allergic(2),
        Some(folder.path()),
    );
    world.functions.after(2).await;
    drop(world);
    let world = World::with_checkpoint(aws, mapping(), Scripted::with([]), Some(folder.path()));
    assert_eq!(world.end().await, [vec![2]]);
}

#[tokio::test]
async fn a_window_waits_for_company() {
    let window = StreamMapping { window: Duration::from_secs(60), batch_size: 3, ..mapping() };
    let world = World::new(window, Scripted::with([]), &FOUR[..2]);
    tokio::task::yield_now().await;
    put(world.aws.dynamodb.database(), "a", 3);
    assert_eq!(world.end().await, [vec![1, 2, 3]]);
}
