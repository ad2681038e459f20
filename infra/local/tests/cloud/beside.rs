//! Somebody's own stack runs beside Hongyan's, from a template of its own.

use std::path::PathBuf;

use hongyan_local::{Cloud, Options, aws::buses::Entry};
use serde_json::json;

use crate::place::{Place, eventually, function};

const EVENTS: &str = "
      Environment: { Variables: { ISSUER: !Ref Issuer } }
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /own } }
        Mail: { Type: SQS, Properties: { Queue: !GetAtt Mail.Arn } }
        Bus: { Type: EventBridgeRule, Properties: { EventBusName: !Ref Bus, Pattern: { source: [hongyan] } } }
  Api: { Type: AWS::Serverless::HttpApi }
  Mail: { Type: AWS::SQS::Queue, Properties: { QueueName: own-mail } }
Parameters:
  Issuer: { Type: String }
  Bus: { Type: String, Default: default }
";

/// Hongyan's stack, with a function `one`, and a folder `own` beside it with `text` for
/// a template.
fn place(own: &str) -> (Place, Options) {
    let place = Place::new(&["one", "two"], &function("one", ""));
    let mut options = place.options();
    options.also = vec![write(&place, own)];
    (place, options)
}

fn write(place: &Place, text: &str) -> PathBuf {
    let folder = place.folder.path().join("own");
    std::fs::create_dir_all(&folder).unwrap();
    let head = "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    Runtime: provided.al2023\nResources:\n";
    std::fs::write(folder.join("template.yaml"), format!("{head}{text}")).unwrap();
    folder.join("template.yaml")
}

#[tokio::test]
async fn it_has_its_own_door_and_shares_everything_else() {
    let (place, mut options) = place(&function("two", EVENTS));
    options.parameters.insert("Bus".to_owned(), "notices".to_owned());
    let cloud = Cloud::start(options).await.unwrap();
    let [(stack, api)] = cloud.apis() else { panic!("{:?}", cloud.apis()) };
    assert_eq!(stack, "own");
    let get = async |address: std::net::SocketAddr| {
        let client = shared::http::HttpClient::new().client();
        let answer = client.get(format!("http://{address}/own")).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!((get(*api).await, get(cloud.http()).await), (200, 404));
    let ended = || place.lines().iter().filter(|line| line.starts_with("two: END")).count();
    assert_eq!(ended(), 1);

    cloud.aws.queues.send("own-mail", "hello".to_owned()).unwrap();
    cloud.idle().await.unwrap();
    assert_eq!(ended(), 2);

    for (bus, source, times) in
        [("notices", "hongyan", 3), ("default", "hongyan", 3), ("notices", "shop", 3)]
    {
        let (source, detail_type) = (source.to_owned(), "a test".to_owned());
        let entry = Entry { source, detail_type, resources: Vec::new(), detail: json!({}) };
        cloud.aws.buses.put(bus, vec![entry]).unwrap();
        cloud.idle().await.unwrap();
        assert_eq!(ended(), times, "{bus}, from {source}", source = "it");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn its_binaries_may_be_where_cargo_puts_them() {
    let place = Place::new(&["one"], &function("one", ""));
    let own = place.folder.path().join("own");
    std::fs::create_dir_all(own.join("target/debug")).unwrap();
    std::os::unix::fs::symlink(
        std::fs::read_link(place.folder.path().join("one")).unwrap(),
        own.join("target/debug/two"),
    )
    .unwrap();
    let two = function("two", "").replace("two/", "target/lambda/two/bootstrap.zip");
    let mut options = place.options();
    options.also = vec![write(&place, &two)];
    let cloud = Cloud::start(options).await.unwrap();
    let answer = cloud.invoke("two", &json!({ "print": "here" })).await.unwrap();
    assert_eq!(answer["event"], json!({ "print": "here" }));
    eventually(|| place.lines().contains(&"two: here".to_owned())).await;
    cloud.stop().await;
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let refused = async |own: &str, parameter: Option<&str>| {
        let (_place, mut options) = place(own);
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
