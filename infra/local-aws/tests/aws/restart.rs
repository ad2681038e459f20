use std::os::unix::fs::PermissionsExt as _;

use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use aws_sdk_ssm::types::ParameterType;
use local_aws::services::{Aws, Error};

use crate::dynamodb::{key, letters, number};
use crate::endpoint::Endpoint;

/// Fault 102.
#[tokio::test]
async fn state_survives_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");

    let endpoint = Endpoint::keeping(&data).await;
    endpoint.aws.dynamodb.create_table(&letters()).unwrap();
    let put = endpoint.dynamodb().put_item().table_name("letters");
    put.set_item(Some(key("ann", "1"))).item("n", number(1)).send().await.unwrap();
    let put = endpoint.ssm().put_parameter().name("/app/secret").value("hush");
    put.r#type(ParameterType::SecureString).send().await.unwrap();
    endpoint.sqs().create_queue().queue_name("work").send().await.unwrap();
    let url = format!("{}/000000000000/work", endpoint.url);
    endpoint.sqs().send_message().queue_url(url).message_body("hello").send().await.unwrap();
    let stream = endpoint.aws.dynamodb.stream_arn("letters");
    let position = endpoint.aws.dynamodb.stream_position("letters").unwrap();
    endpoint.stop().await;

    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
    }
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);

    let endpoint = Endpoint::keeping(&data).await;
    endpoint.aws.dynamodb.create_table(&letters()).unwrap();
    assert_eq!(endpoint.aws.dynamodb.stream_arn("letters"), stream);
    let (records, _) = endpoint.aws.dynamodb.stream_records("letters", &position, 10).unwrap();
    assert_eq!(records.len(), 1);
    let got = endpoint.dynamodb().get_item().table_name("letters");
    let got = got.set_key(Some(key("ann", "1"))).send().await.unwrap();
    assert_eq!(got.item().unwrap()["n"], number(1));
    assert_eq!(endpoint.aws.parameters.get("/app/secret").as_deref(), Some("hush"));
    assert_eq!(endpoint.aws.queues.length("work"), Some(1));
    endpoint.stop().await;
}

/// An acknowledged write survives the process being killed right after.
#[tokio::test]
async fn acknowledged_write_is_in_the_files_at_once() {
    let home = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::keeping(home.path()).await;
    let put = endpoint.ssm().put_parameter().name("a").value("1").r#type(ParameterType::String);
    put.send().await.unwrap();
    endpoint.sqs().create_queue().queue_name("work").send().await.unwrap();
    let url = format!("{}/000000000000/work", endpoint.url);
    endpoint.sqs().send_message().queue_url(url).message_body("hello").send().await.unwrap();

    // The files as a killed process would leave them.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(home.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let aws = Aws::open(Some(copy.path())).unwrap();
    assert_eq!(aws.parameters.get("a").as_deref(), Some("1"));
    assert_eq!(aws.queues.length("work"), Some(1));
    aws.close().await;
    endpoint.stop().await;
}

#[tokio::test]
async fn a_data_folder_is_one_processes_own() {
    let home = tempfile::tempdir().unwrap();
    let first = Aws::open(Some(home.path())).unwrap();
    let second = Aws::open(Some(home.path())).err().unwrap();
    assert!(matches!(second, Error::InUse(_)), "{second}");
    first.close().await;
    Aws::open(Some(home.path())).unwrap().close().await;
}

/// Fault 104.
#[tokio::test]
async fn unsaved_change_is_refused_and_undone() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let endpoint = Endpoint::keeping(&data).await;
    let put = async |name: &str, value: &str| {
        let put = endpoint.ssm().put_parameter().name(name).value(value).overwrite(true);
        put.r#type(ParameterType::String).send().await
    };
    put("a", "1").await.unwrap();
    endpoint.sqs().create_queue().queue_name("work").send().await.unwrap();
    // Also as root nothing can be written into a folder that is gone.
    std::fs::rename(&data, home.path().join("gone")).unwrap();

    let error = put("a", "2").await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InternalServerError"));
    put("b", "1").await.unwrap_err();
    assert_eq!(endpoint.aws.parameters.get("a").as_deref(), Some("1"));
    assert_eq!(endpoint.aws.parameters.get("b"), None);
    let url = format!("{}/000000000000/work", endpoint.url);
    let send = endpoint.sqs().send_message().queue_url(&url).message_body("hello");
    send.clone().send().await.unwrap_err();
    assert_eq!(endpoint.aws.queues.length("work"), Some(0));

    std::fs::rename(home.path().join("gone"), &data).unwrap();
    put("a", "3").await.unwrap();
    send.send().await.unwrap();
    assert_eq!(endpoint.aws.queues.length("work"), Some(1));
    endpoint.stop().await;
}
