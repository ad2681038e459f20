//! One queue: what is in it, and what may be received when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::attributes::{
    DELIVERY_DELAY, MAX_MESSAGE_SIZE, NUMBERS, Number, RETENTION, Redrive, VISIBILITY_TIMEOUT,
};
use super::message::{Draft, Message, Receipt, Stored};
use crate::services::refusal::Refusal;

/// A queue. Times are in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
pub(super) struct Queue {
    /// As they were set; what was not has its default.
    attributes: BTreeMap<String, String>,
    created: u64,
    modified: u64,
    /// The key of the next message.
    next: u64,
    /// In the order in which they were sent.
    messages: BTreeMap<u64, Stored>,
}

/// How many messages there are, by what holds them back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) hidden: usize,
    pub(super) delayed: usize,
}

impl Counts {
    pub(super) fn total(&self) -> usize {
        self.visible + self.hidden + self.delayed
    }
}

impl Queue {
    pub(super) fn new(now: u64) -> Self {
        Self {
            attributes: BTreeMap::new(),
            created: now,
            modified: now,
            next: 0,
            messages: BTreeMap::new(),
        }
    }

    /// Gives the queue exactly these attributes, which have been checked.
    pub(super) fn configure(&mut self, attributes: BTreeMap<String, String>, now: u64) {
        if self.attributes != attributes {
            self.attributes = attributes;
            self.modified = now;
        }
    }

    /// Sets some attributes, which have been checked, and leaves the others. An empty one goes.
    pub(super) fn set(&mut self, attributes: &BTreeMap<String, String>, now: u64) {
        for (name, value) in attributes {
            if value.is_empty() {
                self.attributes.remove(name);
            } else {
                self.attributes.insert(name.clone(), value.clone());
            }
        }
        self.modified = now;
    }

    /// Whether all of these have the values given.
    pub(super) fn has(&self, attributes: &BTreeMap<String, String>) -> bool {
        attributes.iter().all(|(name, value)| {
            match NUMBERS.iter().find(|number| number.name == name) {
                Some(number) => value.parse() == Ok(self.number(*number)),
                None => self.attributes.get(name) == Some(value),
            }
        })
    }

    /// The value of an attribute that is a number.
    pub(super) fn number(&self, number: Number) -> u64 {
        let set = self.attributes.get(number.name).and_then(|value| value.parse().ok());
        set.unwrap_or(number.default)
    }

    /// When messages are moved aside, and where to.
    pub(super) fn redrive(&self) -> Option<Redrive> {
        Redrive::parse(self.attributes.get("RedrivePolicy")?).ok().flatten()
    }

    /// All attributes, as `GetQueueAttributes` shows them.
    pub(super) fn shown(&self, name: &str, now: u64) -> Map<String, Value> {
        let counts = self.counts(now);
        let mut shown: Map<String, Value> = [
            ("QueueArn", super::arn(name)),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.hidden.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("CreatedTimestamp", (self.created / 1000).to_string()),
            ("LastModifiedTimestamp", (self.modified / 1000).to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
        for number in NUMBERS {
            shown.insert(number.name.to_owned(), json!(self.number(number).to_string()));
        }
        for (name, value) in &self.attributes {
            shown.insert(name.clone(), json!(value));
        }
        shown
    }

    /// When the oldest message was sent.
    pub(super) fn oldest_sent(&self, now: u64) -> Option<u64> {
        let oldest = self.oldest(now);
        self.messages.values().map(|message| message.sent).filter(|sent| *sent >= oldest).min()
    }

    pub(super) fn counts(&self, now: u64) -> Counts {
        let oldest = self.oldest(now);
        let mut counts = Counts { visible: 0, hidden: 0, delayed: 0 };
        for message in self.messages.values().filter(|message| message.sent >= oldest) {
            if message.visible <= now {
                counts.visible += 1;
            } else if message.receives > 0 {
                counts.hidden += 1;
            } else {
                counts.delayed += 1;
            }
        }
        counts
    }

    /// Takes a message in; tells its id.
    pub(super) fn send(&mut self, draft: Draft, now: u64) -> Result<String, Refusal> {
        draft.check()?;
        let most = self.number(MAX_MESSAGE_SIZE);
        if draft.size() as u64 > most {
            return Err(Refusal::invalid_parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            )));
        }
        let delay = draft.delay.unwrap_or_else(|| self.number(DELIVERY_DELAY));
        if delay > 900 {
            return Err(Refusal::invalid_parameter(
                "Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
            ));
        }
        let id = uuid::Uuid::new_v4().to_string();
        self.push(Stored {
            id: id.clone(),
            body: draft.body,
            attributes: draft.attributes,
            trace: draft.trace,
            group: draft.group,
            source: None,
            sent: now,
            visible: now + delay * 1000,
            receives: 0,
            first_received: None,
            receipt: None,
        });
        Ok(id)
    }

