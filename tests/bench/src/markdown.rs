//! Figures as Markdown, so that a program's output can become a part of BENCHMARKS.md.

use crate::print_line;

/// Prints the header of a table. The first column is aligned left, the others right.
pub fn print_header(columns: &[&str]) {
    print_row(columns);
    let alignment =
        columns.iter().enumerate().map(|(column, _)| if column == 0 { "---" } else { "---:" });
    print_row(&alignment.collect::<Vec<_>>());
}

/// Prints a row of a table.
pub fn print_row<C: AsRef<str>>(cells: &[C]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    print_line(&format!("| {} |", cells.join(" | ")));
}

/// A whole number with its thousands separated.
#[must_use]
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Prints whether a goal is reached, and the figure that decides it.
pub fn print_goal(goal: &str, figure: &str, reached: bool) {
    let word = if reached { "reached" } else { "missed" };
    print_line(&format!("- Goal: {goal}. **{word}**, with {figure}."));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_separates_thousands() {
        let all = [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.8, "1,234,568")];
        for (number, expected) in all {
            assert_eq!(grouped(number), expected);
        }
    }
}
