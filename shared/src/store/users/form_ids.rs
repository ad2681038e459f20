//! Form ids: each is good for one message of a mini program's old kind, to the user who
//! submitted the form. The mini program submits them.
//!
//! free → reserved → used; reserved → free when a send failed for certain;
//! reserved → invalid when WeChat refused it. Its item stays until WeChat would have
//! dropped it as well, so that one that is submitted again is recognised.
//!
//! The sort key is the form id alone, without its age: only so does one that is
//! submitted twice, because a response was lost or at the same time, meet itself. The
//! few that a user has are sorted by age when they are read.

use super::consents::is_free_or_reserved_by;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{get_string, get_time, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::transaction::TransactionOutcome;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{item_key, profile_key, user_key};
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::form_id::FormId;
use crate::wechat::id::{AppId, OpenId};
use std::collections::HashSet;

/// Prefix of the sort keys.
const PREFIX: &str = "form#";
/// In its last seconds a form id isn't used: WeChat counts from when the form was
/// submitted, which is before the mini program sent it to us, and a send takes time.
const EXPIRY_MARGIN: u64 = 60;
/// Maximum number of free form ids of one user: more are never used within the 7 days that
/// each is valid, and every send reads them.
const MAX_FREE: usize = 100;

/// Why form ids are not stored.
#[derive(Debug, thiserror::Error)]
pub enum FormIdError {
    /// The user has enough.
    #[error(
        "form_ids: the user has {MAX_FREE} form ids that no message has used yet; submit more when some are used or 7 days old"
    )]
    TooMany,
    /// DynamoDB failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// A form id that a notification may send with.
#[derive(Clone, Debug)]
pub struct FormIdItem {
    user: String,
    form_id: FormId,
    expires: Timestamp,
    /// By the notification that asked.
    reserved: bool,
}

impl FormIdItem {
    /// The form id, as WeChat wants it.
    pub fn form_id(&self) -> &FormId {
        &self.form_id
    }
}

aggregate! {
    /// The form ids of users.
    pub struct FormIds { table: UsersTable }
}

impl FormIds {
    /// Stores the form ids that a user submits, for 7 days, and returns how many were
    /// new. None if the user isn't, or isn't any more, the person with the internal id
    /// `person`.
    ///
    /// Fails when the user has [`MAX_FREE`] free ones. Concurrent requests may each store theirs,
    /// and exceed it by these.
    ///
    /// One transaction writes them, so that nothing is stored of a user who is erased at
    /// the same time; it takes 99 form ids at most.
    pub async fn store(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        person: &str,
        form_ids: &[FormId],
        now: Timestamp,
    ) -> Result<Option<u32>, FormIdError> {
        const ACTION: &str = "storing form ids";
        let user = user_key(app_id, open_id);
        let mut new: Vec<&FormId> = form_ids.iter().collect();
        // DynamoDB takes no transaction that writes an item twice.
        new.sort();
        new.dedup();
        if !self.has_room(&user, &new, now).await? {
            return Err(FormIdError::TooMany);
        }
        loop {
            let is_person = Write::check(
                &self.table,
                profile_key(app_id, open_id),
                attr("id").equals(string(person)),
            );
            let puts = new.iter().map(|form_id| self.put(&user, form_id, now));
            let writes = std::iter::once(is_person).chain(puts);
            let refusals = match self.table.transact_or_refusals(ACTION, writes).await? {
                TransactionOutcome::Written => {
                    return Ok(Some(u32::try_from(new.len()).unwrap_or(u32::MAX)));
                }
                TransactionOutcome::Refused(refusals) => refusals,
            };
            let mut known = refusals.iter().map(|refusal| refusal.is_condition);
            if known.next() == Some(true) {
                return Ok(None);
            }
            // Each time there are fewer, so that this ends.
            let before = new.len();
            new.retain(|_| known.next() != Some(true));
            if new.len() == before {
                let action = self.table.action(ACTION);
                let problem = "DynamoDB doesn't say what it refused";
                return Err(AwsError::unexpected(action, problem).into());
            }
        }
    }

    /// Whether those of these form ids that are new keep within [`MAX_FREE`]. One page is
    /// read: who has more rows than it holds has enough.
    async fn has_room(
        &self,
        user: &str,
        submitted: &[&FormId],
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let page = self.table.read_page("counting form ids", all_of(user)).await?;
        let mut known = HashSet::new();
        let mut free = 0;
        for row in &page.items {
            known.extend(get_string(row, "item").and_then(|item| item.strip_prefix(PREFIX)));
            let is_valid = get_time(row, "expires").is_some_and(|expires| now < expires);
            free += usize::from(is_valid && get_string(row, "state") == Some("free"));
        }
        let new = submitted.iter().filter(|form_id| !known.contains(form_id.as_str())).count();
        Ok(new == 0 || (page.next.is_none() && free + new <= MAX_FREE))
    }

