//! The same work among few users and among many: what it uses shall not grow.

use costs::{Usage, WORKS, World};
use measuring::table;
use std::collections::BTreeMap;
use std::error::Error;

/// Each kind of work is done so often. (WeChat's clock may be 300 seconds from ours.)
const TIMES: usize = 200;
/// More processor time than this for the same work is growth; less is what else the
/// machine did.
const FLAT: f64 = 1.25;

/// What one piece of each kind of work uses of each function, of one world.
pub(crate) type Figures = BTreeMap<(usize, String), Usage>;

/// What work uses in this world.
pub(crate) async fn measure(world: &mut World) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures::new();
    for (number, work) in WORKS.into_iter().enumerate() {
        // The first of its kind starts processes.
        world.work(work, 1).await?;
        let before = world.usage().await?;
        world.work(work, TIMES).await?;
        for (function, after) in world.usage().await? {
            let used = after.since(before.get(&function), TIMES as f64);
            if used.invocations > 0.01 {
                figures.insert((number, function), used);
            }
        }
    }
    Ok(figures)
}

/// Prints the figures of worlds with more and more users.
pub(crate) fn tell(worlds: &[(usize, Figures)]) {
    let counts: Vec<_> = worlds.iter().map(|(users, _)| table::grouped(*users as f64)).collect();
    let mut columns = vec!["work".to_owned(), "function".to_owned()];
    columns.extend(counts.iter().map(|count| format!("DynamoDB calls, {count} users")));
    columns.extend(counts.iter().map(|count| format!("processor, ms, {count} users")));
    columns.push("×".to_owned());
    table::head(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    let (Some((_, fewest)), Some((_, most))) = (worlds.first(), worlds.last()) else { return };
    let (mut calls_grown, mut worst) = (false, 0.0_f64);
    for (key, few) in fewest {
        let Some(many) = most.get(key) else { continue };
        let (work, function) = (WORKS[key.0].to_owned(), key.1.clone());
        let of_all = |figure: fn(&Usage) -> String| {
            worlds.iter().map(move |(_, figures)| figures.get(key).map(figure).unwrap_or_default())
        };
        let ratio = many.processor / few.processor;
        let mut cells = vec![work, function];
        cells.extend(of_all(|used| format!("{:.2}", used.dynamodb)));
        cells.extend(of_all(|used| format!("{:.2}", used.processor)));
        cells.push(format!("{ratio:.2}"));
        table::row(&cells);
        calls_grown |= many.dynamodb > few.dynamodb * 1.02;
        worst = worst.max(ratio);
    }
    measuring::say("");
    let calls = if calls_grown { "more of them" } else { "as many" };
    table::goal("the same calls of DynamoDB however many users there are", calls, !calls_grown);
    table::goal(
        &format!("the same processor time (within {FLAT} ×)"),
        &format!("{worst:.2} × at most"),
        worst <= FLAT,
    );
}
