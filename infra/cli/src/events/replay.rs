//! `hongyan events replay`.

use super::event_list::{EventList, ListedEvent};
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use crate::timestamp::{format_time, parse_time};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::fmt;

/// Apply the events of a time range again.
///
/// For instance after fixing what quarantined them: applying an event twice is the same as
/// once. Invokes the events function until the range is done; Ctrl-C stops, and prints the
/// command that resumes. Exits with status 1 if an event failed again, or if stopped.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan events replay --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z --only quarantined --dry-run
  hongyan events replay --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z --only quarantined
  hongyan events replay --from 2026-11-20T16:00:00+08:00 --to 2026-11-20T17:00:00+08:00 --app shop")]
pub(crate) struct Replay {
    /// Received at this time or later: 2026-11-20T15:04:00+08:00, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Timestamp,
    /// Received before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Timestamp,
    /// Only events with this status.
    #[arg(long, value_enum)]
    only: Option<EventStatus>,
    /// Only events of this app.
    #[arg(long, value_parser = parse::alias)]
    app: Option<String>,
    /// Only this event, by its `key` in a listing (`event` in the log).
    #[arg(long)]
    key: Option<String>,
    /// List the events, and apply nothing.
    #[arg(long)]
    dry_run: bool,
    /// Resume a stopped replay, with the token that it printed, within 24 hours.
    #[arg(long, value_name = "TOKEN")]
    next_token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum EventStatus {
    /// No more automatic attempts.
    Quarantined,
    /// Neither applied nor quarantined.
    Pending,
}

/// The events function's response to one call.
#[derive(Debug, Deserialize)]
struct ReplayResponse {
    applied: u64,
    failed: u64,
    skipped: u64,
    next_token: Option<String>,
}

/// The events function's response to one call with `dry_run`.
#[derive(Debug, Deserialize)]
struct ListResponse {
    events: Vec<ListedEvent>,
    next_token: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct ReplayOutput {
    /// Number of events that are applied, now or before.
    applied: u64,
    failed: u64,
    /// Number of events that didn't match, or that another invocation is processing.
    skipped: u64,
    /// For `--next-token`, if the replay was stopped.
    next_token: Option<String>,
    stopped: bool,
    /// The command that resumes, or that lists what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Replay {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<CommandOutput, Error> {
        if self.from >= self.to {
            return Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "--to {} is not after --from {}",
                    format_time(self.to),
                    format_time(self.from)
                ),
                "the range includes --from and excludes --to",
            ));
        }
        let bar = terminal.spinner("replaying");
        let output = if self.dry_run {
            self.list(deployment, &bar).await
        } else {
            self.apply(deployment, &bar).await
        };
        bar.finish_and_clear();
        output
    }

    async fn apply(
        &self,
        deployment: &Deployment,
        bar: &ProgressBar,
    ) -> Result<CommandOutput, Error> {
        let mut total =
            ReplayOutput { next_token: self.next_token.clone(), ..ReplayOutput::default() };
        loop {
            let request = self.request(total.next_token.as_deref());
            let response = tokio::select! {
                response = deployment.invoke::<ReplayResponse>("events", &request) => response,
                _ = tokio::signal::ctrl_c() => {
                    total.stopped = true;
                    total.next = Some(self.command(total.next_token.as_deref(), false));
                    return Ok(CommandOutput::new(&total, false));
                }
            };
            let response = response.map_err(|error| self.interrupted(error, &total))?;
            total.applied += response.applied;
            total.failed += response.failed;
            total.skipped += response.skipped;
            total.next_token = response.next_token;
            if total.next_token.is_none() {
                break;
            }
            bar.set_message(total.to_string());
        }
        if total.failed > 0 {
            // A failed replay makes a quarantined event pending again.
            let failed =
                Self { only: Some(EventStatus::Pending), next_token: None, ..self.clone() };
            total.next = Some(failed.command(None, true));
        }
        let success = total.failed == 0;
        Ok(CommandOutput::new(&total, success))
    }

    async fn list(
        &self,
        deployment: &Deployment,
        bar: &ProgressBar,
    ) -> Result<CommandOutput, Error> {
        let mut list = EventList { next_token: self.next_token.clone(), ..EventList::default() };
        loop {
            let request = self.request(list.next_token.as_deref());
            let page = tokio::select! {
                page = deployment.invoke::<ListResponse>("events", &request) => page?,
                // A partial listing is useful, too.
                _ = tokio::signal::ctrl_c() => return Ok(CommandOutput::new(&list, false)),
            };
            list.events.extend(page.events);
            list.next_token = page.next_token;
            if list.next_token.is_none() {
                return Ok(CommandOutput::success(&list));
            }
            bar.set_message(format!("{} found", list.events.len()));
        }
    }

    /// The options other than the range, by the names in the request.
    fn filters<'a>(&'a self, next_token: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
        let filters = [
            ("only", self.only.map(EventStatus::as_str)),
            ("app", self.app.as_deref()),
            ("key", self.key.as_deref()),
            ("next_token", next_token),
        ];
        filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn request(&self, next_token: Option<&str>) -> Value {
        let mut request = json!({ "from": self.from, "to": self.to });
        for (name, value) in self.filters(next_token) {
            request[name] = value.into();
        }
        if self.dry_run {
            request["dry_run"] = true.into();
        }
        json!({ "replay": request })
    }

    /// Adds to a failed call's error what the calls before it did.
    fn interrupted(&self, error: Error, total: &ReplayOutput) -> Error {
        if error.kind == ErrorKind::Invalid {
            return error;
        }
        let ReplayOutput { applied, failed, skipped, next_token, .. } = total;
        let problem = format!(
            "{}; before that: applied {applied}, failed {failed}, skipped {skipped}",
            error.problem
        );
        let resume = self.command(next_token.as_deref(), false);
        let advice = format!("{}; then resume with: {resume}", error.advice);
        Error { problem, advice, ..error }
    }

    /// The command line that resumes at `next_token`, or that lists.
    fn command(&self, next_token: Option<&str>, dry_run: bool) -> String {
        let (from, to) = (format_time(self.from), format_time(self.to));
        let mut command = format!("hongyan events replay --from {from} --to {to}");
        for (name, value) in self.filters(next_token) {
            command = format!("{command} --{} {value}", name.replace('_', "-"));
        }
        if dry_run {
            command.push_str(" --dry-run");
        }
        command
    }
}