    fn push(&mut self, message: Stored) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    /// Takes in a message that was received too often elsewhere. It keeps its
    /// age, so it expires when it would have there (SQS: dead-letter queues).
    pub(super) fn bury(&mut self, mut message: Stored, from: &str, now: u64) {
        message.source = Some(from.to_owned());
        message.visible = now;
        message.receives = 0;
        message.first_received = None;
        message.receipt = None;
        self.push(message);
    }

    /// Receives up to `max` visible messages and hides them, for `hide` seconds
    /// or as long as the queue says. Also takes out those that have been
    /// received `most` times already, for a dead-letter queue.
    pub(super) fn receive(
        &mut self,
        name: &str,
        max: usize,
        hide: Option<u64>,
        most: Option<u32>,
        now: u64,
    ) -> (Vec<Message>, Vec<Stored>) {
        let oldest = self.oldest(now);
        if self.messages.values().next().is_some_and(|first| first.sent < oldest) {
            self.messages.retain(|_, message| message.sent >= oldest);
        }
        let hidden = hide.unwrap_or_else(|| self.number(VISIBILITY_TIMEOUT)) * 1000;
        let (mut taken, mut dead) = (Vec::new(), Vec::new());
        for (&key, message) in &mut self.messages {
            if taken.len() == max {
                break;
            }
            if message.visible > now {
                continue;
            }
            if most.is_some_and(|most| message.receives >= most) {
                dead.push(key);
                continue;
            }
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.visible = now + hidden;
            message.receipt = Some(uuid::Uuid::new_v4().to_string());
            taken.push(message.received(key, name));
        }
        let dead = dead.into_iter().filter_map(|key| self.messages.remove(&key)).collect();
        (taken, dead)
    }

    /// Deletes the message of a receipt, if it is the message's latest.
    pub(super) fn delete(&mut self, receipt: &Receipt) {
        if self.messages.get(&receipt.key).is_some_and(|message| is_of(message, receipt)) {
            self.messages.remove(&receipt.key);
        }
    }

    /// Hides a received message for `seconds` from now.
    pub(super) fn hide(
        &mut self,
        receipt: &Receipt,
        seconds: u64,
        now: u64,
    ) -> Result<(), Refusal> {
        if seconds > 43_200 {
            return Err(Refusal::invalid_parameter(
                "Value for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be >= 0 and <= 43200.",
            ));
        }
        let message = self.messages.get_mut(&receipt.key).filter(|message| is_of(message, receipt));
        let Some(message) = message else {
            return Err(Refusal::invalid_parameter(
                "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
            ));
        };
        if message.visible <= now {
            return Err(Refusal::new(
                "MessageNotInflight",
                "The specified message isn't in flight: its visibility timeout has passed.",
            ));
        }
        message.visible = now + seconds * 1000;
        Ok(())
    }

    /// Shows every message.
    pub(super) fn show(&mut self, now: u64) {
        for message in self.messages.values_mut() {
            message.visible = message.visible.min(now);
        }
    }

    /// Removes every message.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
    }

    /// When the next message that is held back becomes visible.
    pub(super) fn next_visible(&self, now: u64) -> Option<u64> {
        self.messages.values().map(|message| message.visible).filter(|&at| at > now).min()
    }

    /// Messages sent before this are gone.
    fn oldest(&self, now: u64) -> u64 {
        now.saturating_sub(self.number(RETENTION) * 1000)
    }
}