    fn put(&self, user: &str, form_id: &FormId, now: Timestamp) -> Write {
        let mut item = item_key(user, item_name(form_id));
        item.insert("state".to_owned(), string("free"));
        item.insert("submitted_at".to_owned(), number(now));
        item.insert("expires".to_owned(), number(now.plus(FormId::TTL)));
        Write::put(&self.table, item).when(attr("user").not_exists())
    }

    /// The form ids with which this notification may be sent to a user now: the one that
    /// it has reserved already, then the free ones, the oldest first. One page is read, which
    /// holds all that [`FormIds::store`] lets a user have.
    pub async fn open(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        notification: &str,
        now: Timestamp,
    ) -> Result<Vec<FormIdItem>, AwsError> {
        let user = user_key(app_id, open_id);
        // DynamoDB deletes what has expired within days, not at once.
        let usable = attr("expires")
            .greater_than(number(now.plus(EXPIRY_MARGIN)))
            .and(is_free_or_reserved_by(notification));
        let query = all_of(&user).filter(usable);
        let found = self.table.read_page("looking for form ids", query).await?;
        let forms = found.items.iter().filter_map(|found| {
            let form_id = get_string(found, "item")?.strip_prefix(PREFIX)?;
            Some(FormIdItem {
                user: user.clone(),
                form_id: FormId::parse(form_id).ok()?,
                expires: get_time(found, "expires")?,
                reserved: get_string(found, "state") == Some("reserved"),
            })
        });
        let mut forms: Vec<_> = forms.collect();
        forms.sort_by_key(|form| (!form.reserved, form.expires));
        Ok(forms)
    }

    /// The write that reserves a form id for a notification. It is refused if another
    /// notification was faster, or the form id has expired meanwhile; it may be
    /// repeated.
    pub(super) fn reserve(&self, form: &FormIdItem, notification: &str, now: Timestamp) -> Write {
        self.update(form)
            .set("state", string("reserved"))
            .set("notification", string(notification))
            .when(attr("expires").greater_than(number(now.plus(EXPIRY_MARGIN))))
            .when(is_free_or_reserved_by(notification))
    }

    /// The write that says that a message was sent with a form id. It is refused unless
    /// the notification has reserved it; it may be repeated.
    pub(super) fn consume(&self, form: &FormIdItem, notification: &str) -> Write {
        self.step(form, notification, "used")
    }

    /// The send failed for certain: the form id is free again. One that another
    /// notification has reserved, or that was erased with its user, stays as it is.
    pub(super) async fn release(
        &self,
        form: &FormIdItem,
        notification: &str,
    ) -> Result<(), AwsError> {
        self.change(form, notification, "free").await
    }

    /// WeChat says that the form id is used (41029) or none of this user's (41028),
    /// whatever is stored: no send uses it any more.
    pub(super) async fn invalidate(
        &self,
        form: &FormIdItem,
        notification: &str,
    ) -> Result<(), AwsError> {
        self.change(form, notification, "invalid").await
    }

    async fn change(
        &self,
        form: &FormIdItem,
        notification: &str,
        to: &str,
    ) -> Result<(), AwsError> {
        let step = self.step(form, notification, to);
        self.table.write("changing the state of a form id", step).await.map(drop)
    }

    /// A step of a form id that a notification has reserved. It doesn't hold if another
    /// has, and may be repeated: AWS may have lost the confirmation.
    fn step(&self, form: &FormIdItem, notification: &str, to: &str) -> Write {
        let state = attr("state").equals(string("reserved")).or(attr("state").equals(string(to)));
        self.update(form)
            .set("state", string(to))
            .when(state)
            .when(attr("notification").equals(string(notification)))
    }

    fn update(&self, form: &FormIdItem) -> Write {
        Write::update(&self.table, item_key(&form.user, item_name(&form.form_id)))
    }
}

/// All form ids of a user.
fn all_of(user: &str) -> Query {
    Query::with_key(attr("user").equals(string(user)).and(attr("item").begins_with(PREFIX)))
}

fn item_name(form_id: &FormId) -> String {
    format!("{PREFIX}{}", form_id.as_str())
}

#[cfg(test)]
mod tests;
