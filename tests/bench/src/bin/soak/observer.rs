//! Observes the end of every invocation in the logs of the local AWS.

use local_aws::Logs;
use local_aws::logs::Line;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many log lines are kept, to show what preceded a failure.
const MAX_LINES: usize = 40;

/// The durations of the invocations of one window, in microseconds, by function.
pub(crate) type WindowDurations = BTreeMap<String, Vec<u32>>;

/// Records every invocation. A handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct InvocationObserver(Arc<Mutex<Observations>>);

struct Observations {
    /// Nothing is recorded before.
    begun: bool,
    invocations: usize,
    total: usize,
    windows: Vec<WindowDurations>,
    failure: Option<String>,
    last: VecDeque<String>,
}

impl InvocationObserver {
    /// Records this many invocations, in windows of as many each.
    pub(crate) fn new(invocations: usize, windows: usize) -> Self {
        Self(Arc::new(Mutex::new(Observations {
            begun: false,
            invocations: 0,
            total: invocations,
            windows: vec![WindowDurations::default(); windows],
            failure: None,
            last: VecDeque::new(),
        })))
    }

    /// The logs to observe.
    pub(crate) fn logs(&self) -> Logs {
        let observer = self.clone();
        Logs::to(true, move |line| observer.record(line))
    }

    /// Starts recording.
    pub(crate) fn begin(&self) {
        self.lock().begun = true;
    }

    fn record(&self, line: &Line) {
        let mut seen = self.lock();
        if let Some(took) = line.took {
            if seen.begun && seen.invocations < seen.total {
                let window = seen.window();
                let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
                seen.windows[window].entry(line.function.clone()).or_default().push(took);
                seen.invocations += 1;
            }
            return;
        }
        seen.last.push_back(line.to_string());
        if seen.last.len() > MAX_LINES {
            seen.last.pop_front();
        }
        // An error in the log is a failure, whatever the function answers.
        let logged_error = !line.platform && line.text.trim_start().starts_with("ERROR");
        let failed = line.platform && !line.text.starts_with("START");
        if (logged_error || failed) && seen.failure.is_none() {
            seen.failure = Some(line.to_string());
        }
    }

    /// How many invocations have succeeded.
    pub(crate) fn invocations(&self) -> usize {
        self.lock().invocations
    }

    /// The current window; the number of windows at the end.
    pub(crate) fn window(&self) -> usize {
        let seen = self.lock();
        if seen.invocations == seen.total { seen.windows.len() } else { seen.window() }
    }

    /// The first failure, and the log lines around it.
    pub(crate) fn failure(&self) -> Option<String> {
        let seen = self.lock();
        let failure = seen.failure.as_ref()?;
        let last: Vec<_> = seen.last.iter().map(String::as_str).collect();
        Some(format!("{failure}\nThe last log lines:\n{}", last.join("\n")))
    }

    /// The durations of each window.
    pub(crate) fn windows(&self) -> Vec<WindowDurations> {
        self.lock().windows.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Observations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observations {
    fn window(&self) -> usize {
        self.invocations * self.windows.len() / self.total
    }
}

/// The quantile of these times.
pub(crate) fn quantile(times_us: &[u32], quantile: f64) -> Duration {
    let mut times = times_us.to_vec();
    times.sort_unstable();
    let at = (times.len() as f64 * quantile) as usize;
    let time = times.get(at.min(times.len().saturating_sub(1)));
    Duration::from_micros(time.copied().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_exceeds_its_share_of_times() {
        let times: Vec<u32> = (0..1000).rev().collect();
        assert_eq!(quantile(&times, 0.5), Duration::from_micros(500));
        assert_eq!(quantile(&times, 0.99), Duration::from_micros(990));
        assert_eq!(quantile(&[7], 0.99), Duration::from_micros(7));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn observer_counts_invocations_by_window_and_keeps_failures() {
        let line = |text: &str, took| Line {
            function: "send".to_owned(),
            text: text.to_owned(),
            platform: true,
            took,
        };
        let observer = InvocationObserver::new(4, 2);
        let end = line("END after 1 ms", Some(Duration::from_micros(1100)));
        observer.record(&end);
        assert_eq!(observer.invocations(), 0, "recording has not begun");
        observer.begin();
        for expected in [0, 1, 1, 2] {
            observer.record(&end);
            assert_eq!(observer.window(), expected);
        }
        observer.record(&end);
        assert_eq!(observer.windows()[1]["send"], [1100, 1100]);
        observer.record(&line("START (cold)", None));
        assert_eq!(observer.failure(), None);
        observer.record(&line("failed after 3 ms: Runtime.ExitError", None));
        assert!(observer.failure().unwrap().starts_with("send        failed after 3 ms"));
    }
}
