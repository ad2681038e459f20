//! Prints what was measured.

use crate::corpus::Case;
use crate::race::RaceResult;
use bench::markdown::{self, grouped};

/// Prints the header of a table of cases and implementations, ours first.
pub(crate) fn print_header<'n>(names: impl Iterator<Item = &'n str>) {
    let mut columns = vec!["messages a second of one core"];
    for (column, name) in names.enumerate() {
        columns.push(name);
        columns.push("median");
        if column > 0 {
            columns.push("ours ×");
        }
    }
    markdown::print_header(&columns);
}

/// Prints a case: the messages of the best and of the median round, and the ratio of ours
/// to each. Returns the lowest ratio; `None` without another implementation.
pub(crate) fn print_row(case: &Case, results: &[RaceResult]) -> Option<f64> {
    let mut cells = vec![case.name.to_owned()];
    let ours = results.first();
    let mut lowest: Option<f64> = None;
    for (column, result) in results.iter().enumerate() {
        let (best, median) = (result.best(), result.median());
        let cell = |rate: Option<f64>| rate.map_or("can’t".to_owned(), grouped);
        cells.extend([cell(best), cell(median)]);
        if column > 0 {
            let ratio = ours.and_then(|ours| ours.ratio_to(result));
            cells.push(ratio.map_or(String::new(), |ratio| format!("{ratio:.1}")));
            lowest = [lowest, ratio].into_iter().flatten().reduce(f64::min);
        }
    }
    markdown::print_row(&cells);
    lowest
}

/// Prints the microseconds that each step of our answer takes.
pub(crate) fn print_steps(case: &Case, steps: &[(&str, f64)]) {
    let steps = steps.iter().map(|(name, microseconds)| format!("{name} {microseconds:.2}"));
    bench::print_line(&format!("- {}: {}", case.name, steps.collect::<Vec<_>>().join(", ")));
}
