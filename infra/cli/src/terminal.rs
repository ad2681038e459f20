//! Whoever sits at the keyboard, if anybody does: asked for secrets and for a
//! yes, and shown that something takes its time.

use crate::error::{Error, Kind};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::secret::Secret;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

/// The longest line that is read from a pipe, in bytes: nothing that is asked for
/// is near it.
const LONGEST_LINE: usize = 4096;

/// The terminal, or the pipe in its place.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Somebody can be asked.
    attended: bool,
    /// Somebody looks on.
    watched: bool,
}

impl Terminal {
    /// `json` says that a program reads what is told.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            attended: io::stdin().is_terminal() && io::stderr().is_terminal(),
            watched: io::stderr().is_terminal() && !json,
        }
    }

    /// Asks for a secret: on a terminal without showing it, otherwise it is the
    /// next line of the standard input.
    pub(crate) fn secret(&mut self, question: &str) -> Result<Secret, Error> {
        let read = if self.attended {
            prompt(question)?;
            Term::stderr().read_secure_line()
        } else {
            line()
        };
        given(question, read).map(Secret::new)
    }

    /// Asks for a secret that is made up just now: on a terminal twice, as nobody
    /// sees what they type.
    pub(crate) fn new_secret(&mut self, question: &str) -> Result<Secret, Error> {
        let secret = self.secret(question)?;
        if self.attended && self.secret("once more")?.expose() != secret.expose() {
            return Err(Error::new(Kind::Invalid, "the two are not the same", "say it again"));
        }
        Ok(secret)
    }

    /// Asks for what isn't secret: on a terminal shown while typed, otherwise the
    /// next line of the standard input.
    pub(crate) fn ask(&mut self, question: &str) -> Result<String, Error> {
        if self.attended {
            prompt(question)?;
        }
        given(question, line())
    }

    /// Asks for a yes. Where nobody can be asked, only `--yes` is one.
    pub(crate) fn confirm(&mut self, question: &str, yes: bool) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !self.attended {
            let advice = "add --yes, or do it at a terminal";
            return Err(Error::new(
                Kind::Cancelled,
                format!("{question} nobody can be asked"),
                advice,
            ));
        }
        prompt(&format!("{question} [yes/no]"))?;
        let answer = line().unwrap_or_default();
        if answer.trim() == "yes" {
            return Ok(());
        }
        Err(Error::new(Kind::Cancelled, "the answer was not yes", "nothing has been changed"))
    }

    /// Says to whoever looks on what is being done.
    pub(crate) fn working(&self, what: &str) -> ProgressBar {
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        bar.set_draw_target(self.target());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// Shows to whoever looks on how much of `total` is done.
    pub(crate) fn progress(&self, what: &str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}");
        bar.set_style(style.expect("the template above is one"));
        bar.set_message(what.to_owned());
        bar
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }
}

fn prompt(question: &str) -> Result<(), Error> {
    let mut terminal = io::stderr();
    write!(terminal, "{question}: ").and_then(|()| terminal.flush()).map_err(|_| nobody(question))
}

/// What was answered, without the white space that pasting brings along.
fn given(question: &str, read: io::Result<String>) -> Result<String, Error> {
    let text = read.map_err(|_| nobody(question))?;
    let text = text.trim();
    if text.is_empty() { Err(nobody(question)) } else { Ok(text.to_owned()) }
}

/// The next line of the standard input.
fn line() -> io::Result<String> {
    let mut line = String::new();
    let mut input = io::Read::take(io::stdin().lock(), LONGEST_LINE as u64);
    input.read_line(&mut line)?;
    Ok(line)
}

fn nobody(question: &str) -> Error {
    Error::new(
        Kind::Usage,
        format!("there was no answer to: {question}"),
        "at a terminal, type or paste it; from a pipe, give one answer per line, in the order of --help",
    )
}
