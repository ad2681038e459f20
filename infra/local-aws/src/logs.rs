//! What functions print, line by line, under their names.

use std::{
    collections::VecDeque,
    fmt,
    io::{IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::clock;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The function: the name of its binary.
    pub function: String,
    /// What it printed, or what the platform has to say.
    pub text: String,
    /// Whether this comes from the platform (START, END) rather than the function.
    pub platform: bool,
    /// How long the invocation took that this line says has ended well.
    pub took: Option<Duration>,
}

/// Where lines go.
#[derive(Clone)]
pub struct Logs {
    sink: Arc<dyn Fn(&Line) + Send + Sync>,
    verbose: bool,
}

impl Logs {
    /// To standard error, with the time (UTC) and the function's name before
    /// each line; coloured if that is a terminal. `verbose` adds what the
    /// platform says: when an invocation begins and ends, and how it went.
    pub fn terminal(verbose: bool) -> Self {
        let colours = std::io::stderr().is_terminal();
        Self::to(verbose, move |line| {
            let time = clock::hours(clock::now());
            let mut out = std::io::stderr().lock();
            // A closed terminal is no reason to stop.
            let _ = if colours {
                let (colour, faint) =
                    (colour(&line.function), if line.platform { "\x1b[2m" } else { "" });
                writeln!(
                    out,
                    "\x1b[2m{time}\x1b[0m  \x1b[{colour}m{:<10}\x1b[0m  {faint}{}\x1b[0m",
                    line.function, line.text
                )
            } else {
                writeln!(out, "{time}  {line}")
            };
        })
    }

    /// Nowhere.
    pub fn silent() -> Self {
        Self::to(false, |_| ())
    }

    /// To memory, which keeps the last `most` lines, to be shown after a failure.
    pub fn last(most: usize) -> (Self, LastLines) {
        let kept = LastLines(Arc::default());
        let lines = kept.0.clone();
        let logs = Self::to(false, move |line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(line.clone());
            if lines.len() > most {
                lines.pop_front();
            }
        });
        (logs, kept)
    }

    /// To a function of your own.
    pub fn to(verbose: bool, sink: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink), verbose }
    }

    /// A line that a function printed.
    pub(crate) fn printed(&self, function: &str, text: &str) {
        self.log_line(function, text.to_owned(), false, None);
    }

    /// An invocation began, which only the curious want to know.
    pub(crate) fn began(&self, function: &str, cold: bool) {
        if self.verbose {
            let text = format!("START{}", if cold { " (cold)" } else { "" });
            self.log_line(function, text, true, None);
        }
    }

    /// An invocation ended well, which only the curious want to know.
    pub(crate) fn ended(&self, function: &str, after: Duration) {
        if self.verbose {
            let text = format!("END after {} ms", after.as_millis());
            self.log_line(function, text, true, Some(after));
        }
    }

    /// A line of the platform about something that went wrong.
    pub(crate) fn trouble(&self, function: &str, text: impl Into<String>) {
        self.log_line(function, text.into(), true, None);
    }

    fn log_line(&self, function: &str, text: String, platform: bool, took: Option<Duration>) {
        (self.sink)(&Line { function: function.to_owned(), text, platform, took });
    }
}

/// What was said last.
#[derive(Clone, Debug)]
pub struct LastLines(Arc<Mutex<VecDeque<Line>>>);

impl LastLines {
    /// The lines kept, oldest first.
    pub fn get(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// `login       the table NO_SUCH_TABLE is missing`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10}  {}", self.function, self.text)
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("verbose", &self.verbose).finish_non_exhaustive()
    }
}

/// The same colour for the same function, always.
fn colour(function: &str) -> u8 {
    const COLOURS: [u8; 6] = [32, 33, 34, 35, 36, 92];
    let sum =
        function.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    COLOURS[sum % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_in_order() {
        let (logs, last) = Logs::last(2);
        logs.printed("send", "one");
        logs.trouble("send", "two");
        logs.printed("login", "three");
        let lines: Vec<String> = last.get().iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["send        two", "login       three"]);
    }
}
