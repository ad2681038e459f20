//! `hongyan erase`.

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::person_selector::{self, PersonSelector};
use crate::person_summary::{find_person, person_not_found};
use crate::terminal::Terminal;
use crate::timestamp::format_time;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// Erase a person, as they may request (个人信息保护法, article 47).
///
/// Shows the person, asks for confirmation, and invokes the login function until all is
/// deleted: users and mappings, unionid, accounts, sessions, events, consents, reply
/// windows, form ids and phone number. This can't be undone; a person who returns is a new
/// one. The same command resumes an interrupted erasure.
///
/// A table that is restored from a backup has erased people again: `--again` erases from it
/// everybody who was erased within the last 37 days.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan erase account=ann
  hongyan erase user=87d9fb65410b4247af24549a4aaa7348 --yes
  hongyan erase app=shop,open_id=o6_bm…
  hongyan erase --again")]
pub(crate) struct Erase {
    /// `account=ann`, `user=…` (the id that a login returns) or `app=shop,open_id=…`.
    #[arg(value_name = "PERSON", value_parser = person_selector::parse_person, required_unless_present = "again")]
    person: Option<PersonSelector>,
    /// After a table was restored: erase once more everybody who was erased before.
    #[arg(long, conflicts_with = "person")]
    again: bool,
    /// Don't ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// The login function's response to one call. The counts are totals since the erasure began.
#[derive(Debug, Deserialize)]
struct EraseResponse {
    user: Option<String>,
    complete: bool,
    deleted: BTreeMap<String, u64>,
    retained: Vec<Retained>,
    #[serde(default)]
    previous_users: Vec<String>,
    tombstone_expires_at: Option<Timestamp>,
}

/// Data that isn't deleted, and why.
#[derive(Debug, Deserialize, Serialize)]
struct Retained {
    what: String,
    why: String,
}

#[derive(Debug, Default, Serialize)]
struct ErasureReport {
    /// The internal id; logs contain no other.
    user: Option<String>,
    /// Their internal ids before merges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    previous_users: Vec<String>,
    /// Number of deleted rows, by kind.
    deleted: BTreeMap<String, u64>,
    retained: Vec<Retained>,
    /// Until then, a tombstone keeps earlier events from storing the person again.
    tombstone_expires_at: Option<Timestamp>,
    /// Number of invocations of the login function.
    calls: u32,
}

impl Erase {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let Some(selector) = &self.person else {
            return self.run_again(deployment, terminal).await;
        };
        // A half erased person may not be found any more, but their erasure can be resumed.
        let person = find_person(deployment, selector).await?;
        let shown = person.as_ref().map_or_else(
            || "No person is found; an interrupted erasure will be resumed.".to_owned(),
            ToString::to_string,
        );
        let question = format!("{shown}\nErase {selector} from the stage {}?", deployment.stage);
        terminal.confirm(&question, self.yes)?;
        let bar = terminal.spinner("erasing");
        let request = json!({ "erase": selector.as_person() });
        let mut report = ErasureReport::default();
        loop {
            let response = deployment.invoke("login", &request).await;
            if report.add(response.map_err(|error| with_advice(selector, error))?) {
                break;
            }
            bar.set_message(format!("erasing: {} rows deleted", report.rows()));
        }
        bar.finish_and_clear();
        // Otherwise a misspelt name would look like a successful erasure.
        if person.is_none() && report.rows() == 0 {
            return Err(person_not_found(selector));
        }
        Ok(CommandOutput::success(&report))
    }

    /// Erases everybody on the list of erased people once more.
    async fn run_again(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let question = format!(
            "Erase everybody from the stage {} who was erased from it within the last 37 days?",
            deployment.stage
        );
        terminal.confirm(&question, self.yes)?;
        let bar = terminal.spinner("looking for erased people");
        let mut report = AgainReport::default();
        loop {
            let response = deployment.invoke("login", &json!({ "erase_again": {} })).await;
            let response: AgainResponse = response.map_err(|error| Error {
                advice: "run the same command to resume: hongyan erase --again".to_owned(),
                ..error
            })?;
            report.calls += 1;
            (report.people, report.deleted) = (response.people, response.deleted);
            report.retained = response.retained;
            if response.complete {
                break;
            }
            bar.set_message(format!("erasing: {} people", report.people));
        }
        bar.finish_and_clear();
        Ok(CommandOutput::success(&report))
    }
}

