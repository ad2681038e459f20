//! The limits of partition key values, as the SDK and clients of the control API see them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::ThrottlingException;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, PutRequest, TransactWriteItem, WriteRequest,
};
use local_aws::services::dynamodb::PartitionLimits;
use serde_json::{Value, json};
use std::collections::HashMap;

use crate::dynamodb::{key, letters, text};
use crate::endpoint::Endpoint;

/// One request exhausts a key, and nothing grows back while a test runs.
const ONE_REQUEST: PartitionLimits = PartitionLimits { write_units: 0.001, read_units: 0.001 };

const INDEX: &str = "letters/index/by-state";

async fn world() -> (Endpoint, Client) {
    let endpoint = Endpoint::start().await;
    endpoint.aws.dynamodb.create_table(&letters()).unwrap();
    let client = endpoint.dynamodb();
    // One attempt each.
    let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
    (endpoint, Client::from_conf(config))
}

fn letter(to: &str, id: &str, state: Option<&str>) -> HashMap<String, AttributeValue> {
    let mut letter = key(to, id);
    letter.extend(state.map(|state| ("state".to_owned(), text(state))));
    letter
}

async fn put(client: &Client, letter: HashMap<String, AttributeValue>) -> Result<(), Throttled> {
    let put = client.put_item().table_name("letters").set_item(Some(letter)).send().await;
    put.map(drop).map_err(|error| {
        let error = error.into_service_error();
        throttled(&error)
    })
}

/// Why, and the end of the resource's ARN.
#[derive(Debug, PartialEq)]
struct Throttled(String, String);

fn throttled(error: &(impl std::error::Error + ProvideErrorMetadata + 'static)) -> Throttled {
    assert_eq!(error.code(), Some("ThrottlingException"), "{error:?}");
    assert!(error.message().unwrap().contains("hot key"), "{error:?}");
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(exception) = error.downcast_ref::<ThrottlingException>() {
            let [reason] = exception.throttling_reasons() else { panic!("{exception:?}") };
            let resource = reason.resource().unwrap().split_once(":table/").unwrap().1;
            return Throttled(reason.reason().unwrap().to_owned(), resource.to_owned());
        }
        source = error.source();
    }
    panic!("no ThrottlingException: {error:?}")
}

fn with_reason(reason: &str, resource: &str) -> Result<(), Throttled> {
    Err(Throttled(format!("{reason}KeyRangeThroughputExceeded"), resource.to_owned()))
}

#[tokio::test]
async fn a_throttled_index_key_throttles_the_writes_of_its_table() {
    let (endpoint, client) = world().await;
    let partitions = endpoint.aws.dynamodb.partitions();
    // Nothing is limited at first.
    for id in ["1", "2"] {
        put(&client, letter("ann", id, Some("sent"))).await.unwrap();
    }
    partitions.limit(ONE_REQUEST);
    put(&client, letter("ann", "3", Some("open"))).await.unwrap();
    let hot = with_reason("IndexWrite", INDEX);
    assert_eq!(put(&client, letter("bob", "1", Some("open"))).await, hot);
    // The refused put took nothing from its own key.
    put(&client, letter("bob", "2", None)).await.unwrap();
    assert_eq!(put(&client, letter("bob", "3", None)).await, with_reason("TableWrite", "letters"));
    put(&client, letter("carl", "1", Some("read"))).await.unwrap();
    assert_eq!(partitions.throttled(), [("letters".to_owned(), 1), (INDEX.to_owned(), 1)].into());

    // An update that leaves the index alone is not throttled by it, one that doesn't is.
    partitions.limit(ONE_REQUEST);
    put(&client, letter("dora", "1", Some("open"))).await.unwrap();
    let update = |id: &str, expression: &str| {
        let update = client.update_item().table_name("letters").set_key(Some(key("ann", id)));
        let update = update.update_expression(expression).expression_attribute_names("#s", "state");
        update.expression_attribute_values(":v", text("sent")).send()
    };
    let refused = update("3", "SET #s = :v").await.unwrap_err().into_service_error();
    assert_eq!(Err(throttled(&refused)), hot);
    let note = client.update_item().table_name("letters").set_key(Some(key("ann", "3")));
    let note = note.update_expression("SET note = :v");
    note.expression_attribute_values(":v", text("soon")).send().await.unwrap();

    // A removal from the index is a write of it, and so is an entry that moves.
    partitions.limit(ONE_REQUEST);
    update("3", "SET #s = :v").await.unwrap();
    assert_eq!(put(&client, letter("erin", "1", Some("open"))).await, hot);
    assert_eq!(put(&client, letter("erin", "2", Some("sent"))).await, hot);

    partitions.unlimit();
    put(&client, letter("erin", "1", Some("open"))).await.unwrap();
    let stored = client.scan().table_name("letters").send().await.unwrap();
    assert_eq!(stored.count(), 7, "what was refused is not there");
}

