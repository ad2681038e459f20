//! Refusals of WeChat's that an operator should see some time: error codes that the table of
//! codes doesn't have, and mini programs that WeChat doesn't open.
//!
//! One row for each day and kind holds them, so that a list of the last day's needs two
//! reads. A row is deleted after two days.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_string, get_time, number, string};
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;
use crate::store::keys::id_key;
use crate::store::tables::NotificationsTable;

const DAY: u64 = 24 * 3600;
/// Seconds after which the same is recorded again.
pub const NOTE_INTERVAL_SECS: u64 = 3600;

/// What a refusal is noted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// Its error code isn't known.
    UnknownCode,
    /// The message would open a mini program, and WeChat refuses that.
    RefusedJump,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalNote {
    /// The app's alias.
    pub app: String,
    /// The path of the API.
    pub api: String,
    /// WeChat's `errcode`.
    pub code: i64,
    /// The app id of the mini program, if the refusal is about one.
    pub mini_program: Option<String>,
    /// The request id, for WeChat's support, if there was one.
    pub rid: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The refusals that all functions note.
#[derive(Clone, Debug)]
pub struct RefusalNotes {
    table: Table,
}

impl NoteKind {
    fn row(self, at: Timestamp) -> String {
        let kind = match self {
            Self::UnknownCode => "unknown_codes",
            Self::RefusedJump => "refused_jumps",
        };
        format!("{kind}#day-{}", at.0 / DAY)
    }

    /// The ids of the rows that hold those of the last day.
    pub fn rows(self, now: Timestamp) -> [String; 2] {
        [self.row(now), self.row(Timestamp(now.0.saturating_sub(DAY)))]
    }
}

impl RefusalNotes {
    /// The notes in the notifications table.
    pub fn new(notifications: &NotificationsTable) -> Self {
        Self { table: notifications.0.clone() }
    }

    /// Records a refusal, unless the same of the last hour is recorded.
    pub async fn record(&self, kind: NoteKind, note: &RefusalNote) -> Result<(), AwsError> {
        let RefusalNote { app, api, code, mini_program, rid, at } = note;
        let name = [app, api, &code.to_string(), mini_program.as_deref().unwrap_or_default()];
        let name = name.join(" ");
        let (seen_at, rid_of) = (format!("at {name}"), format!("rid {name}"));
        let hour_ago = number(Timestamp(at.0.saturating_sub(NOTE_INTERVAL_SECS)));
        let is_due = attr(&seen_at).not_exists().or(attr(&seen_at).at_most(hour_ago));
        let update = Write::update(&self.table, id_key(kind.row(*at)))
            .set(&seen_at, number(*at))
            .set(&rid_of, string(rid.as_deref().unwrap_or_default()))
            .set("expires", number(at.plus(2 * DAY)))
            .when(is_due);
        self.table.write("noting a refusal", update).await.map(drop)
    }

    /// The refusals of the last day.
    pub async fn list_last_day(
        &self,
        kind: NoteKind,
        now: Timestamp,
    ) -> Result<Vec<RefusalNote>, AwsError> {
        let mut notes = Vec::new();
        for id in kind.rows(now) {
            let item = self.table.read_eventually("reading noted refusals", id_key(id)).await?;
            notes.extend(read_refusal_notes(&item.unwrap_or_default(), now));
        }
        Ok(notes)
    }
}

/// The refusals of the last day in one of those rows.
pub fn read_refusal_notes(item: &Item, now: Timestamp) -> Vec<RefusalNote> {
    let notes = item.keys().filter_map(|attribute| {
        let name = attribute.strip_prefix("at ")?;
        let at = get_time(item, attribute).filter(|at| now.seconds_since(*at) <= DAY)?;
        let mut words = name.splitn(4, ' ');
        let (app, api, code) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Some(RefusalNote {
            app: app.to_owned(),
            api: api.to_owned(),
            code,
            mini_program: some(words.next()),
            rid: some(get_string(item, &format!("rid {name}"))),
            at,
        })
    });
    notes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::tests::EmptyTables;

    fn seen(code: i64, at: u64) -> RefusalNote {
        RefusalNote {
            app: "shop".to_owned(),
            api: "/cgi-bin/message/template/send".to_owned(),
            code,
            mini_program: (code > 0).then(|| "wx0000000000005a02".to_owned()),
            rid: Some(format!("rid-{at}")),
            at: Timestamp(at),
        }
    }

    #[tokio::test]
    async fn refusal_is_noted_once_an_hour_and_listed_for_a_day() {
        const KIND: NoteKind = NoteKind::UnknownCode;
        let tables = EmptyTables::start().await;
        let notes = RefusalNotes::new(&tables.notifications);
        let start = 100 * DAY;
        for note in [seen(-1000, start), seen(-1000, start + 3599), seen(99999, start + 10)] {
            notes.record(KIND, &note).await.unwrap();
        }
        let listed = async |now: u64| {
            let mut found = notes.list_last_day(KIND, Timestamp(now)).await.unwrap();
            found.sort_by_key(|note| note.code);
            found
        };
        let both = vec![seen(-1000, start), seen(99999, start + 10)];
        assert_eq!(listed(start + 20).await, both);
        assert_eq!(listed(start + DAY).await, both, "on the next day as well");
        assert_eq!(listed(start + DAY + 1).await, [seen(99999, start + 10)]);
        assert_eq!(listed(start + 2 * DAY).await, []);
        notes.record(KIND, &seen(-1000, start + 3600)).await.unwrap();
        assert_eq!(listed(start + 3601).await[0], seen(-1000, start + 3600));
        let others = notes.list_last_day(NoteKind::RefusedJump, Timestamp(start)).await.unwrap();
        assert_eq!(others, []);
    }
}
