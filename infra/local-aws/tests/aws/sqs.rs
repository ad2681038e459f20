use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName as Name,
    SendMessageBatchRequestEntry,
};

use crate::endpoint::{Endpoint, eventually};

async fn with_queue(attributes: &[(Name, &str)]) -> (Endpoint, Client, String) {
    let endpoint = Endpoint::start().await;
    let client = endpoint.sqs();
    let url = make(&client, "letters", attributes).await;
    (endpoint, client, url)
}

async fn make(client: &Client, name: &str, attributes: &[(Name, &str)]) -> String {
    let mut create = client.create_queue().queue_name(name);
    for (name, value) in attributes {
        create = create.attributes(name.clone(), *value);
    }
    create.send().await.unwrap().queue_url.unwrap()
}

async fn send(client: &Client, url: &str, body: &str) -> String {
    let sent = client.send_message().queue_url(url).message_body(body).send().await.unwrap();
    sent.message_id.unwrap()
}

async fn receive(client: &Client, url: &str, wait: i32) -> Vec<Message> {
    let receive = client.receive_message().queue_url(url).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(System::All);
    let received = receive.message_attribute_names("All").wait_time_seconds(wait).send().await;
    received.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

async fn count(client: &Client, url: &str, name: Name) -> String {
    let attributes = client.get_queue_attributes().queue_url(url).attribute_names(Name::All);
    let attributes = attributes.send().await.unwrap().attributes.unwrap();
    attributes[&name].clone()
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let (endpoint, client, url) = with_queue(&[]).await;
    assert_eq!(url, format!("{}/000000000000/letters", endpoint.url));
    let text = |text: &str| {
        MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap()
    };
    let bytes = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 1, 255]))
        .build()
        .unwrap();
    let send = client.send_message().queue_url(&url).message_body("留言");
    let send = send.message_attributes("who", text("ann")).message_attributes("data", bytes);
    let sent = send.send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("9f03fc7555a13021a8604d26a952037f"));

    let received = receive(&client, &url, 0).await;
    let message = &received[0];
    assert_eq!(message.body(), Some("留言"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let own = message.message_attributes().unwrap();
    assert_eq!(own["who"].string_value(), Some("ann"));
    assert_eq!(own["data"].binary_value().unwrap().as_ref(), [0, 1, 255]);
    let system = message.attributes().unwrap();
    assert_eq!(system[&System::ApproximateReceiveCount], "1");
    let sent_at: u64 = system[&System::SentTimestamp].parse().unwrap();
    assert!(sent_at > 1_700_000_000_000);
    assert!(system.contains_key(&System::ApproximateFirstReceiveTimestamp));

    assert_eq!(count(&client, &url, Name::ApproximateNumberOfMessagesNotVisible).await, "1");
    let handle = message.receipt_handle().unwrap();
    let delete = client.delete_message().queue_url(&url).receipt_handle(handle);
    delete.clone().send().await.unwrap();
    delete.send().await.unwrap();
    assert_eq!(count(&client, &url, Name::ApproximateNumberOfMessagesNotVisible).await, "0");

    let broken = client.delete_message().queue_url(&url).receipt_handle("nonsense");
    let error = broken.send().await.unwrap_err().into_service_error();
    assert!(error.is_receipt_handle_is_invalid(), "{error:?}");
}

#[tokio::test]
async fn undeleted_message_is_received_again() {
    let (_endpoint, client, url) = with_queue(&[(Name::VisibilityTimeout, "1")]).await;
    let id = send(&client, &url, "again").await;
    let first = receive(&client, &url, 0).await;
    assert!(receive(&client, &url, 0).await.is_empty());
    // The poll ends when the message becomes visible, long before its twenty seconds.
    let second = receive(&client, &url, 20).await;
    assert_eq!(second[0].message_id(), Some(id.as_str()));
    assert_eq!(second[0].attributes().unwrap()[&System::ApproximateReceiveCount], "2");
    assert_ne!(first[0].receipt_handle(), second[0].receipt_handle());
}

#[tokio::test]
async fn visibility_is_changed_for_one_and_for_several() {
    let (_endpoint, client, url) = with_queue(&[]).await;
    send(&client, &url, "a").await;
    send(&client, &url, "b").await;
    let messages = receive(&client, &url, 0).await;
    assert_eq!(bodies(&messages), ["a", "b"]);
    let handle = messages[0].receipt_handle().unwrap();
    let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle);
    change.clone().visibility_timeout(0).send().await.unwrap();
    let late = change.visibility_timeout(5).send().await.unwrap_err().into_service_error();
    assert!(late.is_message_not_inflight(), "{late:?}");
    assert_eq!(bodies(&receive(&client, &url, 0).await), ["a"]);

    let entry = |id: &str, handle: &str| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).visibility_timeout(0).build().unwrap()
    };
    let batch = client.change_message_visibility_batch().queue_url(&url);
    let batch = batch.entries(entry("good", messages[1].receipt_handle().unwrap()));
    let changed = batch.entries(entry("bad", "nonsense")).send().await.unwrap();
    assert_eq!(changed.successful()[0].id(), "good");
    assert_eq!(changed.failed()[0].id(), "bad");
    assert_eq!(changed.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert_eq!(bodies(&receive(&client, &url, 0).await), ["b"]);
}

