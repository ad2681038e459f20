//! The template decides what is open, and what feeds a function.

use serde_json::{Value, json};

use crate::test_stack::{ROWS, TestStack, eventually, function};

/// Speaks plain HTTP/1.1 over a socket, so that nothing adds or hides anything.
async fn http(address: std::net::SocketAddr, request: &str) -> (u16, Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn post(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x.localhost\r\nContent-Type: text/xml\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<x/>"
    )
}

#[tokio::test]
async fn routes_follow_the_template() {
    let route = |path: &str| {
        function(
            "one",
            &format!(
                "      Events:\n        Push: {{ Type: HttpApi, Properties: {{ Method: POST, Path: \"{path}\" }} }}\n"
            ),
        )
    };
    let stack = TestStack::new(&["one"], &route("/callback/{app}"));
    let cloud = stack.start().await;
    let (status, event) = http(cloud.http(), &post("/callback/shop?a=1")).await;
    assert_eq!(status, 200);
    assert_eq!(event["routeKey"], "POST /callback/{app}");
    assert_eq!(event["pathParameters"], json!({ "app": "shop" }));
    assert_eq!(event["headers"]["host"], "localhost");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("<x/>"), &json!(false)));
    cloud.stop().await;

    stack.write(&route("/hooks/{app}"));
    let cloud = stack.start().await;
    assert_eq!(http(cloud.http(), &post("/callback/shop")).await.0, 404);
    assert_eq!(http(cloud.http(), &post("/hooks/shop")).await.0, 200);
}

const FED: &str = "
      Events:
        Clock: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 hour), Input: '{\"print\": \"tick\"}' } }
        Mail: { Type: SQS, Properties: { Queue: !GetAtt Mail.Arn } }
        Rows:
          Type: DynamoDB
          Properties: { Stream: !GetAtt Rows.StreamArn, StartingPosition: TRIM_HORIZON }
  Mail: { Type: AWS::SQS::Queue, Properties: { QueueName: mail } }
";

#[tokio::test]
async fn the_clock_a_queue_and_a_table_feed_a_function() {
    let stack = TestStack::new(&["one"], &(function("one", FED) + ROWS));
    let mut options = stack.options();
    options.data = Some(stack.folder.path().join("data"));
    let cloud = local_aws::Cloud::start(options.clone()).await.unwrap();
    eventually(|| stack.lines().contains(&"one: tick".to_owned())).await;
    let ended = || stack.lines().iter().filter(|line| line.starts_with("one: END")).count();

    cloud.idle().await;
    assert_eq!(ended(), 1);
    cloud.aws.queues.send("mail", "hello".to_owned()).unwrap();
    cloud.idle().await;
    assert_eq!((ended(), cloud.aws.queues.length("mail")), (2, Some(0)));

    put(&cloud, "a").await;
    cloud.idle().await;
    assert_eq!(ended(), 3);
    cloud.stop().await;

    // What is done isn't done again after a restart, what is new is.
    let cloud = local_aws::Cloud::start(options).await.unwrap();
    eventually(|| ended() == 4).await; // the clock
    cloud.idle().await;
    assert_eq!(ended(), 4);
    put(&cloud, "b").await;
    cloud.idle().await;
    assert_eq!(ended(), 5);
}

const PIPED: &str = "  Pipe:
    Type: AWS::Pipes::Pipe
    Condition: Forwards
    Properties:
      RoleArn: !GetAtt PipeRole.Arn
      Source: !GetAtt Rows.StreamArn
      SourceParameters:
        DynamoDBStreamParameters: { StartingPosition: LATEST, BatchSize: 10 }
      Enrichment: !GetAtt one.Arn
      Target: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${Bus}
      TargetParameters:
        EventBridgeEventBusParameters: { Source: rows, DetailType: A row }
  PipeRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: { Statement: { Effect: Allow, Principal: { Service: pipes.amazonaws.com }, Action: 'sts:AssumeRole' } }
      Policies: [{ PolicyName: all, PolicyDocument: { Statement: { Effect: Allow, Action: ['dynamodb:*', 'events:*', 'lambda:*'], Resource: '*' } } }]
Parameters:
  Bus: { Type: String, Default: '' }
Conditions:
  Forwards: !Not [!Equals [!Ref Bus, '']]
";

#[tokio::test]
async fn a_pipe_forwards_what_its_function_makes_of_records_if_there_is_a_bus() {
    let stack = TestStack::new(&["one"], &(function("one", "") + ROWS + PIPED));
    let cloud = stack.start().await;
    put(&cloud, "a").await;
    cloud.idle().await;
    assert!(cloud.aws.buses.list().is_empty());
    cloud.stop().await;

    let mut options = stack.options();
    options.parameters.insert("Bus".to_owned(), "shop/orders".to_owned());
    let cloud = local_aws::Cloud::start(options).await.unwrap();
    for id in ["b", "c"] {
        put(&cloud, id).await;
    }
    cloud.idle().await;
    let ask = |method: &str, path: &str| {
        let request = format!(
            "{method} /_local/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let address = cloud.aws();
        async move { http(address, &request).await }
    };
    let (status, answer) = ask("GET", "buses/shop/orders").await;
    let events = cloud.aws.buses.events("shop/orders");
    assert_eq!((status, &answer), (200, &json!({ "events": events })));
    let ids: Vec<_> = events
        .iter()
        .map(|event| &event["detail"]["record"]["dynamodb"]["Keys"]["id"]["S"])
        .collect();
    assert_eq!(ids, ["b", "c"]);
    assert_eq!(
        (&events[0]["source"], &events[0]["detail-type"]),
        (&json!("rows"), &json!("A row"))
    );
    assert_eq!(ask("GET", "buses").await.1, json!({ "buses": { "shop/orders": 2 } }));
    assert_eq!(ask("DELETE", "buses/shop/orders").await.1, json!({ "cleared": 2 }));
    assert!(cloud.aws.buses.events("shop/orders").is_empty());
}

/// Puts a row the way a client does: signed or not, an `Authorization` is asked for.
async fn put(cloud: &local_aws::Cloud, id: &str) {
    let body = json!({ "TableName": "rows", "Item": { "id": { "S": id } } }).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20261120T000000Z\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = http(cloud.aws(), &request).await;
    assert_eq!(status, 200, "{answer}");
}
