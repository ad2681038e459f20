//! Where the tool finds a deployment, and what it says if it doesn't.

use crate::world::World;
use local_aws::services::Fault;
use serde_json::json;

/// A profile, as `aws configure` writes it, and how it is found.
fn profile(world: &World, more: &str) -> (tempfile::TempDir, Vec<(&'static str, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let text = format!(
        "[profile work]\nregion = us-east-1\nendpoint_url = http://{}\n{more}\n",
        world.cloud.aws()
    );
    std::fs::write(&config, text).unwrap();
    let nowhere = folder.path().join("none").display().to_string();
    let environment = vec![
        ("AWS_CONFIG_FILE", config.display().to_string()),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    (folder, environment)
}

#[tokio::test]
async fn profile_selects_its_deployment() {
    let world = World::start().await;
    let keys = "aws_access_key_id = any\naws_secret_access_key = any";
    let (_folder, environment) = profile(&world, keys);
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let list = ["--profile", "work", "--stage", "local", "--json", "app", "list"];
    let listed = world.hongyan_as(&list, &environment, "").await.json();
    assert_eq!(listed["apps"][0]["app"], "shop");

    // Programs that print credentials are asked as well.
    let program =
        r#"credential_process = echo '{"Version":1,"AccessKeyId":"any","SecretAccessKey":"any"}'"#;
    let (_folder, asked) = profile(&world, program);
    let mut asked: Vec<_> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
    asked.push(("PATH", "/usr/bin:/bin"));
    world.hongyan_as(&list, &asked, "").await.json();

    let missing = ["--profile", "work", "--json", "next"];
    let said = world.hongyan_as(&missing, &environment, "").await;
    let (kind, words) = said.error();
    assert_eq!((said.status, kind.as_str()), (3, "not_deployed"));
    assert!(words.contains("stage prod") && words.contains("make deploy STAGE=prod"), "{words}");
}

#[tokio::test]
async fn missing_deployment_is_reported() {
    let world = World::start().await;
    let (_folder, environment) = profile(&world, "");
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = world.hongyan_as(&["--json", "app", "list"], &environment, "").await;
    assert_eq!((said.status, said.error().0.as_str()), (3, "region"));
    let said =
        world.hongyan_as(&["--json", "--profile", "work", "app", "list"], &environment, "").await;
    let (kind, words) = said.error();
    assert_eq!((said.status, kind.as_str()), (3, "credentials"), "{words}");
    assert!(words.contains("aws sso login"), "{words}");
    let said = world.hongyan_as(&["--json", "app", "lsit"], &environment, "").await;
    assert_eq!((said.status, said.error().0.as_str()), (2, "usage"));
    let said = world.hongyan_as(&["--local=http://127.0.0.1:1", "--json", "next"], &[], "").await;
    assert_eq!((said.status, said.error().0.as_str()), (1, "unavailable"), "{said:?}");
}

#[tokio::test]
async fn throttled_call_is_retried_and_denied_call_names_its_permission() {
    let world = World::start().await;
    let throttle = Fault::new("ssm", "GetParameter").refuse("ThrottlingException").times(2);
    let fault = world.cloud.aws.faults.inject(throttle).unwrap();
    world.hongyan(&["next"], "").await.json();
    fault.has_fired(2).await;
    let deny = Fault::new("ssm", "GetParametersByPath").refuse("AccessDeniedException");
    let fault = world.cloud.aws.faults.inject(deny).unwrap();
    let said = world.hongyan(&["app", "list"], "").await;
    let (kind, words) = said.error();
    assert_eq!((said.status, kind.as_str()), (3, "access_denied"), "{said:?}");
    assert!(words.contains("ssm:GetParametersByPath on /hongyan/local/"), "{words}");
    fault.cancel();
}

#[tokio::test]
async fn next_prints_the_next_step() {
    let world = World::start().await;
    let told = world.hongyan(&["next"], "").await.json();
    assert_eq!(told["api"], world.url(""));
    let url = world.url("/callback/shop/…");
    assert_eq!(told["callbacks"][0], json!({ "app": "shop", "url": url }));
    assert_eq!(told["next"].as_array().unwrap().len(), 3);
    let words = world.hongyan_in_words(&["next"], "").await;
    assert!(words.out.contains("hongyan doctor"), "{words:?}");
}
