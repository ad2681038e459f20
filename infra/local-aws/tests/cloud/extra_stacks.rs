//! An extra stack runs beside the first one, from a template of its own.

use std::path::PathBuf;

use local_aws::{Cloud, Options, eventbridge::buses::Entry};
use serde_json::json;

use crate::test_stack::{TestStack, client, eventually, function};

const EVENTS: &str = "
      Environment: { Variables: { ISSUER: !Ref Issuer } }
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /own } }
        Mail: { Type: SQS, Properties: { Queue: !GetAtt Mail.Arn } }
        Bus: { Type: EventBridgeRule, Properties: { EventBusName: !Ref Bus, Pattern: { source: [orders] } } }
  Api: { Type: AWS::Serverless::HttpApi }
  Mail: { Type: AWS::SQS::Queue, Properties: { QueueName: own-mail } }
Parameters:
  Issuer: { Type: String }
  Bus: { Type: String, Default: default }
";

/// A first stack, with a function `one`, and a folder `own` beside it with `text` for
/// a template.
fn with_extra_stack(own: &str) -> (TestStack, Options) {
    let stack = TestStack::new(&["one", "two"], &function("one", ""));
    let mut options = stack.options();
    options.extra_stacks = vec![write(&stack, own)];
    let issuer = ("Issuer".to_owned(), "http://127.0.0.1".to_owned());
    options.parameter_defaults.extend([issuer]);
    (stack, options)
}

fn write(stack: &TestStack, text: &str) -> PathBuf {
    let folder = stack.folder.path().join("own");
    std::fs::create_dir_all(&folder).unwrap();
    let head = "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    Runtime: provided.al2023\nResources:\n";
    std::fs::write(folder.join("template.yaml"), format!("{head}{text}")).unwrap();
    folder.join("template.yaml")
}

#[tokio::test]
async fn extra_stack_has_its_own_api_and_shares_the_rest() {
    let (stack, mut options) = with_extra_stack(&function("two", EVENTS));
    options.parameters.insert("Bus".to_owned(), "notices".to_owned());
    let cloud = Cloud::start(options).await.unwrap();
    let [(name, api)] = cloud.apis() else { panic!("{:?}", cloud.apis()) };
    assert_eq!(name, "own");
    let get = async |address: std::net::SocketAddr| {
        let client = client();
        let answer = client.get(format!("http://{address}/own")).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!((get(*api).await, get(cloud.http()).await), (200, 404));
    let ended = || stack.lines().iter().filter(|line| line.starts_with("two: END")).count();
    assert_eq!(ended(), 1);

    cloud.aws.queues.send("own-mail", "hello".to_owned()).unwrap();
    cloud.idle().await;
    assert_eq!(ended(), 2);

    for (bus, source, times) in
        [("notices", "orders", 3), ("default", "orders", 3), ("notices", "shop", 3)]
    {
        let (source, detail_type) = (source.to_owned(), "a test".to_owned());
        let entry = Entry { source, detail_type, resources: Vec::new(), detail: json!({}) };
        cloud.aws.buses.put(bus, vec![entry]).unwrap();
        cloud.idle().await;
        assert_eq!(ended(), times, "{bus}, from {source}", source = "it");
    }
}

#[tokio::test]
async fn binaries_of_an_extra_stack_are_found_in_target_debug() {
    let stack = TestStack::new(&["one"], &function("one", ""));
    let own = stack.folder.path().join("own");
    std::fs::create_dir_all(own.join("target/debug")).unwrap();
    std::os::unix::fs::symlink(
        std::fs::read_link(stack.folder.path().join("one")).unwrap(),
        own.join("target/debug/two"),
    )
    .unwrap();
    let two = function("two", "").replace("two/", "target/lambda/two/bootstrap.zip");
    let mut options = stack.options();
    options.extra_stacks = vec![write(&stack, &two)];
    let cloud = Cloud::start(options).await.unwrap();
    let answer = cloud.invoke("two", &json!({ "print": "here" })).await.unwrap();
    assert_eq!(answer["event"], json!({ "print": "here" }));
    eventually(|| stack.lines().contains(&"two: here".to_owned())).await;
}

#[tokio::test]
async fn conflicting_stacks_are_refused() {
    let refused = async |own: &str, parameter: Option<&str>| {
        let (_stack, mut options) = with_extra_stack(own);
        options.parameters.extend(parameter.map(|name| (name.to_owned(), "x".to_owned())));
        Cloud::start(options).await.map(drop).unwrap_err().to_string()
    };
    let same = function("one", "").replace("one/", "two/");
    let error = refused(&same, None).await;
    assert!(error.ends_with("own/template.yaml: there is a function called one already, of another template: call it otherwise"), "{error}");
    let error = refused(&function("two", "").replace("two/", "one/"), None).await;
    assert!(error.contains("a binary called one"), "{error}");
    let error = refused(&function("two", ""), Some("Bus")).await;
    assert!(error.contains("there is no parameter `Bus` to set"), "{error}");
    let error = refused(&function("three", ""), None).await;
    assert!(error.contains("three, the binary of three, doesn't exist"), "{error}");
    let error = refused(&function("two", "      Layers: [a]\n"), None).await;
    assert!(error.contains("own/template.yaml:") && error.contains("`Layers`"), "{error}");
}
