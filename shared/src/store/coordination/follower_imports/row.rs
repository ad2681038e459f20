//! An import as it is stored.

use crate::clock::Timestamp;
use crate::store::dynamodb::item::{
    Item, boolean, get_number, get_string, get_time, number, string,
};
use crate::store::dynamodb::write::Write;
use crate::wechat::id::OpenId;
use aws_sdk_dynamodb::types::AttributeValue;

/// The phase of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportPhase {
    /// The list is read, and those on it are imported.
    Listing,
    /// Stored followers who aren't on the list are looked for.
    Reconciling,
    /// It is complete.
    Done,
    /// An operator has cancelled it.
    Cancelled,
    /// It can't continue until an operator fixes what its reason names.
    Failed,
}

impl ImportPhase {
    /// The word for it, in the table and in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Reconciling => "reconciling",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    fn read(word: &str) -> Option<Self> {
        let all = [Self::Listing, Self::Reconciling, Self::Done, Self::Cancelled, Self::Failed];
        all.into_iter().find(|phase| phase.as_str() == word)
    }

    /// Whether it isn't over.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Listing | Self::Reconciling)
    }
}

/// What an import has used of WeChat's quotas, and its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Calls of `user/get`.
    pub lists: u64,
    /// Calls of `user/info/batchget`.
    pub batches: u64,
    /// Followers who weren't known, or whose profile wasn't.
    pub imported: u64,
    /// Of these, those of whom WeChat names no unionid.
    pub without_union_id: u64,
    /// Followers who had left without an event.
    pub left: u64,
    /// Followers whom WeChat's answers name in a way that can't be read.
    pub unreadable: u64,
}

/// An import of an account's followers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerImport {
    /// A random name.
    pub run: String,
    /// When it was begun, by our clock.
    pub begun_at: Timestamp,
    /// Whether followers without a known unionid are fetched again.
    pub full: bool,
    /// Its phase.
    pub phase: ImportPhase,
    /// When the lease on it ends.
    pub lease_until: Option<Timestamp>,
    /// It waits until then.
    pub retry_at: Option<Timestamp>,
    /// Why it waits, or why it failed.
    pub reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// After whom the next page comes.
    pub after: Option<OpenId>,
    /// The number of pages that are imported.
    pub pages: u64,
    /// The number of followers on them.
    pub listed: u64,
    /// The highest number of followers that WeChat has named.
    pub total: u64,
    /// How often the list had to be begun again.
    pub restarts: u64,
    /// The last row of the users table that was compared with the list.
    pub scanned: Option<[String; 2]>,
    /// The part of the list that it is compared with.
    pub part: u64,
    /// What it has used and done.
    pub counts: ImportCounts,
}

impl FollowerImport {
    /// One that has just begun, under a random name.
    pub fn new(run: String, full: bool, now: Timestamp) -> Self {
        Self {
            run,
            begun_at: now,
            full,
            phase: ImportPhase::Listing,
            lease_until: None,
            retry_at: None,
            reason: None,
            ended_at: None,
            after: None,
            pages: 0,
            listed: 0,
            total: 0,
            restarts: 0,
            scanned: None,
            part: 0,
            counts: ImportCounts::default(),
        }
    }

    /// None if the row is no import.
    pub(super) fn read(item: &Item) -> Option<Self> {
        let count = |name| get_number(item, name).unwrap_or_default();
        let text = |name| get_string(item, name).map(str::to_owned);
        Some(Self {
            run: text("run")?,
            begun_at: get_time(item, "begun_at")?,
            full: item.contains_key("full"),
            phase: ImportPhase::read(get_string(item, "phase")?)?,
            lease_until: get_time(item, "lease_until"),
            retry_at: get_time(item, "retry_at"),
            reason: text("reason"),
            ended_at: get_time(item, "ended_at"),
            after: get_string(item, "after").and_then(|id| OpenId::parse(id).ok()),
            pages: count("pages"),
            listed: count("listed"),
            total: count("total"),
            restarts: count("restarts"),
            scanned: item.get("scanned").and_then(pair),
            part: count("part"),
            counts: ImportCounts {
                lists: count("lists"),
                batches: count("batches"),
                imported: count("imported"),
                without_union_id: count("without_union_id"),
                left: count("left"),
                unreadable: count("unreadable"),
            },
        })
    }

    /// Writes it whole, but for the lease.
    pub(super) fn write(&self, update: Write) -> Write {
        let counts = &self.counts;
        let scanned =
            self.scanned.as_ref().map(|pair| AttributeValue::L(pair.clone().map(string).into()));
        update
            .set("run", string(&self.run))
            .set("begun_at", number(self.begun_at))
            .set_or_remove("full", self.full.then_some(boolean(true)))
            .set("phase", string(self.phase.as_str()))
            .set_or_remove("retry_at", self.retry_at.map(number))
            .set_or_remove("reason", self.reason.as_deref().map(string))
            .set_or_remove("ended_at", self.ended_at.map(number))
            .set_or_remove("after", self.after.as_ref().map(|id| string(id.as_str())))
            .set("pages", number(self.pages))
            .set("listed", number(self.listed))
            .set("total", number(self.total))
            .set("restarts", number(self.restarts))
            .set_or_remove("scanned", scanned)
            .set("part", number(self.part))
            .set("lists", number(counts.lists))
            .set("batches", number(counts.batches))
            .set("imported", number(counts.imported))
            .set("without_union_id", number(counts.without_union_id))
            .set("left", number(counts.left))
            .set("unreadable", number(counts.unreadable))
    }
}

fn pair(value: &AttributeValue) -> Option<[String; 2]> {
    let [first, second] = value.as_l().ok()?.as_slice() else { return None };
    Some([first.as_s().ok()?.clone(), second.as_s().ok()?.clone()])
}
