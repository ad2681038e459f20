//! `make bench-starts`: how fast a cold function asks for its first invocation and
//! answers it, and how fast a warm one answers, beside a function that does nothing.
//!
//! The first argument is the folder with the release binaries. The local AWS and the
//! sandbox share the machine's cores with the functions, so the ratio to the function
//! that does nothing says more than a time.

mod starts;

use bench::stack::{FUNCTIONS, NOOP};
use bench::{Failure, markdown, print_line};
use starts::{Bench, Samples};
use std::path::Path;
use std::process::ExitCode;

/// How often each function is started by default.
const STARTS: usize = 20;
/// Warm invocations after each cold start.
const WARM_INVOCATIONS: usize = 10;
/// The goal for the time until a function asks for work, as a multiple of [`NOOP`]'s.
const MAX_READY_RATIO: f64 = 1.25;
/// The goal for the size of a zip.
const MAX_ZIP_MB: f64 = 3.0;

fn main() -> ExitCode {
    bench::run(STARTS, measure)
}

async fn measure(binaries: &Path, starts: usize) -> Result<(), Failure> {
    let bench = Bench::start(binaries).await?;
    let mut samples: Vec<Samples> = FUNCTIONS.iter().map(|_| Samples::default()).collect();
    // In turns, so that other work of the machine affects all of them.
    for _ in 0..starts {
        for (function, samples) in FUNCTIONS.iter().zip(&mut samples) {
            bench.measure_cold(function, samples).await?;
            bench.measure_warm(function, WARM_INVOCATIONS, samples).await?;
        }
    }
    bench.stop().await;

    print_line(&format!(
        "Medians of {starts} starts of each, with {WARM_INVOCATIONS} more answers after each \
         start.\n"
    ));
    markdown::print_header(&[
        "function",
        "asks for work after, ms",
        "×",
        "first answer after, ms",
        "×",
        "of it processor, ms",
        "warm answer, ms",
        "×",
        "of it processor, ms",
        "peak MB",
    ]);
    let noop = samples[0].medians();
    let mut max_ratio = 0.0_f64;
    for (function, samples) in FUNCTIONS.iter().zip(&samples) {
        let medians = samples.medians();
        max_ratio = max_ratio.max(medians.ready_ms / noop.ready_ms);
        markdown::print_row(&[
            (*function).to_owned(),
            format!("{:.1}", medians.ready_ms),
            format!("{:.2}", medians.ready_ms / noop.ready_ms),
            format!("{:.1}", medians.first_ms),
            format!("{:.2}", medians.first_ms / noop.first_ms),
            format!("{:.1}", medians.start_processor_ms),
            format!("{:.2}", medians.warm_ms),
            format!("{:.2}", medians.warm_ms / noop.warm_ms),
            format!("{:.2}", medians.warm_processor_ms),
            format!("{:.1}", medians.peak_mb),
        ]);
    }
    print_line("");
    markdown::print_header(&["MB", "binary", "zip"]);
    let mut max_zip = 0.0_f64;
    for function in FUNCTIONS {
        let (binary, zip) = starts::sizes_mb(&binaries.join(function))?;
        max_zip = max_zip.max(zip);
        markdown::print_row(&[function.to_owned(), format!("{binary:.2}"), format!("{zip:.2}")]);
    }
    print_line("");
    markdown::print_goal(
        &format!("the first request for work within {MAX_READY_RATIO} × of `{NOOP}`"),
        &format!("{max_ratio:.2} × at most"),
        max_ratio <= MAX_READY_RATIO,
    );
    markdown::print_goal(
        &format!("zips of {MAX_ZIP_MB} MB at most"),
        &format!("{max_zip:.2} MB"),
        max_zip <= MAX_ZIP_MB,
    );
    Ok(())
}