fn with_advice(person: &PersonSelector, error: Error) -> Error {
    match error.kind {
        ErrorKind::NotFound => person_not_found(person),
        ErrorKind::Invalid => error,
        _ => Error {
            advice: format!(
                "run the same command to resume: hongyan erase {}",
                person.as_argument()
            ),
            ..error
        },
    }
}

/// The login function's response to one call of `erase_again`. The numbers are totals.
#[derive(Debug, Deserialize)]
struct AgainResponse {
    people: u64,
    complete: bool,
    deleted: BTreeMap<String, u64>,
    retained: Vec<Retained>,
}

#[derive(Debug, Default, Serialize)]
struct AgainReport {
    /// Number of people who were there again.
    people: u64,
    /// Number of deleted rows, by kind.
    deleted: BTreeMap<String, u64>,
    retained: Vec<Retained>,
    /// Number of invocations of the login function.
    calls: u32,
}

impl fmt::Display for AgainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Erased again: {} people", self.people)?;
        write_deleted(f, &self.deleted)?;
        write_retained(f, &self.retained)
    }
}

fn write_deleted(f: &mut fmt::Formatter<'_>, deleted: &BTreeMap<String, u64>) -> fmt::Result {
    writeln!(f, "Deleted:")?;
    for (kind, count) in deleted.iter().filter(|(_, count)| **count > 0) {
        writeln!(f, "  {count:>6} {}", kind.replace('_', " "))?;
    }
    if deleted.values().all(|count| *count == 0) {
        writeln!(f, "  nothing: all was deleted before")?;
    }
    Ok(())
}

fn write_retained(f: &mut fmt::Formatter<'_>, retained: &[Retained]) -> fmt::Result {
    writeln!(f, "Retained:")?;
    for it in retained {
        writeln!(f, "  - {}", it.what)?;
        writeln!(f, "    {}", it.why)?;
    }
    Ok(())
}

impl ErasureReport {
    /// Adds a response. Returns whether the erasure is complete.
    fn add(&mut self, response: EraseResponse) -> bool {
        self.calls += 1;
        if response.user.is_some() {
            self.user = response.user;
        }
        for id in response.previous_users {
            if !self.previous_users.contains(&id) {
                self.previous_users.push(id);
            }
        }
        self.deleted = response.deleted;
        self.retained = response.retained;
        self.tombstone_expires_at = response.tombstone_expires_at;
        response.complete
    }

    /// Number of deleted rows.
    fn rows(&self) -> u64 {
        self.deleted.values().sum()
    }
}

impl fmt::Display for ErasureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("a person who had never logged in");
        writeln!(f, "Erased: {user}")?;
        for id in &self.previous_users {
            writeln!(f, "  previously {id}")?;
        }
        write_deleted(f, &self.deleted)?;
        write_retained(f, &self.retained)?;
        if let Some(at) = self.tombstone_expires_at {
            write!(
                f,
                "Until {}, a tombstone keeps earlier events from storing the person again.",
                format_time(at)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn response(complete: bool, deleted: &Value) -> EraseResponse {
        let retained = json!([{ "what": "a tombstone", "why": "without it …" }]);
        let mut response = json!({
            "user": "87d9", "complete": complete, "deleted": deleted, "retained": retained,
            "previous_users": ["0a1b"],
        });
        if complete {
            response["tombstone_expires_at"] = json!(1_795_158_240);
        }
        serde_json::from_value(response).unwrap()
    }

    #[test]
    fn responses_are_added_up() {
        let mut report = ErasureReport::default();
        assert!(!report.add(response(false, &json!({ "events": 50 }))));
        assert!(report.add(response(true, &json!({ "events": 60, "profiles": 1 }))));
        assert_eq!((report.calls, report.rows(), report.previous_users.len()), (2, 61, 1));
        let text = report.to_string();
        for expected in ["Erased: 87d9", "    60 events", "- a tombstone", "2026-11-20T07:04:00Z"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
