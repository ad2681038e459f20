use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, eventually};

/// A table with a sort key, an index, a stream and a TTL.
pub(crate) fn letters() -> Value {
    json!({
        "TableName": "letters",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "to", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "state", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "to", "KeyType": "HASH"},
            {"AttributeName": "id", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-state",
            "KeySchema": [
                {"AttributeName": "state", "KeyType": "HASH"},
                {"AttributeName": "id", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true},
    })
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn key(to: &str, id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("to".to_owned(), text(to)), ("id".to_owned(), text(id))])
}

async fn with_letters() -> (Endpoint, aws_sdk_dynamodb::Client) {
    let endpoint = Endpoint::start().await;
    endpoint.aws.dynamodb.create_table(&letters()).unwrap();
    let client = endpoint.dynamodb();
    (endpoint, client)
}

#[tokio::test]
async fn a_conditional_put_is_won_once() {
    let (_endpoint, client) = with_letters().await;
    let puts = (0..50u64).map(|n| {
        let put = client.put_item().table_name("letters").set_item(Some(key("ann", "1")));
        let put = put.item("n", number(n)).condition_expression("attribute_not_exists(id)");
        let put = put
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        tokio::spawn(put.send())
    });
    let (mut won, mut lost) = (0, 0);
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => {
                let error = error.into_service_error();
                let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = error else {
                    panic!("{error:?}");
                };
                assert_eq!(failed.item().unwrap()["to"], text("ann"));
                lost += 1;
            }
        }
    }
    assert_eq!((won, lost), (1, 49));
}

#[tokio::test]
async fn a_transaction_is_done_whole_or_not_at_all() {
    let (_endpoint, client) = with_letters().await;
    let put = |id: &str| {
        let put = Put::builder().table_name("letters").set_item(Some(key("ann", id)));
        let put = put.condition_expression("attribute_not_exists(id)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let count = Update::builder()
        .table_name("letters")
        .set_key(Some(key("ann", "count")))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", number(1))
        .build()
        .unwrap();
    let count = TransactWriteItem::builder().update(count).build();
    let transact = |id: &str| {
        client.transact_write_items().transact_items(count.clone()).transact_items(put(id)).send()
    };
    transact("1").await.unwrap();
    let error = transact("1").await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}");
    };
    let reasons: Vec<_> =
        cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(reasons, ["None", "ConditionalCheckFailed"]);
    let counted =
        client.get_item().table_name("letters").set_key(Some(key("ann", "count"))).send().await;
    assert_eq!(counted.unwrap().item().unwrap()["n"], number(1));
}

#[tokio::test]
async fn queries_go_by_key_and_by_index() {
    let (_endpoint, client) = with_letters().await;
    for (id, state) in [("1", "new"), ("2", "sent"), ("3", "new")] {
        let put = client.put_item().table_name("letters").set_item(Some(key("ann", id)));
        put.item("state", text(state)).send().await.unwrap();
    }
    let found = client
        .query()
        .table_name("letters")
        .key_condition_expression("#to = :to AND id > :id")
        .expression_attribute_names("#to", "to")
        .expression_attribute_values(":to", text("ann"))
        .expression_attribute_values(":id", text("1"))
        .scan_index_forward(false)
        .limit(1)
        .send()
        .await
        .unwrap();
    assert_eq!(found.items()[0]["id"], text("3"));
    assert!(found.last_evaluated_key().is_some());

    let found = client
        .query()
        .table_name("letters")
        .index_name("by-state")
        .key_condition_expression("#state = :state")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":state", text("new"))
        .send()
        .await
        .unwrap();
    let ids: Vec<_> = found.items().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [text("1"), text("3")]);
}

#[tokio::test]
async fn updates_answer_with_what_they_changed() {
    let (_endpoint, client) = with_letters().await;
    let updated = client
        .update_item()
        .table_name("letters")
        .set_key(Some(key("ann", "1")))
        .update_expression("SET n = if_not_exists(n, :zero) + :one")
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::UpdatedNew)
        .send()
        .await
        .unwrap();
    assert_eq!(updated.attributes().unwrap()["n"], number(1));
}

#[tokio::test]
async fn a_table_is_described_with_our_region_and_account() {
    let (endpoint, client) = with_letters().await;
    let table = client.describe_table().table_name("letters").send().await.unwrap();
    let table = table.table().unwrap();
    assert_eq!(table.table_arn(), Some("arn:aws:dynamodb:us-east-1:000000000000:table/letters"));
    let stream = endpoint.aws.dynamodb.stream_arn("letters");
    assert_eq!(table.latest_stream_arn(), stream.as_deref());

    let missing = client.describe_table().table_name("nothing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn an_item_goes_when_its_time_has_come() {
    let (endpoint, client) = with_letters().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    for (id, expires) in [("gone", now - 1), ("stays", now + 3600)] {
        let put = client.put_item().table_name("letters").set_item(Some(key("ann", id)));
        put.item("expires", number(expires)).send().await.unwrap();
    }
    eventually(async || {
        let all = client.scan().table_name("letters").send().await.unwrap();
        (all.count() == 1).then(|| assert_eq!(all.items()[0]["id"], text("stays")))
    })
    .await;
    let start = endpoint.aws.dynamodb.stream_position("letters").unwrap();
    let (records, _) = endpoint.aws.dynamodb.stream_records("letters", &start, 100).unwrap();
    let removed = records.iter().find(|record| record["eventName"] == "REMOVE").unwrap();
    assert_eq!(removed["userIdentity"]["principalId"], "dynamodb.amazonaws.com");
    assert_eq!(removed["dynamodb"]["Keys"]["id"]["S"], "gone");
}

#[tokio::test]
async fn sixteen_writers_do_not_lose_an_update() {
    let (_endpoint, client) = with_letters().await;
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    client
                        .update_item()
                        .table_name("letters")
                        .set_key(Some(key("ann", "count")))
                        .update_expression("ADD n :one")
                        .expression_attribute_values(":one", number(1))
                        .send()
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let counted =
        client.get_item().table_name("letters").set_key(Some(key("ann", "count"))).send().await;
    assert_eq!(counted.unwrap().item().unwrap()["n"], number(160));
}
