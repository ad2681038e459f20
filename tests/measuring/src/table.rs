//! Figures as Markdown has them, so that what a program prints can stand in a page.

use crate::say;

/// Prints the head of a table. What is told stands on the left, its figures on the right.
pub fn head(columns: &[&str]) {
    row(columns);
    let sides =
        columns.iter().enumerate().map(|(column, _)| if column == 0 { "---" } else { "---:" });
    row(&sides.collect::<Vec<_>>());
}

/// Prints a line of a table.
pub fn row<C: AsRef<str>>(cells: &[C]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    say(&format!("| {} |", cells.join(" | ")));
}

/// A whole number, its thousands apart.
#[must_use]
pub fn grouped(number: f64) -> String {
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

/// Prints whether a goal is reached, and by which figure.
pub fn goal(goal: &str, figure: &str, reached: bool) {
    let word = if reached { "reached" } else { "missed" };
    say(&format!("- Goal: {goal}. **{word}**, with {figure}."));
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