#[tokio::test]
async fn a_batch_succeeds_and_fails_entry_by_entry() {
    let (endpoint, client, url) = with_queue(&[(Name::MaximumMessageSize, "1024")]).await;
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let batch = client.send_message_batch().queue_url(&url);
    let sent = batch
        .clone()
        .entries(entry("small", "x"))
        .entries(entry("large", &"x".repeat(1025)))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.successful()[0].id(), "small");
    assert_eq!(sent.failed()[0].id(), "large");
    assert!(sent.failed()[0].sender_fault());

    let error = batch.clone().entries(entry("a", "x")).entries(entry("a", "y")).send().await;
    let error = error.unwrap_err().into_service_error();
    assert!(error.is_batch_entry_ids_not_distinct(), "{error:?}");
    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    let error = batch.clone().set_entries(Some(eleven)).send().await.unwrap_err();
    assert!(error.into_service_error().is_too_many_entries_in_batch_request());
    let error = batch.set_entries(Some(Vec::new())).send().await.unwrap_err();
    assert!(error.into_service_error().is_empty_batch_request());

    let received = receive(&client, &url, 0).await;
    assert_eq!(bodies(&received), ["x"]);
    let entry = DeleteMessageBatchRequestEntry::builder().id("a");
    let entry = entry.receipt_handle(received[0].receipt_handle().unwrap()).build().unwrap();
    let deleted = client.delete_message_batch().queue_url(&url).entries(entry).send().await;
    assert_eq!(deleted.unwrap().successful()[0].id(), "a");
    assert_eq!(endpoint.aws.queues.length("letters"), Some(0));
}

#[tokio::test]
async fn a_message_of_one_mebibyte_is_the_largest() {
    let (_endpoint, client, url) = with_queue(&[]).await;
    let largest = "\u{7f}".repeat(1_048_576);
    send(&client, &url, &largest).await;
    let larger = client.send_message().queue_url(&url).message_body(largest + "x");
    let error = larger.send().await.unwrap_err().into_service_error();
    assert!(error.message().unwrap().contains("1048576"), "{error:?}");
    let control = client.send_message().queue_url(&url).message_body("\u{1}");
    let error = control.send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_message_contents(), "{error:?}");
}

