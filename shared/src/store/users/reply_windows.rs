//! The windows in which customer service may write to a user.
//!
//! Source: WeChat's documentation, "发送客服消息" (customer-service messages): every
//! action of the user opens a window of its own.
//!
//! A window's item says how many `messages` it takes, and holds in `reserved_by` the
//! names of those who have reserved one. It is a set and not a count: AWS may lose the
//! confirmation of a write, and a caller that then repeats it still has one slot.

use super::profiles::{not_erased_condition, still_following_condition};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{
    Item, get_number, get_set, get_string, get_time, number, string, string_set,
};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{item_key, user_key};
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::{AppId, OpenId};
use std::cmp::Reverse;

/// The sort key of the window that a follow opens.
pub(super) const FOLLOW_WINDOW: &str = "window#follow";

/// One message in an open window of one user.
#[derive(Clone, Debug)]
pub struct WindowSlot {
    user: String,
    item: String,
}

/// What opened a window, and so how long it is and how many messages it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyWindow {
    /// The user wrote: 48 hours, 5 messages.
    Message,
    /// The user tapped a menu item: a minute, 3 messages.
    MenuClick,
    /// The user followed: a minute, 3 messages.
    Follow,
    /// The user scanned a QR code: a minute, 3 messages.
    Scan,
    /// The user entered a mini program's customer service: a minute, 2 messages.
    EnterSession,
}

impl ReplyWindow {
    fn item(self) -> &'static str {
        match self {
            Self::Message => "window#message",
            Self::MenuClick => "window#click",
            Self::Follow => FOLLOW_WINDOW,
            Self::Scan => "window#scan",
            Self::EnterSession => "window#enter",
        }
    }

    fn seconds(self) -> u64 {
        if self == Self::Message { 48 * 3600 } else { 60 }
    }

    fn messages(self) -> u32 {
        match self {
            Self::Message => 5,
            Self::MenuClick | Self::Follow | Self::Scan => 3,
            Self::EnterSession => 2,
        }
    }
}

aggregate! {
    /// The windows of users.
    pub struct ReplyWindows { table: UsersTable }
}

impl ReplyWindows {
    /// Opens a window at the second of the event. An event that is older than the one
    /// that opened it last, or the same, changes nothing; nor does one after which the
    /// user left, which closes all windows.
    pub async fn open(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        window: ReplyWindow,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let until = at.plus(window.seconds());
        let update = Write::update(&self.table, item_key(user_key(app_id, open_id), window.item()))
            .set("opened_at", number(at))
            .set("closes_at", number(until))
            .set("messages", number(window.messages()))
            .set("expires", number(until))
            .remove(["reserved_by"])
            .when(attr("opened_at").not_exists().or(attr("opened_at").less_than(number(at))));
        let condition = if window == ReplyWindow::Follow {
            still_following_condition(&self.table, app_id, open_id, at)
        } else {
            not_erased_condition(&self.table, app_id, open_id, at)
        };
        let action = "opening a customer-service window";
        self.table.transact(action, [condition, update]).await.map(drop)
    }

    /// A slot in an open window, and how many there are in all: the slot that `owner`
    /// has reserved already, or one in the window that stays open longest.
    pub async fn find_slot(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<(WindowSlot, usize)>, AwsError> {
        let user = user_key(app_id, open_id);
        let mut open = self.windows(&user).await?;
        open.retain(|window| {
            window.closes_at > now && (window.free() > 0 || window.is_reserved_by(owner))
        });
        open.sort_by_key(|window| (!window.is_reserved_by(owner), Reverse(window.closes_at)));
        let slots = open.iter().map(WindowRow::free).sum();
        Ok(open.into_iter().next().map(|window| (WindowSlot { user, item: window.item }, slots)))
    }

    /// The write that reserves a slot for `owner`: a notification, or the key of an event
    /// that is replied to. As long as the window is open, the owner has one slot in it,
    /// however often it asks, until it releases it.
    pub(super) fn reserve_slot(&self, slot: &WindowSlot, owner: &str, now: Timestamp) -> Write {
        let unused =
            attr("reserved_by").not_exists().and(attr("messages").greater_than(number(0_u64)));
        let has_room = attr("reserved_by")
            .contains(owner)
            .or(attr("reserved_by").has_fewer_members_than("messages"))
            .or(unused);
        Write::update(&self.table, item_key(&slot.user, &slot.item))
            .add_members("reserved_by", string_set([owner]))
            .when(attr("closes_at").greater_than(number(now)))
            .when(has_room)
    }

    /// Reserves a slot in the window that stays open longest. False if none is open.
    /// Repeating it is safe, and so is [`ReplyWindows::release`].
    pub async fn reserve(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        owner: &str,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const ACTION: &str = "reserving a slot in a customer-service window";
        // Each attempt sees what others have reserved since the last one.
        while let Some((slot, _)) = self.find_slot(app_id, open_id, owner, now).await? {
            if self.table.write(ACTION, self.reserve_slot(&slot, owner, now)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Releases what `owner` has reserved, when the message was certainly not sent and
    /// WeChat can't have counted it. If DynamoDB doesn't confirm it, the window may stay
    /// one message shorter than it is at WeChat. Repeating it is safe.
    pub async fn release(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        owner: &str,
    ) -> Result<(), AwsError> {
        let user = user_key(app_id, open_id);
        for window in self.windows(&user).await? {
            if window.is_reserved_by(owner) {
                let slot = WindowSlot { user: user.clone(), item: window.item };
                self.release_slot(&slot, owner).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn release_slot(
        &self,
        slot: &WindowSlot,
        owner: &str,
    ) -> Result<(), AwsError> {
        let update = Write::update(&self.table, item_key(&slot.user, &slot.item))
            .delete_members("reserved_by", string_set([owner]))
            // Without it, a window that was deleted would come back as an empty item.
            .when(attr("reserved_by").contains(owner));
        let action = "releasing a slot in a customer-service window";
        self.table.write(action, update).await.map(drop)
    }

    /// The windows of a user, also those that are closed or full.
    async fn windows(&self, user: &str) -> Result<Vec<WindowRow>, AwsError> {
        let key = attr("user").equals(string(user)).and(attr("item").begins_with("window#"));
        let action = "looking for customer-service windows";
        let found = self.table.read_all(action, Query::with_key(key)).await?;
        Ok(found.iter().filter_map(WindowRow::read).collect())
    }
}

/// A window as it is stored.
struct WindowRow {
    item: String,
    closes_at: Timestamp,
    messages: usize,
    reserved_by: Vec<String>,
}

impl WindowRow {
    fn read(item: &Item) -> Option<Self> {
        Some(Self {
            item: get_string(item, "item")?.to_owned(),
            closes_at: get_time(item, "closes_at")?,
            messages: get_number(item, "messages").unwrap_or_default(),
            reserved_by: get_set(item, "reserved_by"),
        })
    }

    /// The number of slots that are free.
    fn free(&self) -> usize {
        self.messages.saturating_sub(self.reserved_by.len())
    }

    fn is_reserved_by(&self, owner: &str) -> bool {
        self.reserved_by.iter().any(|known| known == owner)
    }
}
