//! Event source mappings: a stream or a queue that feeds a function.
//!
//! Names, limits and defaults: Lambda developer guide, "Lambda parameters for
//! Amazon DynamoDB event source mappings" and "… for Amazon SQS …".

use std::time::Duration;

use super::{
    Function, QueueMapping, StreamMapping, error::Fault, intrinsics::Scope, properties::Properties,
};
use crate::filter::Filters;

/// Where a mapping without a past begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    TrimHorizon,
    /// At what comes from now on.
    Latest,
}

/// What is watched or encrypted, and looks the same from inside a function.
const WITHOUT_MEANING: &[&str] = &["KmsKeyArn", "MetricsConfig", "LoggingConfig", "Tags"];

/// `Type: DynamoDB`. `None` if it is switched off.
pub(crate) fn stream(
    scope: &Scope<'_>,
    to: &mut Function,
    properties: &Properties<'_>,
) -> Result<Option<StreamMapping>, Fault> {
    properties.ignore(WITHOUT_MEANING);
    let arn = properties.required("Stream")?;
    let table = properties.table_of_stream("Stream")?;
    let mapping = StreamMapping {
        batch_size: size(properties.number("BatchSize", 1, 10_000)?, 100),
        bisect: properties.boolean("BisectBatchOnFunctionError")?.unwrap_or(false),
        reports_failures: reports_failures(properties)?,
        on_failure: on_failure(properties)?,
        filters: filters(properties)?,
        ..reading(&to.name, table, properties)?
    };
    to.reads_stream(&arn, properties)?;
    if let Some(queue) = &mapping.on_failure {
        to.tells_queue(scope, queue, "DestinationConfig", properties)?;
    }
    Ok(properties.boolean("Enabled")?.unwrap_or(true).then_some(mapping))
}

/// What a mapping and a pipe say in the same words of how a stream is read.
pub(super) fn reading(
    function: &str,
    table: String,
    properties: &Properties<'_>,
) -> Result<StreamMapping, Fault> {
    properties.required("StartingPosition")?;
    let starts = [("TRIM_HORIZON", Start::TrimHorizon), ("LATEST", Start::Latest)];
    let start = properties.one_of("StartingPosition", &starts)?.unwrap_or(Start::Latest);
    let seconds = |number: i64| Duration::from_secs(number.unsigned_abs());
    Ok(StreamMapping {
        function: function.to_owned(),
        table,
        start,
        batch_size: 1,
        window: seconds(properties.number("MaximumBatchingWindowInSeconds", 0, 300)?.unwrap_or(0)),
        bisect: false,
        // -1 stands for: without end.
        retries: properties
            .number("MaximumRetryAttempts", -1, 10_000)?
            .and_then(|number| u32::try_from(number).ok()),
        maximum_age: properties
            .number("MaximumRecordAgeInSeconds", -1, 604_800)?
            .filter(|number| *number >= 0)
            .map(seconds),
        parallelization: size(properties.number("ParallelizationFactor", 1, 10)?, 1),
        reports_failures: false,
        on_failure: None,
        filters: Filters::default(),
    })
}

/// `Type: SQS`. `None` if it is switched off.
pub(crate) fn queue(
    to: &mut Function,
    properties: &Properties<'_>,
) -> Result<Option<QueueMapping>, Fault> {
    properties.ignore(WITHOUT_MEANING);
    let arn = properties.required("Queue")?;
    let queue = properties.queue("Queue")?;
    let maximum_concurrency = match properties.section("ScalingConfig")? {
        None => None,
        Some(scaling) => {
            let number = scaling.number("MaximumConcurrency", 2, 1000)?;
            scaling.finish()?;
            number.and_then(|number| usize::try_from(number).ok())
        }
    };
    let window = properties.number("MaximumBatchingWindowInSeconds", 0, 300)?.unwrap_or(0);
    let batch_size = size(properties.number("BatchSize", 1, 10_000)?, 10);
    if batch_size > 10 && window == 0 {
        return Err(properties
            .fault("BatchSize", "above 10 needs MaximumBatchingWindowInSeconds of at least 1"));
    }
    let mapping = QueueMapping {
        function: to.name.clone(),
        queue,
        batch_size,
        window: Duration::from_secs(window.unsigned_abs()),
        reports_failures: reports_failures(properties)?,
        maximum_concurrency,
        filters: filters(properties)?,
    };
    to.reads_queue(&arn, properties)?;
    Ok(properties.boolean("Enabled")?.unwrap_or(true).then_some(mapping))
}

fn size(number: Option<i64>, default: usize) -> usize {
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
}

fn reports_failures(properties: &Properties<'_>) -> Result<bool, Fault> {
    let types = properties.texts("FunctionResponseTypes")?;
    match types.iter().find(|name| *name != "ReportBatchItemFailures") {
        Some(other) => Err(properties.fault(
            "FunctionResponseTypes",
            format!("knows ReportBatchItemFailures only, not {other}"),
        )),
        None => Ok(!types.is_empty()),
    }
}

/// The queue that `DestinationConfig` names.
pub(super) fn on_failure(properties: &Properties<'_>) -> Result<Option<String>, Fault> {
    let Some(config) = properties.section("DestinationConfig")? else { return Ok(None) };
    let mut queue = None;
    if let Some(destination) = config.section("OnFailure")? {
        // SAM asks for the type only to write a policy.
        destination.only("Type", "SQS")?;
        queue = Some(destination.queue("Destination")?);
        destination.finish()?;
    }
    config.finish()?;
    Ok(queue)
}

pub(super) fn filters(properties: &Properties<'_>) -> Result<Filters, Fault> {
    let Some(criteria) = properties.json("FilterCriteria")? else { return Ok(Filters::default()) };
    let wrong = |message: String| properties.fault("FilterCriteria", message);
    let list = criteria.get("Filters").and_then(serde_json::Value::as_array);
    let list = list.ok_or_else(|| wrong("must hold a list of Filters".to_owned()))?;
    let patterns =
        list.iter().map(|filter| filter.get("Pattern").and_then(serde_json::Value::as_str));
    let patterns: Option<Vec<&str>> = patterns.collect();
    Filters::parse(
        &patterns.ok_or_else(|| wrong("must hold Filters, each with a Pattern".to_owned()))?,
    )
    .map_err(wrong)
}
