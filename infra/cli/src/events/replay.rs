//! `hongyan events replay`.

use super::found::{Event, Found};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::moment::{given, written};
use crate::name;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use std::fmt;

/// Have what came in during a stretch of time take effect once more.
///
/// After mending what set events aside, for instance: applying twice equals applying
/// once. The events function is asked until it is through; Ctrl-C stops it, and tells
/// how to go on. Ends with status 1 if an event failed again, or it was stopped.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan events replay --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z --only quarantined --dry-run
  hongyan events replay --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z --only quarantined
  hongyan events replay --from 2026-11-20T16:00:00+08:00 --to 2026-11-20T17:00:00+08:00 --app shop")]
pub(crate) struct Replay {
    /// Received then or later: 2026-11-20T15:04:00+08:00, or seconds since 1970.
    #[arg(long, value_name = "MOMENT", value_parser = given)]
    from: Timestamp,
    /// Received before then.
    #[arg(long, value_name = "MOMENT", value_parser = given)]
    to: Timestamp,
    /// Only what stands so.
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Only of this app.
    #[arg(long, value_parser = name::alias)]
    app: Option<String>,
    /// Only this event, as a listing calls it (`key`), and the log (`event`).
    #[arg(long)]
    key: Option<String>,
    /// List them; nothing takes effect.
    #[arg(long)]
    dry_run: bool,
    /// Go on where a replay was stopped, with the word that it told, within 24 hours.
    #[arg(long, value_name = "WORD")]
    next_token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Only {
    /// What was given up.
    Quarantined,
    /// What has not taken effect, and isn't given up.
    Unapplied,
}

/// What one call of the events function has done.
#[derive(Debug, Deserialize)]
struct Done {
    applied: u64,
    failed: u64,
    skipped: u64,
    next_token: Option<String>,
}

/// What one call of the events function has listed.
#[derive(Debug, Deserialize)]
struct Listed {
    events: Vec<Event>,
    next_token: Option<String>,
}

/// What is told.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    /// So many have taken effect, now or before.
    applied: u64,
    /// So many have failed again.
    failed: u64,
    /// So many weren't what was asked for, or somebody else is at them.
    skipped: u64,
    /// It was stopped: go on with this as `--next-token`.
    next_token: Option<String>,
    /// It was stopped.
    stopped: bool,
    /// How to go on, or how to see what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Replay {
    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        if self.from >= self.to {
            return Err(Error::new(
                Kind::Usage,
                format!("--to {} is not after --from {}", written(self.to), written(self.from)),
                "what was received at --to is no part of it",
            ));
        }
        let bar = terminal.working("looking");
        let answer = if self.dry_run {
            self.list(deployment, &bar).await
        } else {
            self.apply(deployment, &bar).await
        };
        bar.finish_and_clear();
        answer
    }

    async fn apply(&self, deployment: &Deployment, bar: &ProgressBar) -> Result<Answer, Error> {
        let mut all = Replayed { next_token: self.next_token.clone(), ..Replayed::default() };
        loop {
            let asked = self.request(all.next_token.as_deref());
            let done = tokio::select! {
                done = deployment.ask::<Done>("events", &asked) => done,
                _ = tokio::signal::ctrl_c() => {
                    all.stopped = true;
                    all.next = Some(self.again(all.next_token.as_deref(), false));
                    return Ok(Answer::found(&all, false));
                }
            };
            let done = done.map_err(|error| self.broken_off(error, &all))?;
            all.applied += done.applied;
            all.failed += done.failed;
            all.skipped += done.skipped;
            all.next_token = done.next_token;
            if all.next_token.is_none() {
                break;
            }
            bar.set_message(format!(
                "applied {}, failed {}, skipped {}",
                all.applied, all.failed, all.skipped
            ));
        }
        if all.failed > 0 {
            // What failed is tried again by itself, so it isn't set aside just now.
            let failed = Self { only: Some(Only::Unapplied), next_token: None, ..self.clone() };
            all.next = Some(failed.again(None, true));
        }
        let well = all.failed == 0;
        Ok(Answer::found(&all, well))
    }

    async fn list(&self, deployment: &Deployment, bar: &ProgressBar) -> Result<Answer, Error> {
        let mut found = Found { next_token: self.next_token.clone(), ..Found::default() };
        loop {
            let asked = self.request(found.next_token.as_deref());
            let listed = tokio::select! {
                listed = deployment.ask::<Listed>("events", &asked) => listed?,
                // What is listed so far is worth something, too.
                _ = tokio::signal::ctrl_c() => return Ok(Answer::found(&found, false)),
            };
            found.events.extend(listed.events);
            found.next_token = listed.next_token;
            if found.next_token.is_none() {
                return Ok(Answer::of(&found));
            }
            bar.set_message(format!("{} found", found.events.len()));
        }
    }

    fn request(&self, next_token: Option<&str>) -> Value {
        let mut request = json!({ "from": self.from, "to": self.to });
        let only = self.only.map(Only::as_str);
        for (name, value) in [
            ("only", only),
            ("app", self.app.as_deref()),
            ("key", self.key.as_deref()),
            ("next_token", next_token),
        ] {
            if let Some(value) = value {
                request[name] = value.into();
            }
        }
        if self.dry_run {
            request["dry_run"] = true.into();
        }
        json!({ "replay": request })
    }

    /// A call failed: what the calls before have done isn't lost.
    fn broken_off(&self, error: Error, all: &Replayed) -> Error {
        if error.kind == Kind::Invalid {
            return error;
        }
        let Replayed { applied, failed, skipped, next_token, .. } = all;
        let problem = format!(
            "{}; before that, applied {applied}, failed {failed}, skipped {skipped}",
            error.problem
        );
        let advice = format!(
            "{}; then go on with: {}",
            error.advice,
            self.again(next_token.as_deref(), false)
        );
        Error { problem, advice, ..error }
    }

    /// The command that goes on after this place, or lists.
    fn again(&self, next_token: Option<&str>, dry_run: bool) -> String {
        let mut command = format!(
            "hongyan events replay --from {} --to {}",
            written(self.from),
            written(self.to)
        );
        let only = self.only.map(Only::as_str);
        for (name, value) in [
            ("only", only),
            ("app", self.app.as_deref()),
            ("key", self.key.as_deref()),
            ("next-token", next_token),
        ] {
            if let Some(value) = value {
                command = format!("{command} --{name} {value}");
            }
        }
        if dry_run {
            command.push_str(" --dry-run");
        }
        command
    }
}

