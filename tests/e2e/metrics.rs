//! The metrics that the functions printed.

use crate::world::World;
use serde_json::Value;

/// One value of a metric.
#[derive(Debug)]
pub(crate) struct Metric {
    document: Value,
    pub(crate) value: u64,
}

impl Metric {
    /// A dimension's value. The metric must have the dimension.
    pub(crate) fn dimension(&self, name: &str) -> &str {
        let dimensions = &self.document["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0];
        assert!(dimensions.as_array().unwrap().contains(&name.into()), "{}", self.document);
        self.document[name].as_str().unwrap()
    }
}

impl World {
    /// All values of a metric so far, oldest first, if CloudWatch would take the
    /// lines that they stand in.
    pub(crate) fn metrics(&self, name: &str) -> Vec<Metric> {
        let lines = self.lines();
        let documents =
            lines.iter().filter_map(|line| line.find("{\"_aws\"").map(|at| &line[at..]));
        let mut found = Vec::new();
        for text in documents {
            let document: Value = serde_json::from_str(text).unwrap();
            let directive = &document["_aws"]["CloudWatchMetrics"][0];
            if directive["Metrics"][0]["Name"] != name {
                continue;
            }
            let all = shared::metric::all();
            let series = all.iter().find(|series| series.name == name).unwrap();
            assert_eq!(directive["Dimensions"], serde_json::json!(series.dimensions), "{text}");
            let function = document["function"].as_str().unwrap();
            assert!(series.by.iter().any(|by| function.ends_with(by)), "{text}");
            let dimensions = directive["Dimensions"][0].as_array().unwrap();
            for dimension in dimensions {
                let value = document[dimension.as_str().unwrap()].as_str();
                assert!(value.is_some_and(|value| !value.is_empty()), "{text}");
            }
            let value = document[name].as_u64().unwrap_or_else(|| panic!("no number: {text}"));
            found.push(Metric { document, value });
        }
        found
    }
}
