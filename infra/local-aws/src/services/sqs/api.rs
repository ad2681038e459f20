//! The operations, as clients ask for them in AWS JSON 1.0.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::attributes::{self, Redrive};
use super::message::{Attribute, Draft, Message};
use super::queue::Queue;
use super::{MAX_BATCH_MESSAGES, Queues, digest, name_of, no_queue, url};
use crate::services::account::now;
use crate::services::refusal::{Refusal, answer, read};

/// The most names that `ListQueues` gives at a time.
const NAMES: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    queue_name_prefix: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

/// A message in a request: of `SendMessage`, or an entry of its batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send {
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, Attribute>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    wait_time_seconds: Option<u64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<u64>,
}

impl Queues {
    /// Does what a client asks. Queues' URLs begin with `base`; a long poll ends when the server stops.
    pub(crate) async fn answer(
        &self,
        operation: &str,
        body: &[u8],
        base: &str,
        stopping: &mut watch::Receiver<bool>,
    ) -> Response {
        let done = tokio::select! {
            done = self.operate(operation, body, base) => done,
            // Only a long poll takes long enough to be met by this.
            _ = stopping.wait_for(|stop| *stop) => Ok(json!({})),
        };
        match done {
            Ok(body) => answer(StatusCode::OK, "1.0", body.to_string()),
            Err(refusal) => refuse(&refusal),
        }
    }

    async fn operate(&self, operation: &str, body: &[u8], base: &str) -> Result<Value, Refusal> {
        match operation {
            "CreateQueue" => self.create_queue(&read(body)?, base).await,
            "DeleteQueue" => {
                let asked: OfQueue = read(body)?;
                let name = name_of(&asked.queue_url);
                let (gone, change) = self.state.change(|state| state.queues.remove(name));
                gone.ok_or_else(|| no_queue(name))?;
                self.state.wait_until_written(change).await?;
                self.arrived.notify_waiters();
                Ok(json!({}))
            }
            "GetQueueUrl" => {
                let asked: Named = read(body)?;
                let name = asked.queue_name;
                let there = self.state.read(|state| state.queues.contains_key(&name));
                there.then(|| json!({"QueueUrl": url(base, &name)})).ok_or_else(|| no_queue(&name))
            }
            "ListQueues" => Ok(self.list_queues(&read(body)?, base)),
            "GetQueueAttributes" => self.get_attributes(&read(body)?),
            "SetQueueAttributes" => self.set_attributes(&read(body)?).await,
            "ListDeadLetterSourceQueues" => self.list_sources(&read(body)?, base),
            "SendMessage" => {
                let queue: OfQueue = read(body)?;
                self.send_message(name_of(&queue.queue_url), read(body)?).await
            }
            "SendMessageBatch" => self.send_batch(body).await,
            "ReceiveMessage" => self.receive_message(&read(body)?).await,
            "DeleteMessage" => {
                let asked: Receipt = read(body)?;
                let receipt = super::message::Receipt::parse(&asked.receipt_handle)?;
                self.in_queue(name_of(&asked.queue_url), |queue, _| queue.delete(&receipt))?;
                Ok(json!({}))
            }
            "DeleteMessageBatch" => self.delete_batch(body),
            "ChangeMessageVisibility" => {
                let asked: Receipt = read(body)?;
                let seconds =
                    asked.visibility_timeout.ok_or_else(|| missing("VisibilityTimeout"))?;
                self.hide(name_of(&asked.queue_url), &asked.receipt_handle, seconds)?;
                Ok(json!({}))
            }
            "ChangeMessageVisibilityBatch" => self.hide_batch(body),
            "PurgeQueue" => {
                let asked: OfQueue = read(body)?;
                self.in_queue(name_of(&asked.queue_url), |queue, _| queue.purge())?;
                Ok(json!({}))
            }
            _ => Err(Refusal::new(
                "UnsupportedOperation",
                format!(
                    "{operation} is not served: of SQS, here are the operations on queues, their attributes and messages, without tags, permissions and move tasks"
                ),
            )),
        }
    }

