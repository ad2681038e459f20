//! Reads metrics from log lines ("Specification: Embedded metric format" in the CloudWatch
//! user guide).

use serde_json::Value as Json;

use super::series::Series;

/// How a document begins that has metrics. Another order of names would be allowed.
const BEGINNING: &str = "{\"_aws\"";

/// The metrics of a line, under each of their sets of dimensions.
pub(super) fn read(line: &str) -> Option<Vec<(Series, f64)>> {
    let document: Json = serde_json::from_str(line.strip_prefix(BEGINNING).map(|_| line)?).ok()?;
    let mut found = Vec::new();
    for directive in document["_aws"]["CloudWatchMetrics"].as_array()? {
        let namespace = directive["Namespace"].as_str()?;
        for metric in directive["Metrics"].as_array()? {
            let name = metric["Name"].as_str()?;
            let value = document[name].as_f64()?;
            for set in directive["Dimensions"].as_array()? {
                // CloudWatch drops a metric whose dimension has no text beside it.
                let dimensions: Option<Vec<_>> = set
                    .as_array()?
                    .iter()
                    .map(|dimension| {
                        let dimension = dimension.as_str()?;
                        let of = document[dimension].as_str().filter(|of| !of.is_empty())?;
                        Some((dimension, of))
                    })
                    .collect();
                found.extend(dimensions.map(|of| (Series::new(namespace, name, of), value)));
            }
        }
    }
    Some(found)
}
