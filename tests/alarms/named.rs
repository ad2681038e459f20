//! The metrics that alarms and graphs name.

use serde_json::Value;
use std::collections::BTreeMap;

/// A metric as it is named.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) namespace: String,
    pub(crate) metric: String,
    /// The names of the dimensions, as they are written.
    pub(crate) dimensions: Vec<String>,
    /// The values of those that are fixed.
    pub(crate) values: BTreeMap<String, String>,
}

impl Named {
    /// Whether it is this one, of this.
    pub(crate) fn is(&self, namespace: &str, metric: &str, of: &str) -> bool {
        self.namespace == namespace
            && self.metric == metric
            && self.values.values().any(|value| value == of)
    }
}

/// What an alarm looks at: its own metric, or those of its `Metrics`.
pub(crate) fn named_by_alarm(alarm: &Value) -> Vec<Named> {
    let several = alarm["Metrics"].as_array().into_iter().flatten();
    let several = several.map(|query| &query["MetricStat"]["Metric"]);
    let named = std::iter::once(alarm).chain(several).filter_map(|metric| {
        let pairs = metric["Dimensions"].as_array()?;
        let pairs = pairs.iter().map(|pair| (text(&pair["Name"]), text(&pair["Value"])));
        let pairs: Vec<_> = pairs.collect();
        Some(Named {
            namespace: text(&metric["Namespace"]),
            metric: text(&metric["MetricName"]),
            dimensions: pairs.iter().map(|(name, _)| name.clone()).collect(),
            values: pairs.into_iter().collect(),
        })
    });
    named.collect()
}

/// What a widget shows ("Dashboard body structure and syntax" in the CloudWatch API
/// reference), if it is one of metrics.
pub(crate) fn named_by_widget(widget: &Value) -> Result<Vec<Named>, String> {
    let metrics = widget["properties"]["metrics"].as_array().into_iter().flatten();
    let mut named = Vec::new();
    for metric in metrics {
        let parts = metric.as_array().ok_or("a metric is a list")?;
        if let Some(expression) = parts.first().and_then(|it| it["expression"].as_str()) {
            // Arithmetic with metrics that are named elsewhere names none.
            if expression.contains("SEARCH") {
                named.push(search(expression).ok_or(format!("can't be read: {expression}"))?);
            }
            continue;
        }
        let texts: Vec<_> = parts.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let [namespace, metric, pairs @ ..] = texts.as_slice() else {
            return Err(format!("names no metric: {metric}"));
        };
        named.push(Named {
            namespace: namespace.clone(),
            metric: metric.clone(),
            dimensions: pairs.iter().step_by(2).cloned().collect(),
            values: pairs.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
        });
    }
    Ok(named)
}

/// Reads `SEARCH('{namespace,dimension,…} name="value" …', 'statistic', period)`
/// ("CloudWatch search expression syntax" in the user guide).
fn search(expression: &str) -> Option<Named> {
    let (schema, rest) = expression.split_once("SEARCH('{")?.1.split_once('}')?;
    let (terms, _) = rest.split_once('\'')?;
    let mut names = schema.split(',').map(str::to_owned);
    let namespace = names.next()?;
    let mut values = BTreeMap::new();
    let mut excluded = false;
    for term in terms.split_whitespace() {
        if term == "NOT" {
            excluded = true;
            continue;
        }
        let (name, value) = term.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        if !std::mem::take(&mut excluded) {
            values.insert(name.to_owned(), value.to_owned());
        }
    }
    let metric = values.remove("MetricName")?;
    let dimensions: Vec<_> = names.collect();
    values.keys().all(|name| dimensions.contains(name)).then_some(())?;
    Some(Named { namespace, metric, dimensions, values })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
