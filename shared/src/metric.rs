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

/// Counts something that happened `n` times in one app, by its alias. The
/// metric has the dimensions `function` and `app`.
pub fn count(name: &'static str, app: &str, n: u64) {
    let function =
        config::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "unknown".to_owned());
    print(&document(name, &function, app, n, Timestamp::now()));
}

/// One metric as CloudWatch wants it: what is measured under `_aws`, the values
/// beside it.
fn document(name: &str, function: &str, app: &str, n: u64, now: Timestamp) -> Value {
    json!({
        "_aws": {
            "Timestamp": now.0.saturating_mul(1000),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["function", "app"]],
                "Metrics": [{ "Name": name, "Unit": "Count" }],
            }],
        },
        "level": LEVEL,
        "timestamp": rfc3339(now),
        "function": function,
        "app": app,
        name: n,
    })
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
        let document = document("events_failed", "hongyan-local-events", "shop", 3, Timestamp(5));
        assert_eq!(document["_aws"]["Timestamp"], 5000);
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Hongyan");
        let dimensions = directive["Dimensions"][0].as_array().unwrap();
        for dimension in dimensions {
            // CloudWatch drops a metric whose dimension is empty or no text.
            assert!(!document[dimension.as_str().unwrap()].as_str().unwrap().is_empty());
        }
        assert_eq!(document[directive["Metrics"][0]["Name"].as_str().unwrap()], 3);
        assert_eq!(document["level"], "FATAL");
        assert_eq!(document["timestamp"], "1970-01-01T00:00:05Z");
        assert!(!document.to_string().contains('\n'));
    }
}
