//! What was measured, by metric and dimensions.

use std::{collections::BTreeMap, time::Duration};

/// A metric with its dimensions: CloudWatch keeps the values of each set apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    namespace: String,
    metric: String,
    pub(super) dimensions: BTreeMap<String, String>,
}

impl Series {
    pub(super) fn new<'t>(
        namespace: &str,
        metric: &str,
        dimensions: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Self {
        let dimensions = dimensions.into_iter();
        Self {
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            dimensions: dimensions.map(|(name, of)| (name.to_owned(), of.to_owned())).collect(),
        }
    }
}

/// How the values of a period become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    Sum,
    Minimum,
    Maximum,
    Average,
    /// The smallest value that this percentage of the values does not exceed.
    Percentile(f64),
}

impl Statistic {
    /// As an alarm names it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "Average" => Self::Average,
            _ => {
                let percent = text.strip_prefix('p')?.parse().ok()?;
                (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent))?
            }
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number of values is small, and a rank isn't negative"
    )]
    fn aggregate(self, mut values: Vec<f64>) -> Option<f64> {
        values.sort_by(f64::total_cmp);
        let (first, last) = (*values.first()?, *values.last()?);
        let sum: f64 = values.iter().sum();
        Some(match self {
            Self::Sum => sum,
            Self::Minimum => first,
            Self::Maximum => last,
            Self::Average => sum / values.len() as f64,
            Self::Percentile(percent) => {
                let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
                values[rank.clamp(1, values.len()) - 1]
            }
        })
    }
}

/// All values with their times.
#[derive(Debug, Default)]
pub(super) struct Metrics(BTreeMap<Series, Vec<(Duration, f64)>>);

impl Metrics {
    pub(super) fn put(&mut self, series: Series, at: Duration, value: f64) {
        self.0.entry(series).or_default().push((at, value));
    }

    /// The statistic of the values from `from` on and before `to`; none if there are none.
    pub(super) fn read(
        &self,
        series: &Series,
        statistic: Statistic,
        from: Duration,
        to: Duration,
    ) -> Option<f64> {
        let values = self.0.get(series)?.iter();
        statistic
            .aggregate(values.filter(|(at, _)| (from..to).contains(at)).map(|it| it.1).collect())
    }
}
