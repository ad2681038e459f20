//! What was measured, for people to read.

use crate::corpus::Case;
use crate::race::Outcome;
use measuring::table::{self, grouped};

/// The head of a table of cases and of those who race, ourselves first.
pub(crate) fn head<'n>(names: impl Iterator<Item = &'n str>) {
    let mut columns = vec!["a second of one core"];
    for (column, name) in names.enumerate() {
        columns.push(name);
        columns.push("median");
        if column > 0 {
            columns.push("ours ×");
        }
    }
    table::head(&columns);
}

/// A case: how many messages everybody answered in the best round and in the middle
/// one, and how many times as many we did, round by round. Gives what the best of the
/// others has to be multiplied by for ours; nothing if nobody else could.
pub(crate) fn row(case: &Case, outcomes: &[Outcome]) -> Option<f64> {
    let mut cells = vec![case.name.to_owned()];
    let ours = outcomes.first();
    let mut least: Option<f64> = None;
    for (column, outcome) in outcomes.iter().enumerate() {
        let (best, median) = (outcome.best(), outcome.median());
        let told = |rate: Option<f64>| rate.map_or("can’t".to_owned(), grouped);
        cells.extend([told(best), told(median)]);
        if column > 0 {
            let ratio = ours.and_then(|ours| ours.times(outcome));
            cells.push(ratio.map_or(String::new(), |ratio| format!("{ratio:.1}")));
            least = [least, ratio].into_iter().flatten().reduce(f64::min);
        }
    }
    table::row(&cells);
    least
}

/// How many microseconds each part of our answer takes.
pub(crate) fn parts(case: &Case, parts: &[(&str, f64)]) {
    let parts = parts.iter().map(|(name, microseconds)| format!("{name} {microseconds:.2}"));
    measuring::say(&format!("- {}: {}", case.name, parts.collect::<Vec<_>>().join(", ")));
}