fn is_of(message: &Stored, receipt: &Receipt) -> bool {
    message.receipt.as_ref() == Some(&receipt.secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000_000;

    fn with(attributes: &[(&str, &str)]) -> Queue {
        let mut queue = Queue::new(START);
        let attributes =
            attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        queue.configure(attributes, START);
        queue
    }

    fn draft(body: &str) -> Draft {
        Draft { body: body.to_owned(), ..Draft::default() }
    }

    fn bodies(queue: &mut Queue, max: usize, now: u64) -> Vec<String> {
        let (taken, _) = queue.receive("q", max, None, None, now);
        taken.into_iter().map(|message| message.body).collect()
    }

    #[test]
    fn a_received_message_is_hidden_until_its_timeout() {
        let mut queue = with(&[("VisibilityTimeout", "5")]);
        queue.send(draft("a"), START).unwrap();
        assert_eq!(bodies(&mut queue, 10, START), ["a"]);
        assert_eq!(bodies(&mut queue, 10, START + 4_999), [""; 0]);
        assert_eq!(queue.next_visible(START), Some(START + 5_000));
        assert_eq!(bodies(&mut queue, 10, START + 5_000), ["a"]);
    }

    #[test]
    fn only_the_latest_receipt_deletes() {
        let mut queue = with(&[("VisibilityTimeout", "5")]);
        queue.send(draft("a"), START).unwrap();
        let receipt = |queue: &mut Queue, now| {
            let (taken, _) = queue.receive("q", 1, None, None, now);
            Receipt::parse(&taken[0].receipt_handle).unwrap()
        };
        let first = receipt(&mut queue, START);
        let second = receipt(&mut queue, START + 5_000);
        queue.delete(&first);
        assert_eq!(queue.counts(START).total(), 1);
        queue.delete(&second);
        assert_eq!(queue.counts(START).total(), 0);
        queue.delete(&second);
    }

    #[test]
    fn visibility_changes_only_while_hidden() {
        let mut queue = with(&[("VisibilityTimeout", "5")]);
        queue.send(draft("a"), START).unwrap();
        let (taken, _) = queue.receive("q", 1, None, None, START);
        let receipt = Receipt::parse(&taken[0].receipt_handle).unwrap();
        queue.hide(&receipt, 60, START + 1_000).unwrap();
        assert_eq!(queue.next_visible(START), Some(START + 61_000));
        assert!(queue.hide(&receipt, 43_201, START).is_err());
        queue.hide(&receipt, 0, START + 2_000).unwrap();
        let late = queue.hide(&receipt, 5, START + 2_000).unwrap_err();
        assert_eq!(late.code, "MessageNotInflight");
        queue.delete(&receipt);
        assert_eq!(queue.hide(&receipt, 5, START).unwrap_err().code, "InvalidParameterValue");
    }

    #[test]
    fn hidden_message_can_be_made_visible() {
        let mut queue = with(&[("VisibilityTimeout", "5")]);
        queue.send(draft("a"), START).unwrap();
        assert_eq!(bodies(&mut queue, 1, START), ["a"]);
        assert_eq!(bodies(&mut queue, 1, START + 1), [""; 0]);
        queue.show(START + 2);
        assert_eq!(bodies(&mut queue, 1, START + 2), ["a"]);
    }

    #[test]
    fn message_received_too_often_leaves_the_queue() {
        let mut queue = with(&[("VisibilityTimeout", "1")]);
        queue.send(draft("a"), START).unwrap();
        for attempt in 0..2 {
            let (taken, dead) = queue.receive("q", 1, None, Some(2), START + attempt * 1_000);
            assert_eq!((taken.len(), dead.len()), (1, 0));
            let count = &taken[0].attributes["ApproximateReceiveCount"];
            assert_eq!(*count, (attempt + 1).to_string());
        }
        let (taken, mut dead) = queue.receive("q", 1, None, Some(2), START + 2_000);
        assert_eq!((taken.len(), dead.len()), (0, 1));

        let mut aside = with(&[]);
        aside.bury(dead.remove(0), "q", START + 2_000);
        let (taken, _) = aside.receive("dead", 1, None, None, START + 2_000);
        let attributes = &taken[0].attributes;
        assert_eq!(attributes["DeadLetterQueueSourceArn"], super::super::arn("q"));
        assert_eq!(attributes["SentTimestamp"], START.to_string());
        assert_eq!(attributes["ApproximateReceiveCount"], "1");
    }

    #[test]
    fn messages_are_counted_by_what_holds_them_back() {
        let mut queue = with(&[("MessageRetentionPeriod", "60")]);
        queue.send(Draft { delay: Some(10), ..draft("delayed") }, START).unwrap();
        queue.send(draft("a"), START).unwrap();
        queue.send(draft("b"), START).unwrap();
        assert_eq!(bodies(&mut queue, 1, START), ["a"]);
        assert_eq!(queue.counts(START), Counts { visible: 1, hidden: 1, delayed: 1 });
        assert_eq!(queue.counts(START + 10_000), Counts { visible: 2, hidden: 1, delayed: 0 });
        assert_eq!(queue.counts(START + 60_001).total(), 0);
        assert_eq!(bodies(&mut queue, 10, START + 60_001), [""; 0]);
    }

    #[test]
    fn a_message_larger_than_the_queue_takes_is_refused() {
        let mut queue = with(&[("MaximumMessageSize", "1024")]);
        queue.send(draft(&"x".repeat(1024)), START).unwrap();
        let refused = queue.send(draft(&"x".repeat(1025)), START).unwrap_err();
        assert!(refused.message.contains("shorter than 1024 bytes"), "{refused}");
    }
}
