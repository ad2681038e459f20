//! The windows in which customer service may write to a user.
//!
//! Source: WeChat's documentation, "发送客服消息" (customer-service messages):
//! every action of the user opens a window of its own.

use super::erase::FOLLOW_WINDOW;
use super::{Users, get_number, get_string, get_time, number, string, transaction, user_key};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId};
use aws_sdk_dynamodb::types::Update;

/// What opened a window, and so how long it is and how many messages it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
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

impl Window {
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
        window: Window,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let until = at.plus(window.seconds());
        let update = Update::builder()
            .table_name(&self.table.name)
            .key("user", string(user_key(app_id, open_id)))
            .key("item", string(window.item()))
            .update_expression(
                "SET opened_at = :at, closes_at = :until, messages = :messages, expires = :until",
            )
            .condition_expression("attribute_not_exists(opened_at) OR opened_at < :at")
            .expression_attribute_values(":at", number(at))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":messages", number(window.messages()));
        let here = if window == Window::Follow {
            self.still_follows(app_id, open_id, at)
        } else {
            self.still_here(app_id, open_id, at)
        };
        let what = self.table.action("opening a customer-service window");
        let items = vec![here, transaction::update(update)];
        transaction::write(&self.table.dynamodb, &what, items).await.map(drop)
    }

    /// Takes one message out of the window that stays open longest. False if
    /// none is open. A message that is then not sent is not given back: WeChat
    /// may have counted it.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn take_from_window(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        const WHAT: &str = "taking from a customer-service window";
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
            .map_err(|error| AwsError::new(self.table.action(WHAT), &error))?;
        let mut open: Vec<_> = found
            .items()
            .iter()
            .filter_map(|item| {
                Some((get_time(item, "closes_at")?, get_string(item, "item")?, item))
            })
            .filter(|(closes_at, _, item)| {
                *closes_at > now && get_number::<u32>(item, "messages").is_some_and(|left| left > 0)
            })
            .collect();
        open.sort_by_key(|(closes_at, ..)| std::cmp::Reverse(*closes_at));
        for (_, item, _) in open {
            let update = self
                .table
                .dynamodb
                .update_item()
                .table_name(&self.table.name)
                .key("user", string(user_key(app_id, open_id)))
                .key("item", string(item))
                .update_expression("SET messages = messages - :one")
                .condition_expression("messages >= :one AND closes_at > :now")
                .expression_attribute_values(":one", number(1_u64))
                .expression_attribute_values(":now", number(now));
            if self.table.conditional(WHAT, update.send().await)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
