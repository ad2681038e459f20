//! The same work with few users and with many must use the same resources.

use bench::usage::{MeteredStack, Usage, WORKLOADS};
use bench::{Failure, markdown, median, print_line};
use std::collections::BTreeMap;

/// How often the stacks take turns, so that other work of the machine affects all of them.
const TURNS_EACH: usize = 9;
/// How often each workload is done in a turn. (The sandbox's clock may be 300 seconds ahead
/// of ours.)
const TIMES: usize = 30;
/// A larger ratio of processor times is growth; a smaller one is other work of the machine.
const MAX_RATIO: f64 = 1.25;

/// What one piece of work used of a function, in each round, by workload and function.
type Figures = BTreeMap<(usize, String), Vec<Usage>>;

/// Measures what work uses in these stacks, which are ordered by their number of users.
pub(crate) async fn measure(stacks: &mut [(usize, MeteredStack)]) -> Result<(), Failure> {
    let mut figures = vec![Figures::new(); stacks.len()];
    for round in 0..TURNS_EACH {
        for (number, workload) in WORKLOADS.into_iter().enumerate() {
            for turn in 0..stacks.len() {
                // Each stack is the first equally often.
                let at = (round + turn) % stacks.len();
                measure_turn(&mut stacks[at].1, (number, workload), &mut figures[at]).await?;
            }
        }
    }
    let users: Vec<_> = stacks.iter().map(|(users, _)| *users).collect();
    print_figures(&users, &figures);
    Ok(())
}

async fn measure_turn(
    stack: &mut MeteredStack,
    (number, workload): (usize, &str),
    figures: &mut Figures,
) -> Result<(), Failure> {
    // Starts the processes.
    stack.work(workload, 1).await?;
    let before = stack.usage().await?;
    stack.work(workload, TIMES).await?;
    for (function, after) in stack.usage().await? {
        let used = after.since(before.get(&function), TIMES as f64);
        if used.invocations > 0.5 {
            figures.entry((number, function)).or_default().push(used);
        }
    }
    Ok(())
}

fn print_figures(users: &[usize], stacks: &[Figures]) {
    let counts: Vec<_> = users.iter().map(|users| markdown::grouped(*users as f64)).collect();
    let mut columns = vec!["work".to_owned(), "function".to_owned()];
    columns.extend(counts.iter().map(|count| format!("DynamoDB calls, {count} users")));
    columns.extend(counts.iter().map(|count| format!("processor, ms, {count} users")));
    columns.push("×".to_owned());
    markdown::print_header(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    let (Some(fewest), Some(most)) = (stacks.first(), stacks.last()) else { return };
    let (mut calls_grown, mut max_ratio) = (false, 0.0_f64);
    for (key, few) in fewest {
        let Some(many) = most.get(key) else { continue };
        let of_each = |figure: fn(&[Usage]) -> f64| {
            stacks.iter().map(move |figures| {
                let rounds = figures.get(key).map_or(&[][..], Vec::as_slice);
                format!("{:.2}", figure(rounds))
            })
        };
        let ratio =
            median_of(few.iter().zip(many).map(|(few, many)| many.processor_ms / few.processor_ms));
        let mut cells = vec![WORKLOADS[key.0].to_owned(), key.1.clone()];
        cells.extend(of_each(mean_calls));
        cells.extend(of_each(|rounds| median_of(rounds.iter().map(|used| used.processor_ms))));
        cells.push(format!("{ratio:.2}"));
        markdown::print_row(&cells);
        calls_grown |= mean_calls(many) > mean_calls(few) * 1.02;
        max_ratio = max_ratio.max(ratio);
    }
    print_line("");
    let grown = if calls_grown { "more of them" } else { "as many" };
    markdown::print_goal(
        "the same number of calls of DynamoDB for any number of users",
        grown,
        !calls_grown,
    );
    markdown::print_goal(
        &format!("the same processor time (within {MAX_RATIO} ×)"),
        &format!("{max_ratio:.2} × at most"),
        max_ratio <= MAX_RATIO,
    );
}

/// The mean, because one more call in one round counts.
fn mean_calls(rounds: &[Usage]) -> f64 {
    rounds.iter().map(|used| used.dynamodb).sum::<f64>() / rounds.len().max(1) as f64
}

/// The median, because other work of the machine may disturb one round.
fn median_of(figures: impl Iterator<Item = f64>) -> f64 {
    median(&figures.collect::<Vec<_>>(), f64::total_cmp).unwrap_or_default()
}
