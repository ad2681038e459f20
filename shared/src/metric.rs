//! Metrics, printed as log lines from which CloudWatch extracts them.
//!
//! Sources: "Specification: Embedded metric format" in the CloudWatch user
//! guide, and "Log-level filtering" in the Lambda developer guide: Lambda takes a
//! line without a `level`, or without a `timestamp` beside it, for INFO, and an
//! operator who wants only warnings would lose every metric. So these lines
//! have the level that is never filtered.

mod all;

pub use all::*;

use crate::clock::Timestamp;
use crate::config;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Hongyan";

/// The level that no configuration filters. It says nothing about the metric.
const LEVEL: &str = "FATAL";

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number.
    Count,
    /// Milliseconds.
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

/// A metric with its unit and dimensions.
#[derive(Debug)]
pub struct Metric<const N: usize> {
    name: &'static str,
    unit: Unit,
    /// The dimensions after `function`. Each has few values, because CloudWatch bills a metric
    /// for each combination, and none that identifies a person.
    dimensions: [&'static str; N],
    /// Subsets of the dimensions under which the values are recorded as well: an alarm can't
    /// aggregate over a dimension.
    totals: &'static [&'static [&'static str]],
    /// The functions that record it, by the last part of their names.
    by: &'static [&'static str],
}

impl<const N: usize> Metric<N> {
    /// Records one value, with the values of the dimensions in order. An empty one becomes
    /// `none`.
    pub fn record(&self, value: u64, of: [&str; N]) {
        let function =
            config::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "unknown".to_owned());
        print(&self.document(value, &function, of, Timestamp::now()));
    }

    /// One value in CloudWatch's embedded metric format.
    fn document(&self, value: u64, function: &str, of: [&str; N], now: Timestamp) -> Value {
        let Series { name, unit, dimensions, .. } = self.series();
        let mut document = json!({
            "_aws": {
                "Timestamp": now.0.saturating_mul(1000),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": dimensions,
                    "Metrics": [{ "Name": name, "Unit": unit.as_str() }],
                }],
            },
            "level": LEVEL,
            "timestamp": rfc3339(now),
            "function": function,
            name: value,
        });
        for (name, value) in self.dimensions.iter().zip(of) {
            // CloudWatch drops a metric whose dimension is empty.
            document[*name] = json!(if value.is_empty() { "none" } else { value });
        }
        document
    }

    /// The metric's series in CloudWatch.
    #[must_use]
    pub fn series(&self) -> Series {
        let set = |names: &[&'static str]| {
            std::iter::once("function").chain(names.iter().copied()).collect::<Vec<_>>()
        };
        let totals = self.totals.iter().map(|names| set(names));
        Series {
            name: self.name,
            unit: self.unit,
            dimensions: std::iter::once(set(&self.dimensions)).chain(totals).collect(),
            by: self.by,
        }
    }
}

/// What CloudWatch keeps of a metric, for those who write alarms and graphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The metric's name.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// The sets of dimensions under which it is kept, the largest first.
    pub dimensions: Vec<Vec<&'static str>>,
    /// The functions that record it, by the last part of their names.
    pub by: &'static [&'static str],
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

    const METRIC: Metric<3> = Metric {
        name: "latency",
        unit: Unit::Milliseconds,
        dimensions: ["app", "code", "channel"],
        totals: &[&["code"], &[]],
        by: &["send"],
    };

    #[test]
    fn every_dimension_and_metric_has_its_value_beside_it() {
        let of = ["shop", "", "template"];
        let document = METRIC.document(93, "hongyan-local-send", of, Timestamp(5));
        assert_eq!(document["_aws"]["Timestamp"], 5000);
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Hongyan");
        let sets =
            json!([["function", "app", "code", "channel"], ["function", "code"], ["function"]]);
        assert_eq!(directive["Dimensions"], sets);
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

    /// An alarm looks at what is left when dimensions are taken away, and a
    /// dimension that isn't there can't be.
    #[test]
    fn totals_have_some_of_the_dimensions() {
        for series in all() {
            let (whole, totals) = series.dimensions.split_first().unwrap();
            for total in totals {
                assert!(total.len() < whole.len(), "{series:?}");
                assert!(total.iter().all(|name| whole.contains(name)), "{series:?}");
            }
        }
    }

    #[test]
    fn units_are_spelled_as_cloudwatch_spells_them() {
        let units = [Unit::Count, Unit::Milliseconds, Unit::Seconds];
        assert_eq!(units.map(Unit::as_str), ["Count", "Milliseconds", "Seconds"]);
    }
}
