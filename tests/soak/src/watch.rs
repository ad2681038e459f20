//! What becomes of invocations, as the runner tells it.

use local_aws::Logs;
use local_aws::logs::Line;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many lines are kept, for whoever asks what went before a failure.
const KEPT: usize = 40;

/// How long the invocations of each function took in one window, in microseconds.
pub(crate) type Window = BTreeMap<String, Vec<u32>>;

/// Sees every invocation end. A handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

struct Seen {
    /// Nothing counts before this.
    begun: bool,
    invocations: usize,
    of: usize,
    windows: Vec<Window>,
    failure: Option<String>,
    last: VecDeque<String>,
}

impl Watch {
    /// Of so many invocations, in windows of equal length.
    pub(crate) fn of(invocations: usize, windows: usize) -> Self {
        Self(Arc::new(Mutex::new(Seen {
            begun: false,
            invocations: 0,
            of: invocations,
            windows: vec![Window::default(); windows],
            failure: None,
            last: VecDeque::new(),
        })))
    }

    /// Where the runner tells it.
    pub(crate) fn logs(&self) -> Logs {
        let watch = self.clone();
        Logs::to(true, move |line| watch.see(line))
    }

    /// From here on it counts.
    pub(crate) fn begin(&self) {
        self.seen().begun = true;
    }

    fn see(&self, line: &Line) {
        let mut seen = self.seen();
        if let Some(took) = line.took {
            if seen.begun && seen.invocations < seen.of {
                let window = seen.window();
                let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
                seen.windows[window].entry(line.function.clone()).or_default().push(took);
                seen.invocations += 1;
            }
            return;
        }
        seen.last.push_back(line.to_string());
        if seen.last.len() > KEPT {
            seen.last.pop_front();
        }
        // A function that complains has not done what it was asked, whatever it answers.
        let complains = !line.platform && line.text.trim_start().starts_with("ERROR");
        let failed = line.platform && !line.text.starts_with("START");
        if (complains || failed) && seen.failure.is_none() {
            seen.failure = Some(line.to_string());
        }
    }

    /// How many invocations have ended well.
    pub(crate) fn invocations(&self) -> usize {
        self.seen().invocations
    }

    /// The window that the run has come to; the number of all when it is over.
    pub(crate) fn window(&self) -> usize {
        let seen = self.seen();
        if seen.invocations == seen.of { seen.windows.len() } else { seen.window() }
    }

    /// What went wrong first, and what was said around it.
    pub(crate) fn failure(&self) -> Option<String> {
        let seen = self.seen();
        let failure = seen.failure.as_ref()?;
        let last: Vec<_> = seen.last.iter().map(String::as_str).collect();
        Some(format!("{failure}\nThe last that was said:\n{}", last.join("\n")))
    }

    /// What there was in each window.
    pub(crate) fn windows(&self) -> Vec<Window> {
        self.seen().windows.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn window(&self) -> usize {
        self.invocations * self.windows.len() / self.of
    }
}

/// A time that is more than this part of all times.
pub(crate) fn quantile(times: &[u32], part: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len() as f64 * part) as usize;
    let time = times.get(at.min(times.len().saturating_sub(1)));
    Duration::from_micros(time.copied().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_more_than_its_part() {
        let times: Vec<u32> = (0..1000).rev().collect();
        assert_eq!(quantile(&times, 0.5), Duration::from_micros(500));
        assert_eq!(quantile(&times, 0.99), Duration::from_micros(990));
        assert_eq!(quantile(&[7], 0.99), Duration::from_micros(7));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn invocations_are_counted_by_window_and_failures_are_kept() {
        let line = |text: &str, took| Line {
            function: "send".to_owned(),
            text: text.to_owned(),
            platform: true,
            took,
        };
        let watch = Watch::of(4, 2);
        let end = line("END after 1 ms", Some(Duration::from_micros(1100)));
        watch.see(&end);
        assert_eq!(watch.invocations(), 0, "it hadn't begun");
        watch.begin();
        for expected in [0, 1, 1, 2] {
            watch.see(&end);
            assert_eq!(watch.window(), expected);
        }
        watch.see(&end);
        assert_eq!(watch.windows()[1]["send"], [1100, 1100]);
        watch.see(&line("START (cold)", None));
        assert_eq!(watch.failure(), None);
        watch.see(&line("failed after 3 ms: Runtime.ExitError", None));
        assert!(watch.failure().unwrap().starts_with("send        failed after 3 ms"));
    }
}