impl Only {
    fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Unapplied => "pending",
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, failed, skipped, stopped, next, .. } = self;
        if *stopped {
            writeln!(f, "Stopped. The call that was under way may go on for a minute.")?;
        }
        writeln!(f, "applied {applied}, failed {failed}, skipped {skipped}")?;
        if let Some(next) = next {
            let what = if *stopped { "Go on with" } else { "Why they failed" };
            write!(f, "{what}: {next}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Whole {
        #[command(flatten)]
        replay: Replay,
    }

    fn replay(more: &[&str]) -> Result<Replay, clap::Error> {
        let range = ["hongyan", "--from", "1795158240", "--to", "2026-11-20T16:04:00+08:00"];
        Whole::try_parse_from([range.as_slice(), more].concat()).map(|it| it.replay)
    }

    #[test]
    fn how_to_go_on_is_what_was_said_and_the_place() {
        let said = replay(&["--only", "quarantined", "--app", "shop"]).unwrap();
        let expected = "hongyan events replay --from 2026-11-20T07:04:00Z --to \
                        2026-11-20T08:04:00Z --only quarantined --app shop --next-token w0rd";
        assert_eq!(said.again(Some("w0rd"), false), expected);
        let error = Error::new(Kind::Unavailable, "no answer", "ask again");
        let all =
            Replayed { applied: 7, next_token: Some("w0rd".to_owned()), ..Replayed::default() };
        let error = said.broken_off(error, &all);
        assert!(error.problem.contains("applied 7"), "{}", error.problem);
        assert!(error.advice.ends_with(expected), "{}", error.advice);
        assert!(replay(&["--only", "failed"]).is_err());
    }

    #[test]
    fn what_is_said_is_what_is_asked() {
        let said = replay(&["--only", "pending", "--key", "k", "--dry-run"]).unwrap();
        let expected = json!({ "replay": { "from": 1_795_158_240, "to": 1_795_161_840,
            "only": "pending", "key": "k", "dry_run": true, "next_token": "w" } });
        assert_eq!(said.request(Some("w")), expected);
    }
}
