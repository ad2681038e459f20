//! What was measured, for people to read.

use crate::corpus::Case;
use crate::race::{Outcome, Racer};

/// How wide a column is.
const WIDTH: usize = 34;

/// The line above the table.
pub(crate) fn heading(racers: &[Racer]) -> String {
    let names = racers.iter().map(|racer| format!("{:<WIDTH$}", racer.name()));
    format!("{:14}{}", "", names.collect::<String>()).trim_end().to_owned()
}

/// A case: how many messages per second everybody answered in the best round,
/// in the middle one, and how many times as many we did.
pub(crate) fn line(case: &Case, outcomes: &[Outcome]) -> String {
    let ours = outcomes.first().and_then(Outcome::best);
    let cells = outcomes.iter().enumerate().map(|(column, outcome)| {
        let (Some(best), Some(median)) = (outcome.best(), outcome.median()) else {
            return format!("{:<WIDTH$}", "can't (see below)");
        };
        let mut cell = format!("{}/s (median {})", grouped(best), grouped(median));
        if let Some(ours) = ours.filter(|_| column > 0) {
            cell = format!("{cell} ×{:.1}", ours / best);
        }
        format!("{cell:<WIDTH$}")
    });
    format!("{:14}{}", case.name, cells.collect::<String>()).trim_end().to_owned()
}

/// Under a case: how many microseconds each of its parts takes us.
pub(crate) fn parts(parts: &[(&str, f64)]) -> String {
    let parts = parts.iter().map(|(name, microseconds)| format!("{name} {microseconds:.2}"));
    format!("{:14}µs: {}", "", parts.collect::<Vec<_>>().join(", "))
}

/// A whole number, its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let all = [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.8, "1,234,568")];
        for (number, expected) in all {
            assert_eq!(grouped(number), expected);
        }
    }
}