    async fn create_queue(&self, asked: &Create, base: &str) -> Result<Value, Refusal> {
        let name = &asked.queue_name;
        attributes::check_name(name)?;
        attributes::check(&asked.attributes)?;
        self.check_redrive(&asked.attributes)?;
        let (made, change) = self.state.change(|state| {
            let now = now();
            match state.queues.get(name) {
                Some(queue) if queue.has(&asked.attributes) => Ok(()),
                Some(_) => Err(Refusal::new(
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value for an attribute.",
                )),
                None => {
                    let mut queue = Queue::new(now);
                    queue.configure(asked.attributes.clone(), now);
                    state.queues.insert(name.clone(), queue);
                    Ok(())
                }
            }
        });
        made?;
        self.state.wait_until_written(change).await?;
        Ok(json!({"QueueUrl": url(base, name)}))
    }

    /// A dead-letter queue must be there before a client can name it.
    fn check_redrive(&self, attributes: &BTreeMap<String, String>) -> Result<(), Refusal> {
        let Some(policy) = attributes.get("RedrivePolicy") else { return Ok(()) };
        let Some(redrive) = Redrive::parse(policy)? else { return Ok(()) };
        if self.state.read(|state| state.queues.contains_key(&redrive.queue)) {
            return Ok(());
        }
        Err(Refusal::invalid_parameter(
            "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        ))
    }

    fn list_queues(&self, asked: &List, base: &str) -> Value {
        let prefix = asked.queue_name_prefix.as_deref().unwrap_or_default();
        let size = asked.max_results.unwrap_or(NAMES).clamp(1, NAMES);
        // The token is the last name of the page before.
        let after = asked.next_token.as_deref().unwrap_or_default();
        let names: Vec<String> = self.state.read(|state| {
            let names = state.queues.keys();
            let wanted = names.filter(|name| name.starts_with(prefix) && name.as_str() > after);
            wanted.take(size + 1).cloned().collect()
        });
        let urls: Vec<_> = names.iter().take(size).map(|name| url(base, name)).collect();
        let mut answer = json!({"QueueUrls": urls});
        // Without MaxResults, AWS gives no token.
        if names.len() > size && asked.max_results.is_some() {
            answer["NextToken"] = json!(names[size - 1]);
        }
        answer
    }

    fn list_sources(&self, asked: &OfQueue, base: &str) -> Result<Value, Refusal> {
        let name = name_of(&asked.queue_url);
        self.state.read(|state| {
            state.queues.get(name).ok_or_else(|| no_queue(name))?;
            let sources = state
                .queues
                .iter()
                .filter(|(_, queue)| queue.redrive().is_some_and(|redrive| redrive.queue == name));
            let urls: Vec<_> = sources.map(|(name, _)| url(base, name)).collect();
            Ok(json!({"queueUrls": urls}))
        })
    }

    fn get_attributes(&self, asked: &GetAttributes) -> Result<Value, Refusal> {
        let name = name_of(&asked.queue_url);
        let mut all = self.state.read(|state| {
            let queue = state.queues.get(name).ok_or_else(|| no_queue(name))?;
            Ok::<_, Refusal>(queue.shown(name, now()))
        })?;
        if !asked.attribute_names.iter().any(|name| name == "All") {
            all.retain(|name, _| asked.attribute_names.contains(name));
        }
        Ok(json!({"Attributes": all}))
    }

    async fn set_attributes(&self, asked: &SetAttributes) -> Result<Value, Refusal> {
        let name = name_of(&asked.queue_url);
        attributes::check(&asked.attributes)?;
        self.check_redrive(&asked.attributes)?;
        let (set, change) = self.state.change(|state| {
            let queue = state.queues.get_mut(name).ok_or_else(|| no_queue(name))?;
            queue.set(&asked.attributes, now());
            Ok::<_, Refusal>(())
        });
        set?;
        self.state.wait_until_written(change).await?;
        self.arrived.notify_waiters();
        Ok(json!({}))
    }

    async fn send_message(&self, queue: &str, asked: Send) -> Result<Value, Refusal> {
        let (sent, change) = self.put_with_sums(queue, asked.draft()?)?;
        self.state.wait_until_written(change).await?;
        Ok(sent)
    }

    /// Sends, and gives the fields of the answer.
    pub(super) fn put_with_sums(
        &self,
        queue: &str,
        draft: Draft,
    ) -> Result<(Value, persisted::ChangeId), Refusal> {
        let mut sent = json!({"MD5OfMessageBody": digest::body(&draft.body)});
        if !draft.attributes.is_empty() {
            sent["MD5OfMessageAttributes"] = json!(digest::attributes(&draft.attributes));
        }
        let (id, change) = self.put(queue, draft)?;
        sent["MessageId"] = json!(id);
        Ok((sent, change))
    }

    async fn receive_message(&self, asked: &Receive) -> Result<Value, Refusal> {
        let invalid = |name: &str, range: &str| {
            Err(Refusal::invalid_parameter(format!(
                "Value for parameter {name} is invalid. Reason: Must be {range}, if provided."
            )))
        };
        let max = asked.max_number_of_messages.unwrap_or(1);
        if !(1..=MAX_BATCH_MESSAGES).contains(&max) {
            return invalid("MaxNumberOfMessages", "between 1 and 10");
        }
        if asked.wait_time_seconds.is_some_and(|seconds| seconds > 20) {
            return invalid("WaitTimeSeconds", ">= 0 and <= 20");
        }
        if asked.visibility_timeout.is_some_and(|seconds| seconds > 43_200) {
            return invalid("VisibilityTimeout", ">= 0 and <= 43200");
        }
        let wait = asked.wait_time_seconds.map(Duration::from_secs);
        let name = name_of(&asked.queue_url);
        let received = self.wait_for(name, max, wait, asked.visibility_timeout).await?;
        if received.is_empty() {
            return Ok(json!({}));
        }
        let messages: Vec<Value> = received.iter().map(|message| asked.shown(message)).collect();
        Ok(json!({"Messages": messages}))
    }
}

impl Receive {
    /// A message with those attributes that were asked for.
    fn shown(&self, message: &Message) -> Value {
        let mut shown = json!({
            "MessageId": message.id,
            "ReceiptHandle": message.receipt_handle,
            "MD5OfBody": message.md5,
            "Body": message.body,
        });
        let names = || self.attribute_names.iter().chain(&self.message_system_attribute_names);
        let system: Map<String, Value> = message
            .attributes
            .iter()
            .filter(|(name, _)| names().any(|wanted| wanted == "All" || wanted == *name))
            .map(|(&name, value)| (name.to_owned(), json!(value)))
            .collect();
        if !system.is_empty() {
            shown["Attributes"] = Value::Object(system);
        }
        let own: BTreeMap<String, Attribute> = message
            .message_attributes
            .iter()
            .filter(|(name, _)| self.message_attribute_names.iter().any(|it| selects(it, name)))
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect();
        if !own.is_empty() {
            shown["MD5OfMessageAttributes"] = json!(digest::attributes(&own));
            shown["MessageAttributes"] = json!(own);
        }
        shown
    }
}

/// Whether a wanted name, `All`, `.*` or `prefix.*` covers an attribute.
fn selects(wanted: &str, name: &str) -> bool {
    match wanted {
        "All" | ".*" => true,
        _ => match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == name,
        },
    }
}

impl Send {
    /// The message that is asked to be sent; its rules are checked by the queue.
    pub(super) fn draft(self) -> Result<Draft, Refusal> {
        if self.message_deduplication_id.is_some() {
            return Err(Refusal::invalid_parameter(
                "The request includes a parameter that is not valid for this queue type: MessageDeduplicationId.",
            ));
        }
        let delay = self
            .delay_seconds
            .map(|seconds| {
                u64::try_from(seconds).map_err(|_| {
                    Refusal::invalid_parameter("DelaySeconds must be >= 0 and <= 900.")
                })
            })
            .transpose()?;
        let mut system = self.message_system_attributes;
        let trace = system.remove("AWSTraceHeader").and_then(|attribute| attribute.string_value);
        if let Some(name) = system.keys().next() {
            return Err(Refusal::invalid_parameter(format!(
                "{name} is no system attribute that can be sent: AWSTraceHeader is"
            )));
        }
        Ok(Draft {
            body: self.message_body,
            attributes: self.message_attributes,
            trace,
            group: self.message_group_id,
            delay,
        })
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::new("MissingParameter", format!("The request must contain the parameter {name}."))
}

/// A refusal. The header carries the code that SQS had before it spoke JSON;
/// SDKs of both generations find theirs.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let mut answer = refusal.json("1.0");
    let before = match refusal.code.as_ref() {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        code => code,
    };
    let side = if refusal.status.is_server_error() { "Receiver" } else { "Sender" };
    if let Ok(value) = HeaderValue::from_str(&format!("{before};{side}")) {
        answer.headers_mut().insert("x-amzn-query-error", value);
    }
    answer
}
