//! `hongyan forget`.

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::look_up::{look_up, nobody};
use crate::moment::written;
use crate::terminal::Terminal;
use crate::who::{self, Who};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// Forget a person entirely, as they may ask for (个人信息保护法, article 47).
///
/// Shows who it is, asks for a yes, and goes on until all is gone: users and mappings,
/// unionid, accounts, sessions, events, consents, windows, form ids and telephone
/// number. This can't be undone; whoever returns is somebody new. What broke off is
/// gone on with by saying the same again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan forget account=ann
  hongyan forget user=87d9fb65410b4247af24549a4aaa7348 --yes
  hongyan forget app=shop,open_id=o6_bm…")]
pub(crate) struct Forget {
    /// `account=ann`, `user=…` (the id that a login answers) or `app=shop,open_id=…`.
    #[arg(value_name = "WHO", value_parser = who::person)]
    who: Who,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

/// What the login function answers.
#[derive(Debug, Deserialize)]
struct Forgotten {
    user: Option<String>,
    complete: bool,
    deleted: BTreeMap<String, u64>,
    retained: Vec<Retained>,
    #[serde(default)]
    previous_users: Vec<String>,
    tombstone_expires_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Retained {
    what: String,
    why: String,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    /// The random id, by which logs called them.
    user: Option<String>,
    /// Ids of before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    previous_users: Vec<String>,
    /// So many rows have gone, of each kind.
    deleted: BTreeMap<String, u64>,
    retained: Vec<Retained>,
    /// Until then events of before don't make them known again.
    tombstone_expires_at: Option<Timestamp>,
    /// The login function was asked so often.
    calls: u32,
}

impl Forget {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        // Who was half forgotten may not be found any more, and can be asked for still.
        let known = look_up(deployment, &self.who).await?;
        let shown = known.as_ref().map_or_else(
            || "nobody is found; if forgetting them broke off, this goes on".to_owned(),
            ToString::to_string,
        );
        let question =
            format!("{shown}\nForget {} in the stage {} for good?", self.who, deployment.stage);
        terminal.confirm(&question, self.yes)?;
        let bar = terminal.working("forgetting");
        let event = json!({ "erase": self.who.person() });
        let mut told: Option<Told> = None;
        loop {
            let forgotten =
                deployment.ask("login", &event).await.map_err(|error| self.explain(error))?;
            let complete = add(&mut told, forgotten);
            if complete {
                break;
            }
            let deleted: u64 = told.iter().flat_map(|told| told.deleted.values()).sum();
            bar.set_message(format!("forgetting: {deleted} rows have gone"));
        }
        bar.finish_and_clear();
        // A name that is misspelt mustn't look as if somebody had been forgotten.
        let told = told.filter(|told| known.is_some() || !told.is_of_nobody());
        told.map(|told| Answer::of(&told)).ok_or_else(|| nobody(&self.who))
    }

    fn explain(&self, error: Error) -> Error {
        match error.kind {
            Kind::NotFound => nobody(&self.who),
            Kind::Invalid => error,
            _ => Error {
                advice: format!(
                    "say the same again: hongyan forget {}; it goes on where it broke off",
                    self.who.written()
                ),
                ..error
            },
        }
    }
}

/// Adds what one call says to what those before have said, and says whether all is
/// done.
fn add(told: &mut Option<Told>, forgotten: Forgotten) -> bool {
    let Forgotten { user, complete, deleted, retained, previous_users, tombstone_expires_at } =
        forgotten;
    let told = told.get_or_insert_with(|| Told {
        user: None,
        previous_users: Vec::new(),
        deleted: BTreeMap::new(),
        retained: Vec::new(),
        tombstone_expires_at: None,
        calls: 0,
    });
    told.calls += 1;
    if user.is_some() {
        told.user = user;
    }
    for id in previous_users {
        if !told.previous_users.contains(&id) {
            told.previous_users.push(id);
        }
    }
    // The function counts what went in all, since it was asked for the first time.
    (told.deleted, told.retained, told.tombstone_expires_at) =
        (deleted, retained, tombstone_expires_at);
    complete
}

impl Told {
    /// There was nothing that could go.
    fn is_of_nobody(&self) -> bool {
        self.deleted.values().all(|count| *count == 0)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => writeln!(f, "Forgotten: {user}")?,
            None => writeln!(f, "Forgotten: somebody who had never logged in")?,
        }
        for id in &self.previous_users {
            writeln!(f, "  and of before {id}")?;
        }
        writeln!(f, "What has gone:")?;
        for (kind, count) in self.deleted.iter().filter(|(_, count)| **count > 0) {
            writeln!(f, "  {count:>6} {}", kind.replace('_', " "))?;
        }
        if self.is_of_nobody() {
            writeln!(f, "  nothing more: it was gone already")?;
        }
        writeln!(f, "What stays:")?;
        for it in &self.retained {
            writeln!(f, "  - {}", it.what)?;
            writeln!(f, "    {}", it.why)?;
        }
        if let Some(until) = self.tombstone_expires_at {
            write!(
                f,
                "Events of before don't make them known again: a mark stays until {}.",
                written(until)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn call(complete: bool, deleted: &Value) -> Forgotten {
        let retained = json!([{ "what": "a mark", "why": "without it …" }]);
        let mut answer = json!({
            "user": "87d9", "complete": complete, "deleted": deleted, "retained": retained, "previous_users": ["0a1b"],
        });
        if complete {
            answer["tombstone_expires_at"] = json!(1_795_158_240);
        }
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn what_several_calls_say_is_one_report() {
        let mut told = None;
        assert!(!add(&mut told, call(false, &json!({ "events": 50 }))));
        assert!(add(&mut told, call(true, &json!({ "events": 60, "profiles": 1 }))));
        let told = told.unwrap();
        assert_eq!((told.calls, told.deleted["events"], told.previous_users.len()), (2, 60, 1));
        let words = told.to_string();
        for expected in ["Forgotten: 87d9", "    60 events", "- a mark", "2026-11-20T07:04:00Z"] {
            assert!(words.contains(expected), "{expected}: {words}");
        }
    }
}
