//! The secret part of the callback URL.

use crate::callback::{Letter, shop, text};
use crate::world::World;
use local_aws::services::Fault;
use serde_json::json;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::url_key::{FIRST_VERSION, UrlSecret};
use wechat_sandbox::App;

/// The path of an app's callback URL with its key.
fn keyed(world: &World, alias: &str, version: u32) -> String {
    let secret = world.cloud.aws.parameters.get("/hongyan/local/url-secret").unwrap();
    let key = UrlSecret::new(Secret::new(secret)).unwrap().key(alias, version);
    format!("/callback/{alias}/{}", key.expose())
}

/// Posts a push of WeChat's: the status and the body of the response.
async fn post(world: &World, path: &str, letter: &Letter) -> (u16, String) {
    let url = world.url(&format!("{path}?{}", letter.query()));
    let response = world.client.post(url).body(letter.body()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn letter() -> Letter {
    Letter::new(&shop(), text("oAnn", "hello"))
}

#[tokio::test]
async fn wechat_pushes_to_the_url_with_the_key() {
    let world = World::start().await;
    world.phone("ann").follow("shop").await;
    let stored = |key| {
        let lines = world.lines();
        lines.iter().any(|line| line.contains("stored an event") && line.contains(key))
    };
    assert!(stored("has_key=true") && !stored("has_key=false"));
    // A URL from before there were keys.
    assert_eq!(post(&world, "/callback/shop", &letter()).await.0, 200);
    assert!(stored("has_key=false"));
}

/// Fault 98.
#[tokio::test]
async fn wrong_key_costs_no_lookup_and_tells_nothing() {
    let world = World::start().await;
    let right = keyed(&world, "shop", FIRST_VERSION);
    let key = right.rsplit('/').next().unwrap();
    assert_eq!(post(&world, &right, &letter()).await.0, 200);
    let callback = world.cloud.function("callback");
    let lookup = |service: &str, operation: &str| {
        let fault = Fault::new(service, operation).by(callback.clone());
        world.cloud.aws.faults.inject(fault.refuse("InternalServerError")).unwrap()
    };
    let lookups = [
        lookup("ssm", "GetParametersByPath"),
        lookup("ssm", "GetParameter"),
        lookup("dynamodb", "PutItem"),
    ];
    let fired = || lookups.iter().map(local_aws::services::FaultHandle::fired).sum::<u64>();
    let wrong = [
        "/callback/shop/1-0123456789abcdef0123456789abcdef".to_owned(),
        "/callback/shop/any".to_owned(),
        format!("/callback/shop/0{key}"),
        format!("/callback/shop-mini/{key}"),
        format!("/callback/unknown/{key}"),
        "/callback/unknown/any".to_owned(),
    ];
    // Until settings that lack an app would be read again.
    let until = Timestamp::now().plus(12);
    while Timestamp::now() < until {
        for path in &wrong {
            let (status, body) = post(&world, path, &letter()).await;
            assert_eq!((status, body.as_str()), (404, "there is no such app"), "{path}");
        }
    }
    assert_eq!(fired(), 0, "a request with a wrong key was looked up");
    assert_eq!(post(&world, "/callback/unknown", &letter()).await.0, 404);
    assert!(fired() > 0, "nothing would have been seen");
    world.idle().await;
    assert_eq!(world.aws.rows("events").await.len(), 1);
}

/// Fault 98.
#[tokio::test]
async fn url_without_a_key_is_refused_when_the_operator_says_so() {
    let world = World::with_parameters(&[("CallbackWithoutKey", "refused")]).await;
    let (status, body) = post(&world, "/callback/shop", &letter()).await;
    assert_eq!((status, body.as_str()), (404, "there is no such app"));
    assert_eq!(post(&world, "/callback/unknown", &letter()).await, (404, body));
    world.phone("ann").follow("shop").await;
    world.idle().await;
    assert_eq!(world.aws.rows("events").await.len(), 1, "WeChat knows the key");
    let lines = world.lines();
    assert!(lines.iter().any(|line| line.contains("no_key") && line.contains("127.0.0.1")));
}

/// Fault 99.
#[tokio::test]
async fn replaced_key_is_refused_and_the_new_one_needs_no_settings() {
    let world = World::start().await;
    let (first, second) = (keyed(&world, "shop", 1), keyed(&world, "shop", 2));
    // No function has read settings that name it.
    for path in [&first, &second] {
        assert_eq!(post(&world, path, &letter()).await.0, 200);
    }
    let mut settings = world.parameter("callback/shop");
    for (previous, status) in [(Some(1), 200), (None, 403)] {
        settings["url_version"] = json!(2);
        match previous {
            Some(previous) => settings["previous_url_version"] = json!(previous),
            None => drop(settings.as_object_mut().unwrap().remove("previous_url_version")),
        }
        world.set_parameter("callback/shop", &settings);
        world.cloud.kill(&world.cloud.function("callback")).await.unwrap();
        assert_eq!(post(&world, &first, &letter()).await.0, status, "{previous:?}");
        assert_eq!(post(&world, &second, &letter()).await.0, 200, "{previous:?}");
    }
    let mini = keyed(&world, "shop-mini", 1);
    let other =
        wechat_sandbox::example().apps.into_iter().find(|app: &App| app.alias == "shop-mini");
    let letter = Letter::new(&other.unwrap(), text("oAnn", "hello"));
    assert_eq!(post(&world, &mini, &letter).await.0, 200, "another app's is none of its business");
}
