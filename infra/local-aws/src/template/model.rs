//! What a template is made of.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{Every, Start};
use crate::{
    filter::Filters,
    services::{
        EventInvokeConfig,
        permission::{Policy, Use},
        ssm::Kind,
    },
};

/// A Lambda function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its key in the template.
    pub logical_id: String,
    /// What Lambda Invoke calls it.
    pub name: String,
    /// The binary: the name of the folder in `CodeUri`.
    pub binary: String,
    /// `CodeUri`.
    pub code: String,
    /// The folder that the binary is in, if not that of all others.
    pub folder: Option<PathBuf>,
    /// What it is for, as lists of functions show it.
    pub description: String,
    /// `_HANDLER`.
    pub handler: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// In MB. Told to the function, not enforced.
    pub memory: u32,
    /// How many invocations may run at once; further ones are throttled.
    pub reserved_concurrency: Option<usize>,
    /// What happens to events with which it fails.
    pub event_invoke_config: EventInvokeConfig,
    /// What its role is called.
    pub role: String,
    /// What that role may do.
    pub policy: Policy,
    /// Whether the template writes that role itself. Otherwise SAM makes it.
    pub has_own_role: bool,
    /// What Lambda does with that role in the function's name, if it is the
    /// template's own: logging, tracing, reading streams and queues, telling queues
    /// of what failed.
    pub execution_role_uses: Vec<Use>,
    /// Where its log would go.
    pub log_group: String,
    /// From which level on it logs (`AWS_LAMBDA_LOG_LEVEL`), if the template says.
    pub log_level: Option<String>,
    /// The template's environment variables.
    pub variables: BTreeMap<String, String>,
}

/// A function that the clock invokes.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// What the schedule is called.
    pub name: String,
    /// The function's name.
    pub function: String,
    /// How often.
    pub every: Every,
    /// The event, if the template writes one.
    pub input: Option<String>,
    /// `ScheduleV2` (EventBridge Scheduler) rather than `Schedule` (a rule):
    /// the two send different events.
    pub scheduler: bool,
}

/// A rule of a bus, and the function that it tells.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the rule is called.
    pub name: String,
    /// The function's name.
    pub function: String,
    /// The bus's name.
    pub bus: String,
    /// Which events it is about.
    pub pattern: Filters,
}

/// A table's stream that feeds a function.
#[derive(Clone, Debug)]
pub struct StreamMapping {
    /// The function's name.
    pub function: String,
    /// The table's name.
    pub table: String,
    /// Where a mapping without a past begins.
    pub start: Start,
    /// How many records at most go into one invocation.
    pub batch_size: usize,
    /// How long to wait for a batch to fill.
    pub window: Duration,
    /// Whether a failed batch is cut in two.
    pub bisect: bool,
    /// How often a batch is tried again; `None` is without end.
    pub retries: Option<u32>,
    /// Records older than this are given up; `None` is never.
    pub maximum_age: Option<Duration>,
    /// How many batches run at once; a key's records stay in order.
    pub parallelization: usize,
    /// Whether the function names the records that failed.
    pub reports_failures: bool,
    /// The queue that is told of what was given up.
    pub on_failure: Option<String>,
    /// Which records the function wants.
    pub filters: Filters,
}

/// A table's stream that goes to a bus, by way of a function.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// What the pipe is called.
    pub name: String,
    /// How the stream is read. The function enriches: it makes events of records.
    pub stream: StreamMapping,
    /// Where the events go.
    pub target: BusTarget,
}

/// A bus, and what is said of each event that a pipe brings to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusTarget {
    /// The bus's name.
    pub bus: String,
    /// `source`
    pub source: String,
    /// `detail-type`
    pub detail_type: String,
    /// `resources`
    pub resources: Vec<String>,
}

/// A queue that feeds a function.
#[derive(Clone, Debug)]
pub struct QueueMapping {
    /// The function's name.
    pub function: String,
    /// The queue's name.
    pub queue: String,
    /// How many messages at most go into one invocation.
    pub batch_size: usize,
    /// How long to wait for a batch to fill.
    pub window: Duration,
    /// Whether the function names the messages that failed.
    pub reports_failures: bool,
    /// How many invocations may run at once (`ScalingConfig`).
    pub maximum_concurrency: Option<usize>,
    /// Which messages the function wants.
    pub filters: Filters,
}

/// A parameter of the Parameter Store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredParameter {
    /// Its name, with the path.
    pub name: String,
    /// What it is; never a secret.
    pub kind: Kind,
    /// Its value.
    pub value: String,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// As `CreateQueue` takes them.
    pub attributes: BTreeMap<String, String>,
}
