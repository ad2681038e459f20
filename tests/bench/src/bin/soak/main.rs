//! `make soak`: a million invocations of all functions, each in the same processes
//! throughout. Checks that memory, open files and times at the end are as after the
//! warm-up. A function that does nothing shows how fast the machine is meanwhile.
//!
//! The first argument is the folder with the release binaries, the second the number of
//! invocations. The local AWS and the sandbox run in this program and keep all data in
//! memory, so it grows. On AWS rows expire; here the number of people is constant, and
//! most repeated tasks add no row.

mod clients;
mod growth;
mod observer;
mod resources;
mod task;

use bench::stack::{FUNCTIONS, NOOP};
use bench::{Failure, markdown, print_line};
use clients::Clients;
use growth::Figures;
use observer::{InvocationObserver, WindowDurations};
use resources::{Processes, Resources};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use task::Task;
use tokio::task::JoinSet;

/// The default number of invocations.
const INVOCATIONS: usize = 1_000_000;
/// The invocations are divided into windows. In the first one the functions warm up; the
/// last one is compared with the second.
const WINDOWS: usize = 5;
/// Concurrent clients.
const CLIENTS: usize = 8;
/// The interval of the samples of memory and files.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// The interval of the lines about the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    bench::run(INVOCATIONS, soak)
}

async fn soak(binaries: &Path, invocations: usize) -> Result<(), Failure> {
    let observer = InvocationObserver::new(invocations, WINDOWS);
    let clients = Arc::new(Clients::start(binaries, observer.logs()).await?);
    warm_up(&clients).await?;
    let (begun, memory) = (Instant::now(), resources::own_memory_kb());
    observer.begin();
    let mut running = JoinSet::new();
    for _ in 0..CLIENTS {
        let (clients, observer) = (clients.clone(), observer.clone());
        running.spawn(async move {
            while observer.window() < WINDOWS {
                clients.do_next().await?;
            }
            Ok::<_, Failure>(())
        });
    }
    let (processes, samples) = sample_until_end(&clients, &observer, &mut running).await?;
    while let Some(client) = running.join_next().await {
        client??;
    }
    let took = begun.elapsed();
    let actions = clients.finish().await?;
    clients.stop().await;
    if let Some(failure) = observer.failure() {
        return Err(failure.into());
    }

    print_line(&format!(
        "{invocations} invocations in {:.0} minutes, {:.0} a second, by {CLIENTS} clients; \
         meanwhile the memory of the local AWS and the sandbox grew from {} to {} MB. Each of \
         {actions} messages and menu taps, which were pushed twice, was stored and applied once.",
        took.as_secs_f64() / 60.0,
        invocations as f64 / took.as_secs_f64(),
        memory / 1024,
        resources::own_memory_kb() / 1024,
    ));
    report(&processes, &observer.windows(), &samples)
}

/// Every client does every task concurrently, so that every process has done everything:
/// for example, it keeps the memory for hashing a password.
async fn warm_up(clients: &Arc<Clients>) -> Result<(), Failure> {
    for task in Task::all() {
        let mut running = JoinSet::new();
        for client in 0..CLIENTS {
            let clients = clients.clone();
            running.spawn(async move { clients.perform(task, client).await });
        }
        while let Some(done) = running.join_next().await {
            done??;
        }
    }
    Ok(())
}

/// The samples of each window, by function.
type Samples = Vec<BTreeMap<String, Vec<Resources>>>;

/// Samples the processes until the last window ends.
async fn sample_until_end(
    clients: &Clients,
    observer: &InvocationObserver,
    running: &mut JoinSet<Result<(), Failure>>,
) -> Result<(Processes, Samples), Failure> {
    let (mut processes, mut samples) = (Processes::default(), vec![BTreeMap::new(); WINDOWS]);
    let mut printed = Instant::now();
    loop {
        tokio::time::sleep(SAMPLE_INTERVAL).await;
        let sample = processes.sample(&clients.stack.cloud.processes())?;
        if let Some(failure) = observer.failure() {
            return Err(failure.into());
        }
        if let Some(ended) = running.try_join_next() {
            ended??;
        }
        let window = observer.window();
        let Some(samples) = samples.get_mut(window) else { break };
        for (function, resources) in sample {
            let all: &mut Vec<Resources> = samples.entry(function).or_default();
            all.push(resources);
        }
        if printed.elapsed() > PROGRESS_INTERVAL {
            printed = Instant::now();
            print_line(&format!("{} so far", observer.invocations()));
        }
    }
    Ok((processes, samples))
}

/// Prints the figures of each function in the window after the warm-up and in the last.
///
/// # Errors
///
/// If a function's figures have grown.
fn report(
    processes: &Processes,
    windows: &[WindowDurations],
    samples: &Samples,
) -> Result<(), Failure> {
    print_line("");
    markdown::print_header(&[
        "function",
        "processes",
        "invocations",
        "MB",
        "at the end",
        "open files",
        "at the end",
        "median, ms",
        "at the end",
        "99th percentile, ms",
        "at the end",
    ]);
    // After the warm-up, in the last window, and with the times of the faster one of the
    // last two: other work of the machine passes, a function that gets slower stays slow.
    let figures = |function: &str| {
        let [first, before, last] = [1, WINDOWS - 2, WINDOWS - 1].map(|window| {
            let times = windows[window].get(function).map(Vec::as_slice).unwrap_or_default();
            let samples = samples[window].get(function).map(Vec::as_slice).unwrap_or_default();
            Figures::new(times, samples)
        });
        (first, last, last.with_shorter_times_of(&before))
    };
    let (first, _, steady) = figures(NOOP);
    let slowdown = steady.slowdown_since(&first);
    let mut grown = Vec::new();
    for function in FUNCTIONS {
        let (first, last, steady) = figures(function);
        if first.invocations == 0 || last.invocations == 0 {
            return Err(format!("{function} was not invoked in every window: run more").into());
        }
        let all: usize = windows.iter().filter_map(|it| it.get(function)).map(Vec::len).sum();
        let megabytes = |figures: &Figures| figures.resources.memory_kb as f64 / 1024.0;
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        markdown::print_row(&[
            function.to_owned(),
            processes.count(function).to_string(),
            markdown::grouped(all as f64),
            format!("{:.1}", megabytes(&first)),
            format!("{:.1}", megabytes(&last)),
            first.resources.files.to_string(),
            last.resources.files.to_string(),
            format!("{:.2}", millis(first.median)),
            format!("{:.2}", millis(last.median)),
            format!("{:.1}", millis(first.p99)),
            format!("{:.1}", millis(last.p99)),
        ]);
        let growth = steady.growth_since(&first, slowdown);
        grown.extend(growth.into_iter().map(|it| format!("{function}: {it}")));
    }
    print_line(&format!(
        "\nAt the end the machine was {slowdown:.2} times as slow as after the first fifth."
    ));
    if grown.is_empty() { Ok(()) } else { Err(grown.join("\n").into()) }
}
