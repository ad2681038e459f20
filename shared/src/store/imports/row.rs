//! An import as its row has it.

use crate::clock::Timestamp;
use crate::store::{Item, get_number, get_string, get_time, number, string};
use crate::wechat::id::OpenId;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

/// What an import is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportPhase {
    /// The list is read, and who is on it brought in.
    Listing,
    /// It is looked who is stored as a follower and isn't on the list.
    Reconciling,
    /// All of it is done.
    Done,
    /// Somebody has called it off.
    Cancelled,
    /// It can't be done until somebody mends what its reason names.
    Failed,
}

impl ImportPhase {
    /// The word for it, in the table and in answers.
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

    /// Whether there is something left to do.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Listing | Self::Reconciling)
    }
}

/// What an import has used of WeChat's quotas, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Calls of `user/get`.
    pub lists: u64,
    /// Calls of `user/info/batchget`.
    pub batches: u64,
    /// Followers who weren't known, or not who they are.
    pub imported: u64,
    /// Of these, those of whom WeChat tells no unionid.
    pub without_union_id: u64,
    /// Those who had left while nobody was told.
    pub left: u64,
}

/// An import of an account's followers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerImport {
    /// A random name.
    pub run: String,
    /// When it was begun, by our clock.
    pub begun_at: Timestamp,
    /// Whether followers of whom no unionid is known are asked about, too.
    pub full: bool,
    /// What it is at.
    pub phase: ImportPhase,
    /// Until when somebody is at it, unless they were ended.
    pub lease_until: Option<Timestamp>,
    /// It waits until then.
    pub retry_at: Option<Timestamp>,
    /// For what it waits, or why it failed.
    pub reason: Option<String>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// After whom the next page comes.
    pub after: Option<OpenId>,
    /// So many pages are done.
    pub pages: u64,
    /// So many followers were on them.
    pub listed: u64,
    /// So many follow, as WeChat says; the most that it said.
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
    /// One that has just been begun, under a random name.
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

    /// None if it isn't one.
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
            },
        })
    }

    /// Writes it whole, but for the lease. `set` names further attributes and their
    /// placeholders, `remove` what goes.
    pub(super) fn write(
        &self,
        mut update: UpdateItemFluentBuilder,
        remove: &[&str],
        set: &[(&str, &str)],
    ) -> UpdateItemFluentBuilder {
        let scanned =
            self.scanned.as_ref().map(|pair| AttributeValue::L(pair.clone().map(string).into()));
        let counts = &self.counts;
        let all = [
            ("run", Some(string(&self.run))),
            ("begun_at", Some(number(self.begun_at))),
            ("full", self.full.then_some(AttributeValue::Bool(true))),
            ("phase", Some(string(self.phase.as_str()))),
            ("retry_at", self.retry_at.map(number)),
            ("reason", self.reason.as_deref().map(string)),
            ("ended_at", self.ended_at.map(number)),
            ("after", self.after.as_ref().map(|id| string(id.as_str()))),
            ("pages", Some(number(self.pages))),
            ("listed", Some(number(self.listed))),
            ("total", Some(number(self.total))),
            ("restarts", Some(number(self.restarts))),
            ("scanned", scanned),
            ("part", Some(number(self.part))),
            ("lists", Some(number(counts.lists))),
            ("batches", Some(number(counts.batches))),
            ("imported", Some(number(counts.imported))),
            ("without_union_id", Some(number(counts.without_union_id))),
            ("left", Some(number(counts.left))),
        ];
        let mut assignments: Vec<_> =
            set.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let mut gone: Vec<_> = remove.iter().map(|name| (*name).to_owned()).collect();
        for (name, value) in all {
            // Some of these words are DynamoDB's own.
            let alias = format!("#{name}");
            update = update.expression_attribute_names(&alias, name);
            match value {
                Some(value) => {
                    assignments.push(format!("{alias} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value);
                }
                None => gone.push(alias),
            }
        }
        let mut expression = format!("SET {}", assignments.join(", "));
        if !gone.is_empty() {
            expression.push_str(" REMOVE ");
            expression.push_str(&gone.join(", "));
        }
        update.update_expression(expression)
    }
}

fn pair(value: &AttributeValue) -> Option<[String; 2]> {
    let [first, second] = value.as_l().ok()?.as_slice() else { return None };
    Some([first.as_s().ok()?.clone(), second.as_s().ok()?.clone()])
}
