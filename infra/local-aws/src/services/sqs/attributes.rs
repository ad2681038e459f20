//! Names and attributes of queues (`CreateQueue` and `SetQueueAttributes`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::services::refusal::Refusal;

/// An attribute that is a number: its name, the least, the most, and the one without it.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) name: &'static str,
    least: u64,
    most: u64,
    pub(super) default: u64,
}

/// How long a received message stays hidden, in seconds.
pub(super) const VISIBILITY_TIMEOUT: Number =
    Number { name: "VisibilityTimeout", least: 0, most: 43_200, default: 30 };
/// How long a sent message is kept back, in seconds.
pub(super) const DELIVERY_DELAY: Number =
    Number { name: "DelaySeconds", least: 0, most: 900, default: 0 };
/// How large a message may be, in bytes.
pub(super) const MAX_MESSAGE_SIZE: Number =
    Number { name: "MaximumMessageSize", least: 1024, most: 1_048_576, default: 1_048_576 };
/// How long a message is kept, in seconds.
pub(super) const RETENTION: Number =
    Number { name: "MessageRetentionPeriod", least: 60, most: 1_209_600, default: 345_600 };
/// How long a receiver waits for a message, in seconds.
pub(super) const RECEIVE_WAIT: Number =
    Number { name: "ReceiveMessageWaitTimeSeconds", least: 0, most: 20, default: 0 };

/// All attributes that are numbers.
pub(super) const NUMBERS: [Number; 5] =
    [VISIBILITY_TIMEOUT, DELIVERY_DELAY, MAX_MESSAGE_SIZE, RETENTION, RECEIVE_WAIT];

/// Attributes that are remembered and shown, and change nothing here.
const REMEMBERED: [&str; 5] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

/// When a message is moved aside, and where to.
pub(super) struct Redrive {
    /// The dead-letter queue's name.
    pub(super) queue: String,
    /// How often a message may be received; the next receipt moves it.
    pub(super) receives: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    /// A number, or a number as text.
    max_receive_count: Value,
}

impl Redrive {
    /// Reads the attribute `RedrivePolicy`; an empty one is none.
    pub(super) fn parse(policy: &str) -> Result<Option<Self>, Refusal> {
        if policy.is_empty() {
            return Ok(None);
        }
        let invalid = |reason: &str| {
            Refusal::invalid_parameter(format!(
                "Value for parameter RedrivePolicy is invalid. Reason: {reason}"
            ))
        };
        let policy: RedrivePolicy = serde_json::from_str(policy)
            .map_err(|_| invalid("it is JSON with deadLetterTargetArn and maxReceiveCount."))?;
        let receives = match &policy.max_receive_count {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        };
        let receives = receives
            .filter(|receives| (1..=1000).contains(receives))
            .and_then(|receives| u32::try_from(receives).ok())
            .ok_or_else(|| invalid("maxReceiveCount is 1 to 1000."))?;
        let queue = policy
            .dead_letter_target_arn
            .strip_prefix("arn:aws:sqs:")
            .and_then(|rest| rest.rsplit(':').next())
            .filter(|queue| check_name(queue).is_ok())
            .ok_or_else(|| invalid("deadLetterTargetArn is no queue's ARN."))?;
        Ok(Some(Self { queue: queue.to_owned(), receives }))
    }
}

/// Checks a queue's name.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let invalid = |reason: &str| Err(Refusal::invalid_parameter(reason));
    if name.ends_with(".fifo") {
        return invalid("FIFO queues are not served on this machine: choose a name without .fifo");
    }
    let symbol = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !(1..=80).contains(&name.len()) || !name.chars().all(symbol) {
        return invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        );
    }
    Ok(())
}

/// Checks the attributes that a queue is to have.
pub(super) fn check(attributes: &BTreeMap<String, String>) -> Result<(), Refusal> {
    for (name, value) in attributes {
        if let Some(number) = NUMBERS.iter().find(|number| number.name == name) {
            let fits =
                value.parse().is_ok_and(|value: u64| (number.least..=number.most).contains(&value));
            if !fits {
                return Err(Refusal::new(
                    "InvalidAttributeValue",
                    format!(
                        "Invalid value for the parameter {name}: it is {} to {}.",
                        number.least, number.most
                    ),
                ));
            }
        } else if name == "RedrivePolicy" {
            Redrive::parse(value)?;
        } else if matches!(name.as_str(), "FifoQueue" | "ContentBasedDeduplication") {
            return Err(Refusal::new(
                "InvalidAttributeName",
                "FIFO queues are not served on this machine: leave out the attributes of FIFO queues",
            ));
        } else if !REMEMBERED.contains(&name.as_str()) {
            return Err(Refusal::new("InvalidAttributeName", format!("Unknown Attribute {name}.")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_follow_the_documented_limits() {
        let given = |name: &str, value: &str| {
            check(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
                .map_err(|it| it.code.into_owned())
        };
        assert_eq!(given("VisibilityTimeout", "0"), Ok(()));
        assert_eq!(given("VisibilityTimeout", "43201"), Err("InvalidAttributeValue".to_owned()));
        assert_eq!(given("DelaySeconds", "-1"), Err("InvalidAttributeValue".to_owned()));
        assert_eq!(given("MaximumMessageSize", "1048576"), Ok(()));
        assert_eq!(given("MaximumMessageSize", "1048577"), Err("InvalidAttributeValue".to_owned()));
        assert_eq!(given("FifoQueue", "true"), Err("InvalidAttributeName".to_owned()));
        assert_eq!(given("Colour", "red"), Err("InvalidAttributeName".to_owned()));
        assert_eq!(given("Policy", "{}"), Ok(()));
    }

    #[test]
    fn a_redrive_policy_takes_its_number_either_way() {
        for count in ["5", "\"5\""] {
            let policy = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":{count}}}"#
            );
            let redrive = Redrive::parse(&policy).unwrap().unwrap();
            assert_eq!((redrive.queue.as_str(), redrive.receives), ("dead", 5));
        }
        assert!(Redrive::parse("").unwrap().is_none());
        for policy in [
            "nonsense",
            r#"{"maxReceiveCount":5}"#,
            r#"{"deadLetterTargetArn":"dead","maxReceiveCount":5}"#,
            r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":0}"#,
        ] {
            assert!(Redrive::parse(policy).is_err(), "{policy}");
        }
    }

    #[test]
    fn names_of_fifo_queues_are_refused_with_the_reason() {
        assert!(check_name("orders_2-x").is_ok());
        assert!(check_name("orders.fifo").unwrap_err().message.contains("FIFO"));
        assert!(check_name("").is_err());
        assert!(check_name(&"x".repeat(81)).is_err());
        assert!(check_name("a.b").is_err());
    }
}
