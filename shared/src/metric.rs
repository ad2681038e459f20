//! Numbers that an operator watches, printed as log lines from which CloudWatch
//! makes metrics by itself.
//!
//! Sources: "Specification: Embedded metric format" in the CloudWatch user
//! guide, and "Log-level filtering" in the Lambda developer guide: Lambda takes a
//! line without a `level`, or without a `timestamp` beside it, for INFO, and an
//! operator who wants only warnings would lose every metric. So these lines
//! have the level that is never filtered.

use crate::clock::Timestamp;
use crate::config;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

/// All metrics stand under this name.
const NAMESPACE: &str = "Hongyan";

/// The least detailed level there is. It says nothing about what was counted.
const LEVEL: &str = "FATAL";

/// What a value of [`record`] is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// As CloudWatch spells it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// Counts something that happened `n` times in one app, by its alias. The
/// metric has the dimensions `function` and `app`.
pub fn count(name: &'static str, app: &str, n: u64) {
    record(name, Unit::Count, n, &[("app", app)]);
}

/// Records one value, with the dimension `function` and after it these.
///
/// There may be 29 of them, each with a value that isn't empty: an empty one
/// becomes `none`. A value is one of few and says nothing about a person, as
/// CloudWatch makes, and bills, a metric for each combination.
pub fn record(name: &'static str, unit: Unit, value: u64, dimensions: &[(&'static str, &str)]) {
    let function =
        config::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "unknown".to_owned());
    print(&document(name, unit, value, &function, dimensions, Timestamp::now()));
}

/// One metric as CloudWatch wants it: what is measured under `_aws`, the values
/// beside it.
fn document(
    name: &str,
    unit: Unit,
    value: u64,
    function: &str,
    dimensions: &[(&'static str, &str)],
    now: Timestamp,
) -> Value {
    let names: Vec<_> =
        std::iter::once("function").chain(dimensions.iter().map(|(name, _)| *name)).collect();
    let mut document = json!({
        "_aws": {
            "Timestamp": now.0.saturating_mul(1000),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": [{ "Name": name, "Unit": unit.as_str() }],
            }],
        },
        "level": LEVEL,
        "timestamp": rfc3339(now),
        "function": function,
        name: value,
    });
    for (name, value) in dimensions {
        // CloudWatch drops a metric whose dimension is empty.
        document[*name] = json!(if value.is_empty() { "none" } else { value });
    }
    document
}

fn rfc3339(now: Timestamp) -> Option<String> {
    DateTime::from_secs(i64::try_from(now.0).ok()?).fmt(Format::DateTime).ok()
}

#[expect(clippy::print_stdout, reason = "a metric is a line of its own, not part of a log line")]
fn print(document: &Value) {
    println!("{document}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_and_metric_has_its_value_beside_it() {
        let of = [("app", "shop"), ("code", ""), ("channel", "template")];
        let document =
            document("latency", Unit::Milliseconds, 93, "hongyan-local-send", &of, Timestamp(5));
        assert_eq!(document["_aws"]["Timestamp"], 5000);
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Hongyan");
        assert_eq!(directive["Dimensions"], json!([["function", "app", "code", "channel"]]));
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            // CloudWatch drops a metric whose dimension is empty or no text.
            assert!(!document[dimension.as_str().unwrap()].as_str().unwrap().is_empty());
        }
        assert_eq!((&document["app"], &document["code"]), (&json!("shop"), &json!("none")));
        assert_eq!(directive["Metrics"][0]["Unit"], "Milliseconds");
        assert_eq!(document[directive["Metrics"][0]["Name"].as_str().unwrap()], 93);
        assert_eq!(document["level"], "FATAL");
        assert_eq!(document["timestamp"], "1970-01-01T00:00:05Z");
        assert!(!document.to_string().contains('\n'));
    }

    #[test]
    fn units_are_spelled_as_cloudwatch_spells_them() {
        let units = [Unit::Count, Unit::Milliseconds, Unit::Seconds];
        assert_eq!(units.map(Unit::as_str), ["Count", "Milliseconds", "Seconds"]);
    }
}
