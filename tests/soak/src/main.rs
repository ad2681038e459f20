//! `make soak`: very many invocations of all functions, whose processes live through
//! all of them; and whether memory, file descriptors and times are then as they were
//! when the functions had warmed up. How fast the machine is at the moment tells a function
//! that does nothing, and is asked all the while.
//!
//! The functions are the release binaries in the folder that is the first argument.
//! AWS and WeChat are this machine's own, in this program: it keeps all data in memory,
//! so it grows, by what comes in anew. On AWS rows expire; here the number of people is
//! fixed, and most of what is asked for again and again makes no new row.

mod flat;
mod process;
mod watch;
mod work;
mod world;

use flat::Figures;
use measuring::{say, table};
use process::{Held, Processes};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use watch::{Watch, Window};
use work::Work;
use world::World;

/// So many invocations, unless the second argument says otherwise.
const INVOCATIONS: usize = 1_000_000;
/// So many windows of as many invocations each. In the first one the functions get
/// warm; the second is what the last is compared with.
const WINDOWS: usize = 5;
/// So many clients ask at once.
const CLIENTS: usize = 8;
/// How often it is looked at what the processes hold.
const LOOK: Duration = Duration::from_millis(100);
/// How often somebody who watches is told how far it is.
const TELL: Duration = Duration::from_secs(60);
/// A function that does nothing. What it takes longer for that is the machine's doing,
/// which is shared, and not always as fast.
const NOOP: &str = "noop";
const FUNCTIONS: [&str; 7] = [NOOP, "callback", "events", "followers", "login", "send", "token"];

/// Why a run ends early, or badly.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    measuring::run(INVOCATIONS, async |binaries, invocations| {
        soak(binaries, invocations).await.map_err(|error| -> Box<dyn Error> { error })
    })
}

async fn soak(binaries: &Path, invocations: usize) -> Result<(), Failure> {
    let watch = Watch::of(invocations, WINDOWS);
    let world = Arc::new(World::start(binaries, watch.logs()).await?);
    warm_up(&world).await?;
    let (begun, memory) = (Instant::now(), process::own_memory());
    watch.begin();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (world, watch) = (world.clone(), watch.clone());
        clients.spawn(async move {
            while watch.window() < WINDOWS {
                world.work().await?;
            }
            Ok::<_, Failure>(())
        });
    }
    let (processes, held) = attend(&world, &watch, &mut clients).await?;
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let took = begun.elapsed();
    let acts = world.settle().await?;
    world.stop().await;
    if let Some(failure) = watch.failure() {
        return Err(failure.into());
    }

    say(&format!(
        "{invocations} invocations in {:.0} minutes, {:.0} a second, by {CLIENTS} clients; \
         meanwhile AWS and WeChat went from {} to {} MB. Of {acts} messages and taps, of \
         which the callback heard twice, each was stored once and has taken effect.",
        took.as_secs_f64() / 60.0,
        invocations as f64 / took.as_secs_f64(),
        memory / 1024,
        process::own_memory() / 1024,
    ));
    report(&processes, &watch.windows(), &held)
}

/// Everything happens, at once for as many as there are clients, so that every process
/// has done everything: whoever has hashed a password keeps the memory for it.
async fn warm_up(world: &Arc<World>) -> Result<(), Failure> {
    for work in Work::all() {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let world = world.clone();
            clients.spawn(async move { world.perform(work, client).await });
        }
        while let Some(done) = clients.join_next().await {
            done??;
        }
    }
    Ok(())
}

/// What each function held, look by look, in each window.
type Looks = Vec<BTreeMap<String, Vec<Held>>>;

/// Looks at the processes until the last window is over.
async fn attend(
    world: &World,
    watch: &Watch,
    clients: &mut JoinSet<Result<(), Failure>>,
) -> Result<(Processes, Looks), Failure> {
    let (mut processes, mut looks) = (Processes::default(), vec![BTreeMap::new(); WINDOWS]);
    let mut told = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let held = processes.look(&world.processes())?;
        if let Some(failure) = watch.failure() {
            return Err(failure.into());
        }
        if let Some(ended) = clients.try_join_next() {
            ended??;
        }
        let window = watch.window();
        let Some(looks) = looks.get_mut(window) else { break };
        for (function, held) in held {
            let all: &mut Vec<Held> = looks.entry(function).or_default();
            all.push(held);
        }
        if told.elapsed() > TELL {
            told = Instant::now();
            say(&format!("{} so far", watch.invocations()));
        }
    }
    Ok((processes, looks))
}

/// Prints what each function was like in the window after it was warm and in the last.
///
/// # Errors
///
/// If a function isn't as it was.
fn report(processes: &Processes, windows: &[Window], looks: &Looks) -> Result<(), Failure> {
    say("");
    table::head(&[
        "function",
        "processes",
        "invocations",
        "MB",
        "at the end",
        "open files",
        "at the end",
        "median, ms",
        "at the end",
        "99th of 100, ms",
        "at the end",
    ]);
    // When it was warm, in the last window, and in the faster of the last two: what else
    // this machine had to do passes; what gets slower stays slow.
    let figures = |function: &str| {
        let [first, before, last] = [1, WINDOWS - 2, WINDOWS - 1].map(|window| {
            let times = windows[window].get(function).map(Vec::as_slice).unwrap_or_default();
            let held = looks[window].get(function).map(Vec::as_slice).unwrap_or_default();
            Figures::of(times, held)
        });
        (first, last, last.or_as_fast_as(&before))
    };
    let (first, _, steady) = figures(NOOP);
    let machine = steady.times_as_slow_as(&first);
    let mut grown = Vec::new();
    for function in FUNCTIONS {
        let (first, last, steady) = figures(function);
        if first.invocations == 0 || last.invocations == 0 {
            return Err(format!("{function} was not invoked in every window: ask for more").into());
        }
        let all: usize = windows.iter().filter_map(|it| it.get(function)).map(Vec::len).sum();
        let megabytes = |figures: &Figures| figures.held.memory as f64 / 1024.0;
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        table::row(&[
            function.to_owned(),
            processes.count(function).to_string(),
            table::grouped(all as f64),
            format!("{:.1}", megabytes(&first)),
            format!("{:.1}", megabytes(&last)),
            first.held.files.to_string(),
            last.held.files.to_string(),
            format!("{:.2}", millis(first.median)),
            format!("{:.2}", millis(last.median)),
            format!("{:.1}", millis(first.slowest)),
            format!("{:.1}", millis(last.slowest)),
        ]);
        let more = steady.grown(&first, machine);
        grown.extend(more.into_iter().map(|it| format!("{function}: {it}")));
    }
    say(&format!(
        "\nThe machine was {machine:.2} times as slow at the end as after the first fifth."
    ));
    if grown.is_empty() { Ok(()) } else { Err(grown.join("\n").into()) }
}
