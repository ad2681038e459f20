//! What became of a request of several recipients.

use super::row::{Found, read};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::report::meaning;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use shared::store::NotificationStatus;
use std::collections::BTreeMap;
use std::fmt;

/// So many rows are read at once.
const AT_ONCE: usize = 10;
/// So many ids are named of each outcome; the JSON answer has all.
const NAMED: usize = 5;

/// What became of a request of several recipients.
#[derive(Debug, Serialize)]
pub(super) struct Several {
    id: String,
    recipients: usize,
    /// The notifications' ids, by how they stand.
    outcomes: BTreeMap<&'static str, Vec<String>>,
    /// Ids of which nothing is known: they haven't been begun with.
    unknown: Vec<String>,
    #[serde(skip)]
    meanings: BTreeMap<&'static str, &'static str>,
}

impl Several {
    /// Reads them all.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub(super) async fn read(
        deployment: &Deployment,
        id: &str,
        recipients: usize,
    ) -> Result<Self, Error> {
        let ids = (0..recipients).map(|place| format!("{id}#{place}"));
        let found: Vec<_> = stream::iter(ids)
            .map(async |id: String| {
                let found = read(deployment, &id).await?;
                Ok::<_, Error>((id, found))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let standing = found.into_iter().map(|(id, found)| match found {
            Found::One(row) => (id, Some(row.status)),
            Found::Nothing | Found::Several(_) => (id, None),
        });
        Ok(Self::of(id, recipients, standing))
    }

    fn of(
        id: &str,
        recipients: usize,
        standing: impl Iterator<Item = (String, Option<NotificationStatus>)>,
    ) -> Self {
        let mut several = Self {
            id: id.to_owned(),
            recipients,
            outcomes: BTreeMap::new(),
            unknown: Vec::new(),
            meanings: BTreeMap::new(),
        };
        for (id, status) in standing {
            match status {
                Some(status) => {
                    several.outcomes.entry(status.as_str()).or_default().push(id);
                    several.meanings.insert(status.as_str(), meaning(status));
                }
                None => several.unknown.push(id),
            }
        }
        several
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: a request of {} recipients", self.id, self.recipients)?;
        let named = |ids: &[String]| {
            let more = if ids.len() > NAMED { ", …" } else { "" };
            format!("{}{more}", ids.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
        };
        for (outcome, ids) in &self.outcomes {
            let meaning = self.meanings.get(outcome).copied().unwrap_or_default();
            writeln!(f, "  {:>4} {outcome}: {meaning}", ids.len())?;
            writeln!(f, "       {}", named(ids))?;
        }
        if !self.unknown.is_empty() {
            writeln!(f, "  {:>4} not begun with; send the same again", self.unknown.len())?;
            writeln!(f, "       {}", named(&self.unknown))?;
        }
        write!(f, "Each has a history: hongyan notification show {}#0", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_counted_by_how_they_stand() {
        let standing = (0..8).map(|place| {
            let status = match place {
                0 => None,
                1 => Some(NotificationStatus::NoConsent),
                _ => Some(NotificationStatus::Sent),
            };
            (format!("a#{place}"), status)
        });
        let told = Several::of("a", 8, standing).to_string();
        for words in [
            "6 sent: WeChat has taken it on",
            "a#2, a#3, a#4, a#5, a#6, …",
            "1 no_consent",
            "1 not begun with",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
