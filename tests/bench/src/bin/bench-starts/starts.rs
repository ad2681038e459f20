//! Cold starts and warm invocations of the release binaries.

use bench::stack::{self, BenchStack, FUNCTIONS, NOOP_TEMPLATE};
use bench::{Failure, processes};
use serde_json::{Value, json};
use std::path::Path;
use wechat_sandbox::ActivityKind;

/// What starts and invocations have taken; times in milliseconds, memory in MB.
#[derive(Default)]
pub(crate) struct Samples {
    ready_ms: Vec<f64>,
    first_ms: Vec<f64>,
    start_processor_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    warm_processor_ms: Vec<f64>,
    peak_mb: Vec<f64>,
}

/// The median of each.
pub(crate) struct Medians {
    /// From the start of the process until it asks for work.
    pub(crate) ready_ms: f64,
    /// From then until its first answer.
    pub(crate) first_ms: f64,
    /// Processor time until the first answer.
    pub(crate) start_processor_ms: f64,
    /// A warm invocation.
    pub(crate) warm_ms: f64,
    /// Processor time of a warm invocation.
    pub(crate) warm_processor_ms: f64,
    /// The peak of resident memory.
    pub(crate) peak_mb: f64,
}

impl Samples {
    pub(crate) fn medians(&self) -> Medians {
        let median = |values| bench::median(values, f64::total_cmp).unwrap_or_default();
        Medians {
            ready_ms: median(&self.ready_ms),
            first_ms: median(&self.first_ms),
            start_processor_ms: median(&self.start_processor_ms),
            warm_ms: median(&self.warm_ms),
            warm_processor_ms: median(&self.warm_processor_ms),
            peak_mb: median(&self.peak_mb),
        }
    }
}

pub(crate) struct Bench {
    stack: BenchStack,
    url_verification: String,
}

impl Bench {
    /// A stack in which every function has been invoked once.
    pub(crate) async fn start(binaries: &Path) -> Result<Self, Failure> {
        let extra_stacks = vec![NOOP_TEMPLATE.into()];
        let stack =
            BenchStack::start(binaries, |options| options.extra_stacks = extra_stacks).await?;
        let bench = Self { stack, url_verification: stack::url_verification() };
        for function in FUNCTIONS {
            bench.invoke(function).await?;
        }
        bench.stack.cloud.idle().await?;
        Ok(bench)
    }

    /// Kills a function's process, and has a new one answer.
    pub(crate) async fn measure_cold(
        &self,
        function: &str,
        samples: &mut Samples,
    ) -> Result<(), Failure> {
        loop {
            self.stack.cloud.kill(&self.stack.function(function)).await?;
            let facts = self.invoke(function).await?;
            // The function's schedule may have started it before.
            if let (Some(ready), Some(first)) =
                (facts["ready_ms"].as_f64(), facts["duration_ms"].as_f64())
            {
                samples.ready_ms.push(ready);
                samples.first_ms.push(first);
                return Ok(());
            }
        }
    }

    /// Invokes a warm function this many times.
    pub(crate) async fn measure_warm(
        &self,
        function: &str,
        times: usize,
        samples: &mut Samples,
    ) -> Result<(), Failure> {
        let used = || processes::usage_of_function(function, &self.stack.cloud.processes());
        let before = used();
        for _ in 0..times {
            let facts = self.invoke(function).await?;
            samples.warm_ms.extend(facts["duration_ms"].as_f64());
        }
        let after = used();
        samples.start_processor_ms.push(before.processor_ms);
        let warm = after.processor_ms - before.processor_ms;
        samples.warm_processor_ms.push(warm / times as f64);
        samples.peak_mb.push(after.peak_mb);
        Ok(())
    }

    /// Has a function do the least of its work. Returns the facts of that invocation;
    /// null if another one ended in between.
    async fn invoke(&self, function: &str) -> Result<Value, Failure> {
        match function {
            "callback" => self.stack.get(&self.url_verification).await.map(drop)?,
            "login" => self.stack.get("/.well-known/jwks.json").await.map(drop)?,
            _ => {
                let event = match function {
                    "events" | "send" => json!({ "sweep": {} }),
                    "followers" => json!({ "status": {} }),
                    "token" => json!({}),
                    _ => bench::http_event(),
                };
                self.stack.invoke(function, &event).await?;
            }
        }
        let newest = self.stack.cloud.feed.newest(ActivityKind::Invocation);
        let facts = newest.map(|it| Value::from(it.facts)).unwrap_or_default();
        Ok(if facts["function"] == function { facts } else { Value::Null })
    }

    pub(crate) async fn stop(self) {
        self.stack.stop().await;
    }
}

/// The size of a binary and of the zip that is uploaded, in MB.
pub(crate) fn sizes_mb(binary: &Path) -> Result<(f64, f64), Failure> {
    let binary = std::fs::read(binary)?;
    let zip = packaging::archive::zip_bootstrap(&binary)?;
    Ok((binary.len() as f64 / 1e6, zip.len() as f64 / 1e6))
}
