//! One alarm: what it looks at, and when its condition is met.
//!
//! An evaluation looks at the last periods only. CloudWatch may look at some earlier ones
//! when data is missing, so an alarm may begin and end somewhat later there.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value as Json;

use super::{
    AlarmState,
    expression::Expression,
    series::{Metrics, Series, Statistic},
};

/// What doesn't change when an alarm begins.
const IGNORED: [&str; 6] =
    ["LogicalId", "AlarmName", "AlarmDescription", "AlarmActions", "OKActions", "TreatMissingData"];

/// An alarm.
pub(super) struct Alarm {
    /// Its logical id in the template.
    pub(super) id: String,
    metrics: BTreeMap<String, (Series, Statistic)>,
    value: Expression,
    pub(super) period: Duration,
    /// How many periods an evaluation looks at.
    pub(super) periods: u32,
    /// In how many of them the condition has to be met.
    needed: u32,
    comparison: Comparison,
    threshold: f64,
    /// Whether a period without data meets the condition.
    missing_breaches: bool,
}

#[derive(Clone, Copy)]
enum Comparison {
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

impl Alarm {
    /// Reads an alarm's properties. One that this model doesn't have is an error.
    pub(super) fn read(alarm: &Json) -> Result<Self, String> {
        let id = alarm["LogicalId"].as_str().unwrap_or_default().to_owned();
        Self::parse(&id, alarm).map_err(|problem| format!("{id}: {problem}"))
    }

    fn parse(id: &str, alarm: &Json) -> Result<Self, String> {
        let mut read = Properties { of: alarm, read: IGNORED.map(str::to_owned).to_vec() };
        let (metrics, value, period) = match read.get("Metrics").as_array() {
            Some(queries) => queried(queries)?,
            None => {
                let metric = metric(&mut read, "Statistic")?;
                let period = period(&mut read)?;
                let metrics = BTreeMap::from([(String::new(), metric)]);
                (metrics, Expression::Metric(String::new()), period)
            }
        };
        let periods = whole(read.get("EvaluationPeriods")).ok_or("no EvaluationPeriods")?;
        let needed = match read.get("DatapointsToAlarm") {
            Json::Null => periods,
            needed => whole(needed).ok_or("DatapointsToAlarm isn't a number")?,
        };
        let comparison = match read.text("ComparisonOperator")? {
            "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
            "GreaterThanThreshold" => Comparison::Greater,
            "LessThanOrEqualToThreshold" => Comparison::LessOrEqual,
            "LessThanThreshold" => Comparison::Less,
            other => return Err(format!("`{other}` isn't modelled")),
        };
        let missing_breaches = match alarm["TreatMissingData"].as_str() {
            Some("breaching") => true,
            Some("notBreaching") => false,
            other => return Err(format!("TreatMissingData {other:?} isn't modelled")),
        };
        let threshold = number(read.get("Threshold")).ok_or("no Threshold")?;
        read.finish()?;
        Ok(Self {
            id: id.to_owned(),
            metrics,
            value,
            period,
            periods,
            needed,
            comparison,
            threshold,
            missing_breaches,
        })
    }

    /// The values of a dimension in what it looks at.
    pub(super) fn values_of<'a>(&'a self, dimension: &str) -> impl Iterator<Item = &'a str> {
        let values = self
            .metrics
            .values()
            .filter_map(move |(series, _)| series.dimensions.get(dimension).map(String::as_str));
        values.collect::<Vec<_>>().into_iter()
    }

    /// Whether the condition is met in the period that ends at `end`.
    pub(super) fn is_breaching(&self, metrics: &Metrics, end: Duration) -> bool {
        let start = end.saturating_sub(self.period);
        let metric = |id: &str| {
            let (series, statistic) = self.metrics.get(id)?;
            metrics.read(series, *statistic, start, end)
        };
        let Some(value) = self.value.evaluate(&metric) else { return self.missing_breaches };
        match self.comparison {
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Greater => value > self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
            Comparison::Less => value < self.threshold,
        }
    }

    /// The state at `now`.
    pub(super) fn evaluate(&self, metrics: &Metrics, now: Duration) -> AlarmState {
        let ends = (0..self.periods).map(|before| now.saturating_sub(self.period * before));
        let breaching = ends.filter(|end| self.is_breaching(metrics, *end)).count();
        let is_met = breaching >= usize::try_from(self.needed).unwrap_or(usize::MAX);
        if is_met { AlarmState::Alarm } else { AlarmState::Ok }
    }
}

