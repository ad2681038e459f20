//! A request with several recipients.

use super::stored_entry::{StoredEntry, read_entry};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::notification_text::meaning;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use shared::store::{BulkRequest, NotificationStatus};
use std::collections::BTreeMap;
use std::fmt;

/// Maximum number of concurrent reads.
const MAX_CONCURRENCY: usize = 10;
/// Maximum number of ids to print per outcome; JSON has all.
const MAX_PRINTED_IDS: usize = 5;

/// The outcomes of a request with several recipients.
#[derive(Debug, Serialize)]
pub(super) struct BulkRequestReport {
    id: String,
    recipients: usize,
    /// Recipients that are a person who stands earlier in the list, and the notification
    /// that reaches that person.
    duplicates: BTreeMap<String, String>,
    /// The notifications' ids by outcome.
    outcomes: BTreeMap<&'static str, Vec<String>>,
    /// Ids of notifications that aren't stored yet.
    unknown: Vec<String>,
    #[serde(skip)]
    meanings: BTreeMap<&'static str, &'static str>,
}

impl BulkRequestReport {
    /// Reads all its notifications.
    pub(super) async fn read(
        deployment: &Deployment,
        id: &str,
        request: &BulkRequest,
    ) -> Result<Self, Error> {
        let ids = (0..request.recipients).filter(|at| !request.duplicates.contains_key(at));
        let ids = ids.map(|index| format!("{id}#{index}"));
        let statuses: Vec<_> = stream::iter(ids)
            .map(async |id: String| {
                let status = match read_entry(deployment, &id).await? {
                    StoredEntry::Notification(row) => Some(row.status),
                    StoredEntry::Missing | StoredEntry::BulkRequest(_) => None,
                };
                Ok::<_, Error>((id, status))
            })
            .buffered(MAX_CONCURRENCY)
            .try_collect()
            .await?;
        Ok(Self::new(id, request, statuses))
    }

    fn new(
        id: &str,
        request: &BulkRequest,
        statuses: Vec<(String, Option<NotificationStatus>)>,
    ) -> Self {
        let duplicates = request.duplicates.iter();
        let duplicates =
            duplicates.map(|(at, first)| (format!("{id}#{at}"), format!("{id}#{first}")));
        let mut bulk = Self {
            id: id.to_owned(),
            recipients: request.recipients,
            duplicates: duplicates.collect(),
            outcomes: BTreeMap::new(),
            unknown: Vec::new(),
            meanings: BTreeMap::new(),
        };
        for (id, status) in statuses {
            match status {
                Some(status) => {
                    bulk.outcomes.entry(status.as_str()).or_default().push(id);
                    bulk.meanings.insert(status.as_str(), meaning(status));
                }
                None => bulk.unknown.push(id),
            }
        }
        bulk
    }
}

impl fmt::Display for BulkRequestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: a request with {} recipients", self.id, self.recipients)?;
        let print = |ids: &[String]| {
            let more = if ids.len() > MAX_PRINTED_IDS { ", …" } else { "" };
            let ids: Vec<_> = ids.iter().take(MAX_PRINTED_IDS).map(String::as_str).collect();
            format!("{}{more}", ids.join(", "))
        };
        for (outcome, ids) in &self.outcomes {
            let meaning = self.meanings.get(outcome).copied().unwrap_or_default();
            writeln!(f, "  {:>4} {outcome}: {meaning}", ids.len())?;
            writeln!(f, "       {}", print(ids))?;
        }
        if !self.duplicates.is_empty() {
            let ids: Vec<_> = self.duplicates.keys().cloned().collect();
            let meaning = "the person stands earlier in the list and gets that message";
            writeln!(f, "  {:>4} duplicates: {meaning}", ids.len())?;
            writeln!(f, "       {}", print(&ids))?;
        }
        if !self.unknown.is_empty() {
            writeln!(f, "  {:>4} not started; send the request again", self.unknown.len())?;
            writeln!(f, "       {}", print(&self.unknown))?;
        }
        write!(f, "For one history: hongyan notification show {}#0", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_are_counted_by_outcome() {
        let statuses = (0..8).map(|index| {
            let status = match index {
                0 => None,
                1 => Some(NotificationStatus::NoConsent),
                _ => Some(NotificationStatus::Sent),
            };
            (format!("a#{index}"), status)
        });
        let request = BulkRequest {
            hash: String::new(),
            recipients: 9,
            duplicates: BTreeMap::from([(8, 1)]),
        };
        let text = BulkRequestReport::new("a", &request, statuses.collect()).to_string();
        for expected in [
            "a request with 9 recipients",
            "1 duplicates: the person stands earlier",
            "a#8",
            "6 sent: WeChat accepted it",
            "a#2, a#3, a#4, a#5, a#6, …",
            "1 no_consent",
            "1 not started",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
