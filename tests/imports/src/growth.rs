//! The same work among few users and among many: what it uses shall not grow.

use costs::{Usage, WORKS, World};
use measuring::{median, table};
use std::collections::BTreeMap;
use std::error::Error;

/// So often the worlds take turns: what else the machine does meets them all.
const ROUNDS: usize = 9;
/// In each turn, each kind of work is done so often. (WeChat's clock may be 300 seconds
/// from ours.)
const TIMES: usize = 30;
/// More processor time than this for the same work is growth; less is what else the
/// machine did.
const FLAT: f64 = 1.25;

/// What one piece of each kind of work used of each function, round by round, of one
/// world.
type Figures = BTreeMap<(usize, String), Vec<Usage>>;

/// Measures what work uses in these worlds, from the one with the fewest users to the one
/// with the most, and prints it.
pub(crate) async fn measure(worlds: &mut [(usize, World)]) -> Result<(), Box<dyn Error>> {
    let mut figures = vec![Figures::new(); worlds.len()];
    for round in 0..ROUNDS {
        for (number, work) in WORKS.into_iter().enumerate() {
            for turn in 0..worlds.len() {
                // Each is the first as often as the others.
                let at = (round + turn) % worlds.len();
                turn_of(&mut worlds[at].1, (number, work), &mut figures[at]).await?;
            }
        }
    }
    let users: Vec<_> = worlds.iter().map(|(users, _)| *users).collect();
    tell(&users, &figures);
    Ok(())
}

async fn turn_of(
    world: &mut World,
    (number, work): (usize, &str),
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    // The first of its kind starts processes.
    world.work(work, 1).await?;
    let before = world.usage().await?;
    world.work(work, TIMES).await?;
    for (function, after) in world.usage().await? {
        let used = after.since(before.get(&function), TIMES as f64);
        if used.invocations > 0.5 {
            figures.entry((number, function)).or_default().push(used);
        }
    }
    Ok(())
}

fn tell(users: &[usize], worlds: &[Figures]) {
    let counts: Vec<_> = users.iter().map(|users| table::grouped(*users as f64)).collect();
    let mut columns = vec!["work".to_owned(), "function".to_owned()];
    columns.extend(counts.iter().map(|count| format!("DynamoDB calls, {count} users")));
    columns.extend(counts.iter().map(|count| format!("processor, ms, {count} users")));
    columns.push("×".to_owned());
    table::head(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    let (Some(fewest), Some(most)) = (worlds.first(), worlds.last()) else { return };
    let (mut calls_grown, mut worst) = (false, 0.0_f64);
    for (key, few) in fewest {
        let Some(many) = most.get(key) else { continue };
        let of_all = |figure: fn(&[Usage]) -> f64| {
            worlds.iter().map(move |figures| {
                let rounds = figures.get(key).map_or(&[][..], Vec::as_slice);
                format!("{:.2}", figure(rounds))
            })
        };
        let ratio = middle(few.iter().zip(many).map(|(few, many)| many.processor / few.processor));
        let mut cells = vec![WORKS[key.0].to_owned(), key.1.clone()];
        cells.extend(of_all(calls));
        cells.extend(of_all(|rounds| middle(rounds.iter().map(|used| used.processor))));
        cells.push(format!("{ratio:.2}"));
        table::row(&cells);
        calls_grown |= calls(many) > calls(few) * 1.02;
        worst = worst.max(ratio);
    }
    measuring::say("");
    let grown = if calls_grown { "more of them" } else { "as many" };
    table::goal("the same calls of DynamoDB however many users there are", grown, !calls_grown);
    table::goal(
        &format!("the same processor time (within {FLAT} ×)"),
        &format!("{worst:.2} × at most"),
        worst <= FLAT,
    );
}

/// The mean: one call more in one round is one call more.
fn calls(rounds: &[Usage]) -> f64 {
    rounds.iter().map(|used| used.dynamodb).sum::<f64>() / rounds.len().max(1) as f64
}

/// The median: what else the machine did in one round says nothing.
fn middle(figures: impl Iterator<Item = f64>) -> f64 {
    median(&figures.collect::<Vec<_>>(), f64::total_cmp).unwrap_or_default()
}
