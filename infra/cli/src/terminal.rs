//! The terminal: asks for secrets and confirmations, and shows progress.

use crate::error::{Error, ErrorKind};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::secret::Secret;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

/// Maximum length of a line read from a pipe, in bytes; no value is near it.
const MAX_LINE_BYTES: u64 = 4096;

/// The terminal, or the pipe in its place.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// An operator can answer questions.
    interactive: bool,
    shows_progress: bool,
}

impl Terminal {
    /// `json` is whether a program reads the output.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            shows_progress: io::stderr().is_terminal() && !json,
        }
    }

    /// Asks for a secret, without echo. From a pipe, reads the next line.
    pub(crate) fn ask_secret(&mut self, question: &str) -> Result<Secret, Error> {
        let answer = if self.interactive {
            print_question(question)?;
            Term::stderr().read_secure_line()
        } else {
            read_line()
        };
        trimmed(question, answer).map(Secret::new)
    }

    /// Asks for a new secret; on a terminal twice, because it isn't shown.
    pub(crate) fn ask_new_secret(&mut self, question: &str) -> Result<Secret, Error> {
        let secret = self.ask_secret(question)?;
        if self.interactive && self.ask_secret("once more")?.expose() != secret.expose() {
            let problem = "the two entries differ";
            return Err(Error::new(ErrorKind::Invalid, problem, "run the command again"));
        }
        Ok(secret)
    }

    /// Asks for a value that isn't secret. From a pipe, reads the next line.
    pub(crate) fn ask_line(&mut self, question: &str) -> Result<String, Error> {
        if self.interactive {
            print_question(question)?;
        }
        trimmed(question, read_line())
    }

    /// Asks for confirmation. Without a terminal, only `--yes` confirms.
    pub(crate) fn confirm(&mut self, question: &str, yes: bool) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !self.interactive {
            return Err(Error::new(
                ErrorKind::Cancelled,
                format!("{question} There is no terminal to confirm it"),
                "add --yes, or run the command at a terminal",
            ));
        }
        print_question(&format!("{question} [yes/no]"))?;
        if read_line().unwrap_or_default().trim() == "yes" {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Cancelled, "the answer was not yes", "nothing has changed"))
    }

    pub(crate) fn spinner(&self, message: &str) -> ProgressBar {
        let bar = ProgressBar::new_spinner().with_message(message.to_owned());
        bar.set_draw_target(self.draw_target());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    pub(crate) fn progress_bar(&self, message: &str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.draw_target());
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}");
        bar.set_style(style.expect("the template above is valid"));
        bar.set_message(message.to_owned());
        bar
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        if self.shows_progress {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        }
    }
}

fn print_question(question: &str) -> Result<(), Error> {
    let mut terminal = io::stderr();
    write!(terminal, "{question}: ")
        .and_then(|()| terminal.flush())
        .map_err(|_| unanswered(question))
}

/// The answer without the white space that pasting adds.
fn trimmed(question: &str, answer: io::Result<String>) -> Result<String, Error> {
    let text = answer.map_err(|_| unanswered(question))?;
    let text = text.trim();
    if text.is_empty() { Err(unanswered(question)) } else { Ok(text.to_owned()) }
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::Read::take(io::stdin().lock(), MAX_LINE_BYTES).read_line(&mut line)?;
    Ok(line)
}

fn unanswered(question: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("there was no answer to: {question}"),
        "at a terminal, type or paste it; from a pipe, give one answer per line, in the order of --help",
    )
}
