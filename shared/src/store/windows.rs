//! The windows in which customer service may write to a user.
//!
//! Source: WeChat's documentation, "发送客服消息" (customer-service messages):
//! every action of the user opens a window of its own.
//!
//! A window's item says how many `messages` it takes, and holds its `reserved_by`,
//! the names of those who took one. It is a set and not a count: AWS may lose
//! the confirmation of a write, and whoever then asks again still has one place
//! and no more.

use super::erase::FOLLOW_WINDOW;
use super::{
    Item, Users, get_number, get_string, get_time, number, string, strings, transaction, user_key,
};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;

/// A place in an open window of one user.
#[derive(Clone, Debug)]
pub struct WindowSlot {
    app_id: AppId,
    open_id: OpenId,
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
    /// The user entered a mini program's customer service: a minute, 2
    /// messages.
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

impl Users {
    /// Opens a window at the moment of the event. An event that is older than
    /// the one that opened it last, or the same, changes nothing; nor does one
    /// after which the user went, which closes all windows.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn open_window(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        window: ReplyWindow,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let until = at.plus(window.seconds());
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(app_id, open_id)))
            .key("item", string(window.item()))
            .update_expression(
                "SET opened_at = :at, closes_at = :until, messages = :messages, expires = :until \
                 REMOVE reserved_by",
            )
            .condition_expression("attribute_not_exists(opened_at) OR opened_at < :at")
            .expression_attribute_values(":at", number(at))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":messages", number(window.messages()));
        let here = if window == ReplyWindow::Follow {
            self.still_following_condition(app_id, open_id, at)
        } else {
            self.not_erased_condition(app_id, open_id, at)
        };
        let what = self.table.action("opening a customer-service window");
        let items = vec![here, transaction::update(update)];
        transaction::write(&self.table.dynamodb, &what, items).await.map(drop)
    }

    /// A place in a window that is open, and how many there are in all. The one
    /// that `taker` has taken already, or else in the window that stays open
    /// longest.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn find_slot(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        taker: &str,
        now: Timestamp,
    ) -> Result<Option<(WindowSlot, usize)>, AwsError> {
        let mut open = self.windows(app_id, open_id).await?;
        open.retain(|window| {
            window.closes_at > now && (window.room() > 0 || window.is_reserved_by(taker))
        });
        open.sort_by_key(|window| {
            (!window.is_reserved_by(taker), std::cmp::Reverse(window.closes_at))
        });
        let places = open.iter().map(Row::room).sum();
        Ok(open.into_iter().next().map(|window| {
            let (app_id, open_id) = (app_id.clone(), open_id.clone());
            (WindowSlot { app_id, open_id, item: window.item }, places)
        }))
    }

    /// Taking a place for `taker`: a notification, or the key of an event that is
    /// answered. As long as the window is open, it has one place in it, however
    /// often it asks, until it gives it back.
    pub(super) fn reserve_slot(
        &self,
        place: &WindowSlot,
        taker: &str,
        now: Timestamp,
    ) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(&place.app_id, &place.open_id)))
            .key("item", string(&place.item))
            .update_expression("ADD reserved_by :reserver")
            .condition_expression(
                "closes_at > :now AND (contains(reserved_by, :name) OR size(reserved_by) < messages \
                 OR (attribute_not_exists(reserved_by) AND messages > :none))",
            )
            .expression_attribute_values(":reserver", strings([taker]))
            .expression_attribute_values(":name", string(taker))
            .expression_attribute_values(":none", number(0_u64))
            .expression_attribute_values(":now", number(now))
    }

    /// Takes one message out of the window that stays open longest. False if
    /// none is open. `taker` is as with [`Users::find_slot`].
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Asking again is safe; so is
    /// [`Users::release_in_window`].
    pub async fn reserve_in_window(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        taker: &str,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const ACTION: &str = "taking from a customer-service window";
        // Each look finds what others took since the last one.
        while let Some((place, _)) = self.find_slot(app_id, open_id, taker, now).await? {
            if self.table.change(ACTION, self.reserve_slot(&place, taker, now)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives back what `taker` has taken, for the message was certainly not sent
    /// and WeChat can't have counted it. Whoever took nothing gives nothing back.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm; then the window may stay one message
    /// shorter than it is at WeChat. Asking again is safe.
    pub async fn release_in_window(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        taker: &str,
    ) -> Result<(), AwsError> {
        for window in self.windows(app_id, open_id).await? {
            if window.is_reserved_by(taker) {
                let (app_id, open_id) = (app_id.clone(), open_id.clone());
                let place = WindowSlot { app_id, open_id, item: window.item };
                self.release_slot(&place, taker).await?;
            }
        }
        Ok(())
    }

    /// Gives a place back.
    pub(super) async fn release_slot(
        &self,
        place: &WindowSlot,
        taker: &str,
    ) -> Result<(), AwsError> {
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(&place.app_id, &place.open_id)))
            .key("item", string(&place.item))
            .update_expression("DELETE reserved_by :reserver")
            // Without it, a window that is gone would come back as an empty item.
            .condition_expression("contains(reserved_by, :name)")
            .expression_attribute_values(":reserver", strings([taker]))
            .expression_attribute_values(":name", string(taker));
        self.table.change("giving back to a customer-service window", update).await.map(drop)
    }

    /// The windows of a user, also those that are closed or used up.
    async fn windows(&self, app_id: &AppId, open_id: &OpenId) -> Result<Vec<Row>, AwsError> {
        let found = self
            .table
            .dynamodb
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("#user = :user AND begins_with(#item, :prefix)")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":user", string(user_key(app_id, open_id)))
            .expression_attribute_values(":prefix", string("window#"))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| {
                AwsError::new(self.table.action("looking for customer-service windows"), &error)
            })?;
        Ok(found.items().iter().filter_map(Row::read).collect())
    }
}

/// A window, and who has taken a message out of it.
struct Row {
    item: String,
    closes_at: Timestamp,
    messages: usize,
    reserved_by: Vec<String>,
}

impl Row {
    fn read(item: &Item) -> Option<Self> {
        let reserved_by = item.get("reserved_by").and_then(|reserved_by| reserved_by.as_ss().ok());
        Some(Self {
            item: get_string(item, "item")?.to_owned(),
            closes_at: get_time(item, "closes_at")?,
            messages: get_number(item, "messages").unwrap_or_default(),
            reserved_by: reserved_by.cloned().unwrap_or_default(),
        })
    }

    /// So many more messages.
    fn room(&self) -> usize {
        self.messages.saturating_sub(self.reserved_by.len())
    }

    fn is_reserved_by(&self, taker: &str) -> bool {
        self.reserved_by.iter().any(|known| known == taker)
    }
}
