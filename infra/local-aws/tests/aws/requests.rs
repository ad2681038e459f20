use crate::endpoint::Endpoint;

const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0",
);

#[tokio::test]
async fn a_web_page_can_do_nothing_here() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.client();
    // What a form or a simple `fetch` may send to anyone.
    let invoke = format!("{}/2015-03-31/functions/greet/invocations", endpoint.url);
    let answer = client.post(&invoke).header("origin", "https://evil.example").send().await;
    assert_eq!(answer.unwrap().status(), 403);
    // What a page can send whose name was made to point at this machine.
    let answer = client.post(&invoke).header("host", "evil.example").header(SIGNED.0, SIGNED.1);
    assert_eq!(answer.send().await.unwrap().status(), 403);
    assert!(endpoint.functions.payloads.lock().unwrap().is_empty());
    // What a browser asks before it sends more; nothing here allows it.
    let options = client.request(reqwest::Method::OPTIONS, &endpoint.url);
    let answer = options.header("origin", "https://evil.example").send().await.unwrap();
    assert!(!answer.status().is_success());
    assert!(answer.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn caller_identity_is_answered() {
    let endpoint = Endpoint::start().await;
    let ask = endpoint.client().post(&endpoint.url).header(SIGNED.0, SIGNED.1);
    let answer = ask.body("Action=GetCallerIdentity&Version=2011-06-15").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("<Account>000000000000</Account>"), "{text}");
}

#[tokio::test]
async fn unknown_service_is_answered_with_the_known_ones() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.client();
    let ask = |target: &str, body: &str| {
        client
            .post(&endpoint.url)
            .header(SIGNED.0, SIGNED.1)
            .header("x-amz-target", target)
            .body(body.to_owned())
            .send()
    };
    for (target, said) in [
        ("secretsmanager.GetSecretValue", "SSM Parameter Store"),
        ("AmazonSSM.SendCommand", "PutParameter"),
        ("AmazonSQS.TagQueue", "without tags"),
    ] {
        let answer = ask(target, "{}").await.unwrap();
        assert_eq!(answer.status(), 400, "{target}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(said), "{target}: {text}");
    }
    let query = client.post(&endpoint.url).header(SIGNED.0, SIGNED.1).body("Action=ListUsers");
    assert!(query.send().await.unwrap().text().await.unwrap().contains("InvalidAction"));
    let older = "Action=SendMessage&QueueUrl=letters&MessageBody=x&Version=2012-11-05";
    let queue = format!("{}/000000000000/letters", endpoint.url);
    for url in [&endpoint.url, &queue] {
        let query = client.post(url).header(SIGNED.0, SIGNED.1).body(older);
        let answer = query.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains("AWS JSON protocol only") && text.contains("update"), "{text}");
    }
}

#[tokio::test]
async fn garbage_is_refused_and_never_repeated() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.client();
    let deep = "[".repeat(100_000);
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "\u{0}",
        r#"{"Name": 1}"#,
        r#"{"Value": "hunter2", "Name": ["hunter2"]}"#,
        &deep,
    ];
    for target in [
        "AmazonSSM.PutParameter",
        "AmazonSSM.GetParameters",
        "AmazonSQS.SendMessage",
        "AmazonSQS.SendMessageBatch",
        "AmazonSQS.ReceiveMessage",
        "DynamoDB_20120810.PutItem",
        "DynamoDB_20120810.CreateTable",
        "DynamoDBStreams_20120810.GetRecords",
    ] {
        for body in bodies {
            let ask = client.post(&endpoint.url).header(SIGNED.0, SIGNED.1);
            let ask = ask.header("x-amz-date", "20261120T000000Z");
            let ask = ask.header("content-type", "application/x-amz-json-1.0");
            let answer = ask.header("x-amz-target", target).body(body.to_owned()).send().await;
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 400, "{target} {}", &body[..body.len().min(40)]);
            assert!(answer.headers().contains_key("x-amzn-requestid"));
            let text = answer.text().await.unwrap();
            assert!(!target.starts_with("AmazonS") || !text.contains("hunter2"), "{text}");
        }
    }
}