type Queried = (BTreeMap<String, (Series, Statistic)>, Expression, Duration);

/// Reads an alarm's `Metrics`: one expression that is returned, and metrics of one period.
fn queried(queries: &[Json]) -> Result<Queried, String> {
    let mut metrics = BTreeMap::new();
    let mut values = Vec::new();
    let mut periods = Vec::new();
    for query in queries {
        let mut read = Properties { of: query, read: vec!["Label".to_owned()] };
        let id = read.text("Id")?.to_owned();
        let is_returned = read.get("ReturnData") != &Json::Bool(false);
        let expression = read.get("Expression").as_str().map(|text| {
            Expression::parse(text).ok_or(format!("the expression `{text}` isn't modelled"))
        });
        if let Some(expression) = expression {
            values.push(expression?);
        } else {
            let stat = read.get("MetricStat");
            let mut read = Properties { of: stat, read: vec!["Metric".to_owned()] };
            let mut of = Properties { of: &stat["Metric"], read: Vec::new() };
            let statistic = read.text("Stat")?.to_owned();
            periods.push(period(&mut read)?);
            let series = series(&mut of)?;
            of.finish()?;
            read.finish()?;
            let statistic = Statistic::parse(&statistic)
                .ok_or(format!("the statistic {statistic} isn't modelled"))?;
            metrics.insert(id.clone(), (series, statistic));
            values.extend(is_returned.then_some(Expression::Metric(id)));
        }
        read.finish()?;
    }
    let [value] = values.as_slice() else { return Err("returns not one value".to_owned()) };
    if let Some(unknown) = value.metrics().into_iter().find(|id| !metrics.contains_key(*id)) {
        return Err(format!("there is no metric `{unknown}`"));
    }
    periods.dedup();
    let [period] = periods.as_slice() else { return Err("has not one period".to_owned()) };
    Ok((metrics, value.clone(), *period))
}

fn metric(read: &mut Properties<'_>, statistic: &str) -> Result<(Series, Statistic), String> {
    let series = series(read)?;
    let extended = read.get("ExtendedStatistic").as_str();
    let name = extended.or(read.get(statistic).as_str()).ok_or("no statistic")?;
    let statistic = Statistic::parse(name).ok_or(format!("the statistic {name} isn't modelled"))?;
    Ok((series, statistic))
}

fn series(read: &mut Properties<'_>) -> Result<Series, String> {
    let (namespace, metric) = (read.text("Namespace")?, read.text("MetricName")?);
    let pairs = read.get("Dimensions").as_array().ok_or("no Dimensions")?.iter();
    let pairs = pairs.map(|pair| Some((pair["Name"].as_str()?, pair["Value"].as_str()?)));
    let pairs: Option<Vec<_>> = pairs.collect();
    Ok(Series::new(namespace, metric, pairs.ok_or("a dimension has no text")?))
}

fn period(read: &mut Properties<'_>) -> Result<Duration, String> {
    let seconds = whole(read.get("Period")).ok_or("no Period")?;
    if seconds == 0 || !seconds.is_multiple_of(60) {
        return Err("a Period that isn't whole minutes isn't modelled".to_owned());
    }
    Ok(Duration::from_secs(seconds.into()))
}

/// CloudFormation takes a number as a text, too.
fn number(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn whole(value: &Json) -> Option<u32> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().ok()
}

/// Properties, of which each has to be read.
struct Properties<'a> {
    of: &'a Json,
    read: Vec<String>,
}

impl<'a> Properties<'a> {
    fn get(&mut self, name: &str) -> &'a Json {
        self.read.push(name.to_owned());
        &self.of[name]
    }

    fn text(&mut self, name: &str) -> Result<&'a str, String> {
        self.get(name).as_str().ok_or(format!("no {name}"))
    }

    /// Refuses what wasn't read.
    fn finish(self) -> Result<(), String> {
        let names = self.of.as_object().into_iter().flat_map(|of| of.keys());
        let mut unread = names.filter(|name| !self.read.contains(name));
        unread.next().map_or(Ok(()), |name| Err(format!("`{name}` isn't modelled")))
    }
}