impl EventStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Pending => "pending",
        }
    }
}

impl fmt::Display for ReplayOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, failed, skipped, stopped, next, .. } = self;
        if *stopped {
            writeln!(f, "Stopped. The running invocation may continue for a minute.")?;
        }
        write!(f, "applied {applied}, failed {failed}, skipped {skipped}")?;
        if let Some(next) = next {
            let what = if *stopped { "Resume with" } else { "See why they failed" };
            write!(f, "\n{what}: {next}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct TestCli {
        #[command(flatten)]
        replay: Replay,
    }

    fn replay(more: &[&str]) -> Result<Replay, clap::Error> {
        let range = ["hongyan", "--from", "1795158240", "--to", "2026-11-20T16:04:00+08:00"];
        TestCli::try_parse_from([range.as_slice(), more].concat()).map(|cli| cli.replay)
    }

    #[test]
    fn resuming_command_has_the_same_options_and_the_token() {
        let command = replay(&["--only", "quarantined", "--app", "shop"]).unwrap();
        let expected = "hongyan events replay --from 2026-11-20T07:04:00Z --to \
                        2026-11-20T08:04:00Z --only quarantined --app shop --next-token t0ken";
        assert_eq!(command.command(Some("t0ken"), false), expected);
        let error = Error::new(ErrorKind::Unavailable, "no answer", "try again");
        let next_token = Some("t0ken".to_owned());
        let total = ReplayOutput { applied: 7, next_token, ..ReplayOutput::default() };
        let error = command.interrupted(error, &total);
        assert!(error.problem.contains("applied 7"), "{}", error.problem);
        assert!(error.advice.ends_with(expected), "{}", error.advice);
        assert!(replay(&["--only", "failed"]).is_err());
    }

    #[test]
    fn arguments_become_the_request() {
        let command = replay(&["--only", "pending", "--key", "k", "--dry-run"]).unwrap();
        let expected = json!({ "replay": { "from": 1_795_158_240, "to": 1_795_161_840,
            "only": "pending", "key": "k", "dry_run": true, "next_token": "w" } });
        assert_eq!(command.request(Some("w")), expected);
    }
}