#[tokio::test]
async fn reads_have_limits_of_their_own() {
    let (endpoint, client) = world().await;
    put(&client, letter("ann", "1", Some("open"))).await.unwrap();
    endpoint.aws.dynamodb.partitions().limit(ONE_REQUEST);
    put(&client, letter("ann", "2", Some("open"))).await.unwrap();
    let get = client.get_item().table_name("letters").set_key(Some(key("ann", "1")));
    assert!(get.clone().send().await.unwrap().item.is_some());
    let refused = get.send().await.unwrap_err().into_service_error();
    assert_eq!(Err(throttled(&refused)), with_reason("TableRead", "letters"));

    let open = client.query().table_name("letters").index_name("by-state");
    let open = open.key_condition_expression("#s = :s").expression_attribute_names("#s", "state");
    let open = open.expression_attribute_values(":s", text("open"));
    assert_eq!(open.clone().send().await.unwrap().count(), 2);
    let refused = open.clone().send().await.unwrap_err().into_service_error();
    assert_eq!(Err(throttled(&refused)), with_reason("IndexRead", INDEX));
    let sent = open.set_expression_attribute_values(Some([(":s".to_owned(), text("sent"))].into()));
    assert_eq!(sent.send().await.unwrap().count(), 0, "another key");
}

#[tokio::test]
async fn a_transaction_is_cancelled_and_a_batch_is_done_in_part() {
    let (endpoint, client) = world().await;
    endpoint.aws.dynamodb.partitions().limit(ONE_REQUEST);
    put(&client, letter("bob", "1", None)).await.unwrap();
    let write = |to: &str| {
        let put = Put::builder().table_name("letters").set_item(Some(key(to, "2"))).build();
        TransactWriteItem::builder().put(put.unwrap()).build()
    };
    let both =
        client.transact_write_items().set_transact_items(Some(vec![write("ann"), write("bob")]));
    let error = both.send().await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}")
    };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().map(|it| it.code()).collect();
    assert_eq!(codes, [Some("None"), Some("ThrottlingError")]);
    assert!(cancelled.message().unwrap().ends_with("[None, ThrottlingError]"));

    let request = |to: &str| {
        let put = PutRequest::builder().set_item(Some(key(to, "3"))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    // The cancelled transaction has taken nothing from ann.
    let batch = |requests| client.batch_write_item().request_items("letters", requests);
    let done = batch(vec![request("bob"), request("ann")]).send().await.unwrap();
    assert_eq!(done.unprocessed_items().unwrap()["letters"], [request("bob")]);
    let refused = batch(vec![request("bob")]).send().await.unwrap_err().into_service_error();
    assert_eq!(Err(throttled(&refused)), with_reason("TableWrite", "letters"));

    let keys = [key("ann", "3"), key("bob", "1"), key("bob", "2")];
    let get = |keys: &[_]| {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.to_vec())).build().unwrap();
        client.batch_get_item().request_items("letters", keys).send()
    };
    assert_eq!(get(&keys[1..2]).await.unwrap().responses.unwrap()["letters"].len(), 1);
    let done = get(&keys).await.unwrap();
    assert_eq!(done.responses().unwrap()["letters"], [key("ann", "3")]);
    assert_eq!(done.unprocessed_keys().unwrap()["letters"].keys(), &keys[1..]);
}

#[tokio::test]
async fn limits_are_switched_by_the_control_api() {
    let (endpoint, client) = world().await;
    let url = format!("{}/_local/partition-limits", endpoint.url);
    let web = endpoint.client();
    let off = json!({ "limits": null, "throttled": {} });
    assert_eq!(web.get(&url).send().await.unwrap().json::<Value>().await.unwrap(), off);
    let on = web.post(&url).body(r#"{"write_units": 0.001}"#).send().await.unwrap();
    let on: Value = on.json().await.unwrap();
    assert_eq!(on["limits"], json!({ "write_units": 0.001, "read_units": 3000.0 }));
    put(&client, letter("ann", "1", None)).await.unwrap();
    put(&client, letter("ann", "2", None)).await.unwrap_err();
    let state: Value = web.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["throttled"], json!({ "letters": 1 }));
    for odd in ["", "{}x", r#"{"units": 1}"#, r#"{"write_units": "1"}"#] {
        let refused = web.post(&url).body(odd).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{odd}");
    }
    assert_eq!(web.delete(&url).send().await.unwrap().json::<Value>().await.unwrap(), off);
    put(&client, letter("ann", "2", None)).await.unwrap();
}