#[tokio::test]
async fn message_that_fails_too_often_moves_to_the_dlq() {
    let (_endpoint, client, dead) = with_queue(&[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:letters","maxReceiveCount":"2"}"#;
    let url =
        make(&client, "work", &[(Name::RedrivePolicy, policy), (Name::VisibilityTimeout, "0")])
            .await;
    let id = send(&client, &url, "poison").await;
    for attempt in ["1", "2"] {
        let received = receive(&client, &url, 0).await;
        assert_eq!(received[0].attributes().unwrap()[&System::ApproximateReceiveCount], attempt);
    }
    assert!(receive(&client, &url, 0).await.is_empty());
    let aside = receive(&client, &dead, 0).await;
    assert_eq!(aside[0].message_id(), Some(id.as_str()));
    let source = &aside[0].attributes().unwrap()[&System::DeadLetterQueueSourceArn];
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:work");
    let sources = client.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
    assert_eq!(sources.queue_urls(), [url]);

    let nowhere = policy.replace(":letters", ":nowhere");
    let create = client.create_queue().queue_name("more").attributes(Name::RedrivePolicy, nowhere);
    let error = create.send().await.unwrap_err().into_service_error();
    assert!(error.message().unwrap().contains("Dead letter target does not exist"), "{error:?}");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_message() {
    let (_endpoint, client, url) = with_queue(&[]).await;
    let began = Instant::now();
    let polling = tokio::spawn({
        let (client, url) = (client.clone(), url.clone());
        async move { bodies(&receive(&client, &url, 20).await).join(",") }
    });
    // It is polling once it has found nothing; whichever comes first must work.
    tokio::task::yield_now().await;
    send(&client, &url, "hello").await;
    assert_eq!(polling.await.unwrap(), "hello");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_long_poll_does_not_hold_up_the_end() {
    let (endpoint, client, url) = with_queue(&[]).await;
    let queues = endpoint.aws.queues.clone();
    let polling = tokio::spawn(async move { receive(&client, &url, 20).await.len() });
    // A message that is received and shown again proves that the poll has arrived.
    queues.send("letters", "ping".to_owned()).unwrap();
    assert_eq!(polling.await.unwrap(), 1);
    let url = format!("{}/000000000000/letters", endpoint.url);
    let client = endpoint.sqs();
    let polling = tokio::spawn(async move {
        client.receive_message().queue_url(&url).wait_time_seconds(20).send().await
    });
    let began = Instant::now();
    tokio::task::yield_now().await;
    endpoint.stop().await;
    // Answered empty, or refused if it came too late: in any case soon.
    let _ = polling.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_delayed_message_comes_late() {
    let (_endpoint, client, url) = with_queue(&[(Name::DelaySeconds, "60")]).await;
    let began = Instant::now();
    let send_now = client.send_message().queue_url(&url).message_body("soon").delay_seconds(3);
    send_now.send().await.unwrap();
    send(&client, &url, "late").await;
    assert_eq!(count(&client, &url, Name::ApproximateNumberOfMessagesDelayed).await, "2");
    assert_eq!(bodies(&receive(&client, &url, 20).await), ["soon"]);
    assert!(began.elapsed() >= Duration::from_millis(2990), "{:?}", began.elapsed());
    assert!(receive(&client, &url, 0).await.is_empty());
}

#[tokio::test]
async fn queues_are_made_found_changed_purged_and_deleted() {
    let (endpoint, client, url) = with_queue(&[(Name::VisibilityTimeout, "7")]).await;
    assert_eq!(make(&client, "letters", &[(Name::VisibilityTimeout, "7")]).await, url);
    let other = client.create_queue().queue_name("letters");
    let other = other.attributes(Name::VisibilityTimeout, "8").send().await.unwrap_err();
    assert!(other.into_service_error().is_queue_name_exists());

    let found = client.get_queue_url().queue_name("letters").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(url.as_str()));
    let missing = client.get_queue_url().queue_name("nothing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());

    make(&client, "letters-2", &[]).await;
    make(&client, "other", &[]).await;
    let listed = client.list_queues().queue_name_prefix("letters").send().await.unwrap();
    assert_eq!(listed.queue_urls(), [url.clone(), format!("{url}-2")]);
    let pages = client.list_queues().max_results(2).into_paginator().items().send();
    let all: Vec<_> = pages.try_collect().await.unwrap();
    assert_eq!(all.len(), 3);

    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(Name::VisibilityTimeout, "9").send().await.unwrap();
    assert_eq!(count(&client, &url, Name::VisibilityTimeout).await, "9");
    assert_eq!(
        count(&client, &url, Name::QueueArn).await,
        "arn:aws:sqs:us-east-1:000000000000:letters"
    );
    assert_eq!(count(&client, &url, Name::MaximumMessageSize).await, "1048576");

    send(&client, &url, "x").await;
    client.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(count(&client, &url, Name::ApproximateNumberOfMessages).await, "0");

    // The same queue by a URL that names AWS.
    let aws = "https://sqs.us-east-1.amazonaws.com/000000000000/letters";
    send(&client, aws, "y").await;
    assert_eq!(endpoint.aws.queues.length("letters"), Some(1));

    client.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = client.send_message().queue_url(&url).message_body("x").send().await.unwrap_err();
    assert!(gone.into_service_error().is_queue_does_not_exist());

    let fifo = client.create_queue().queue_name("orders.fifo");
    let fifo = fifo.attributes(Name::FifoQueue, "true").send().await.unwrap_err();
    assert!(fifo.into_service_error().message().unwrap().contains("FIFO"));
}

#[tokio::test]
async fn the_runner_receives_what_a_function_is_given() {
    let endpoint = Endpoint::start().await;
    let queues = &endpoint.aws.queues;
    let attributes = BTreeMap::from([("VisibilityTimeout".to_owned(), "60".to_owned())]);
    queues.create("work", &attributes).unwrap();
    let id = queues.send("work", "{}".to_owned()).unwrap();
    let messages = queues.receive("work", 10, Duration::ZERO).await.unwrap();
    let record = messages[0].event_record();
    assert_eq!(record["messageId"], id.as_str());
    assert_eq!(record["md5OfBody"], "99914b932bd37a50b983c5e7c90ae93b");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:work");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert!(queues.receive("work", 10, Duration::ZERO).await.unwrap().is_empty());

    let handle = &messages[0].receipt_handle;
    queues.change_visibility("work", handle, Duration::ZERO).unwrap();
    let again = eventually(async || {
        let again = queues.receive("work", 1, Duration::ZERO).await.unwrap();
        again.into_iter().next()
    })
    .await;
    queues.delete("work", &again.receipt_handle).unwrap();
    assert_eq!(queues.length("work"), Some(0));

    // Attributes of a queue that is there follow the template; its messages stay.
    queues.send("work", "kept".to_owned()).unwrap();
    queues.create("work", &BTreeMap::new()).unwrap();
    assert_eq!(queues.length("work"), Some(1));
    assert!(queues.receive("nothing", 1, Duration::ZERO).await.is_err());
    assert!(queues.send("nothing", "x".to_owned()).is_err());
}
