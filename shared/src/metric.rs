//! Numbers that an operator watches, printed as log lines from which CloudWatch
//! makes metrics by itself.
//!
//! Source: "Specification: Embedded metric format" in the CloudWatch user
//! guide.

use crate::clock::Timestamp;
use crate::config;
use serde_json::{Value, json};

/// All metrics stand under this name.
const NAMESPACE: &str = "Hongyan";

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
        "function": function,
        "app": app,
        name: n,
    })
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
        assert!(!document.to_string().contains('\n'));
    }
}
