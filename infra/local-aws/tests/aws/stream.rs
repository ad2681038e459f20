use serde_json::{Value, json};

use crate::dynamodb::{key, letters, number};
use crate::endpoint::Endpoint;

/// Asks the streams API, for which there is no SDK client here.
async fn call(endpoint: &Endpoint, operation: &str, body: &Value) -> Value {
    let request = endpoint.client().post(&endpoint.url);
    let request = request
        .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20261120T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        );
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{operation}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn put(client: &aws_sdk_dynamodb::Client, id: &str, n: u64) {
    let put = client.put_item().table_name("letters").set_item(Some(key("ann", id)));
    put.item("n", number(n)).send().await.unwrap();
}

fn ids(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["dynamodb"]["Keys"]["id"]["S"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn records_come_in_order_and_as_lambda_hands_them_on() {
    let endpoint = Endpoint::start().await;
    let dynamodb = &endpoint.aws.dynamodb;
    dynamodb.create_table(&letters()).unwrap();
    let client = endpoint.dynamodb();
    for n in 0..30 {
        put(&client, &format!("{n:02}"), n).await;
    }
    put(&client, "00", 77).await;
    let delete = client.delete_item().table_name("letters").set_key(Some(key("ann", "01")));
    delete.send().await.unwrap();

    let mut position = dynamodb.stream_position("letters").unwrap();
    let mut all = Vec::new();
    loop {
        let (records, next) = dynamodb.stream_records("letters", &position, 10).unwrap();
        assert!(records.len() <= 10);
        if next == position {
            break;
        }
        assert!(next > position);
        position = next;
        all.extend(records);
    }
    let mut expected: Vec<String> = (0..30).map(|n| format!("{n:02}")).collect();
    expected.extend(["00".to_owned(), "01".to_owned()]);
    assert_eq!(ids(&all), expected);
    let names: Vec<_> = all.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names[28..], ["INSERT", "INSERT", "MODIFY", "REMOVE"]);

    let modified = &all[30];
    let arn = dynamodb.stream_arn("letters").unwrap();
    assert!(arn.starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/letters/stream/"));
    assert_eq!(modified["eventSourceARN"], json!(arn));
    assert_eq!(modified["awsRegion"], "us-east-1");
    assert_eq!(modified["eventSource"], "aws:dynamodb");
    assert_eq!(modified["dynamodb"]["OldImage"]["n"], json!({"N": "0"}));
    assert_eq!(modified["dynamodb"]["NewImage"]["n"], json!({"N": "77"}));
    assert_eq!(modified["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let sequence = all.last().unwrap()["dynamodb"]["SequenceNumber"].as_str().unwrap();
    assert_eq!(sequence, position.to_string());
    let parsed = serde_json::from_value(json!(sequence)).unwrap();
    assert_eq!(position, parsed);
}

#[tokio::test]
async fn a_write_that_changes_nothing_has_no_record_but_moves_the_position() {
    let endpoint = Endpoint::start().await;
    let dynamodb = &endpoint.aws.dynamodb;
    dynamodb.create_table(&letters()).unwrap();
    let client = endpoint.dynamodb();
    put(&client, "1", 1).await;
    let start = dynamodb.stream_position("letters").unwrap();
    let (records, position) = dynamodb.stream_records("letters", &start, 10).unwrap();
    assert_eq!(records.len(), 1);

    put(&client, "1", 1).await;
    let (records, after) = dynamodb.stream_records("letters", &position, 10).unwrap();
    assert!(records.is_empty(), "{records:?}");
    assert!(after > position);

    // Clients see the same.
    let stream = dynamodb.stream_arn("letters").unwrap();
    let described = call(&endpoint, "DescribeStream", &json!({"StreamArn": stream})).await;
    let shard = &described["StreamDescription"]["Shards"][0];
    assert!(shard["SequenceNumberRange"].get("EndingSequenceNumber").is_none(), "{shard}");
    let iterator = json!({
        "StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = call(&endpoint, "GetShardIterator", &iterator).await;
    let iterator = json!({"ShardIterator": iterator["ShardIterator"]});
    let read = call(&endpoint, "GetRecords", &iterator).await;
    let records = read["Records"].as_array().unwrap();
    assert_eq!(ids(records), ["1"]);
    assert_eq!(records[0]["awsRegion"], "us-east-1");
}

#[tokio::test]
async fn a_table_made_anew_has_none_of_the_old_ones_records() {
    let endpoint = Endpoint::start().await;
    let dynamodb = &endpoint.aws.dynamodb;
    dynamodb.create_table(&letters()).unwrap();
    let client = endpoint.dynamodb();
    put(&client, "old", 1).await;
    let start = dynamodb.stream_position("letters").unwrap();
    let (_, old) = dynamodb.stream_records("letters", &start, 10).unwrap();
    let old_arn = dynamodb.stream_arn("letters").unwrap();

    client.delete_table().table_name("letters").send().await.unwrap();
    assert_eq!(dynamodb.stream_arn("letters"), None);
    assert!(dynamodb.stream_records("letters", &old, 10).is_err());
    dynamodb.create_table(&letters()).unwrap();
    put(&client, "new", 1).await;

    for position in [dynamodb.stream_position("letters").unwrap(), start, old] {
        let (records, _) = dynamodb.stream_records("letters", &position, 10).unwrap();
        assert_eq!(ids(&records), ["new"]);
    }
    let arn = dynamodb.stream_arn("letters").unwrap();
    assert_ne!(arn, old_arn);
    let iterator = json!({
        "StreamArn": arn,
        "ShardId": "shardId-00000001-letters",
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = call(&endpoint, "GetShardIterator", &iterator).await;
    let iterator = json!({"ShardIterator": iterator["ShardIterator"]});
    let read = call(&endpoint, "GetRecords", &iterator).await;
    assert_eq!(ids(read["Records"].as_array().unwrap()), ["new"]);
}
