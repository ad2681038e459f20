//! WeChat's receipts find their notifications.
//!
//! A message has a row of its own under WeChat's id of it. Sending writes the
//! notification's id into it, the receipt what became of the message; whoever
//! comes second finds what the first has written. An index could not do that:
//! it is always a little behind.
//!
//! Where sending never learnt WeChat's id, as its answer was lost or the function
//! ended, nobody writes the notification's id into that row. Such a notification
//! is ambiguous, and it meets the receipt in a third row, that of their addressee
//! (see [`super::row::addressee`]): both note themselves there. When everything to
//! that addressee that was under way with the receipt has been written down, or has
//! become ambiguous itself, whatever receipt still belongs to nobody is the
//! ambiguous notification's.

use super::change::{addressee_key, message_key};
use super::row::{addressee, settling};
use super::{Notifications, Row, Status};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::conflict::again;
use crate::store::{get_string, get_time, item_of, number, string, strings, transaction};
use crate::wechat::id::{AppId, OpenId};
use crate::wechat::push::DeliveryStatus;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Update};

/// A receipt waits this many seconds for a notification that it belongs to: a
/// day.
const WAITS: u64 = 24 * 3600;

/// What came of looking for a notification's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It has been found, and says this.
    Told(Status),
    /// There may be one, and it has to be looked for again then.
    Later(Timestamp),
    /// There is none so far.
    Unknown,
}

/// What WeChat says of one message.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The app that spoke.
    pub app_id: &'a AppId,
    /// To whom.
    pub open_id: &'a OpenId,
    /// WeChat's template, where it tells.
    pub template_id: Option<&'a str>,
    /// WeChat's id of the message, in decimal.
    pub message_id: &'a str,
    /// What became of it.
    pub fate: &'a DeliveryStatus,
    /// When WeChat said so.
    pub at: Timestamp,
}

/// A receipt that belongs to no notification so far.
struct Stray {
    /// `app_id`, `#` and WeChat's id of the message.
    message: String,
    status: Status,
    reason: String,
    /// When it was written down.
    told_at: Timestamp,
}

impl Notifications {
    /// Stores what WeChat's receipt says of a message. It may come before the
    /// sender has written down WeChat's id of it; then it waits there.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn receipt(&self, receipt: Receipt<'_>, now: Timestamp) -> Result<(), AwsError> {
        let (status, reason) = match receipt.fate {
            DeliveryStatus::Delivered => (Status::Delivered, ""),
            DeliveryStatus::Blocked => {
                (Status::Blocked, "the person rejects messages of this account")
            }
            DeliveryStatus::Failed(reason) => (Status::Failed, reason.as_str()),
        };
        let message = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(message_key(receipt.app_id, receipt.message_id)))
            .update_expression(
                "SET #status = :status, reason = :reason, \
                 told_at = if_not_exists(told_at, :now), expires = if_not_exists(expires, :expires)",
            )
            .expression_attribute_values(":now", number(now))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":expires", number(now.plus(self.table.kept)))
            .return_values(ReturnValue::AllNew);
        let message = again(|| message.clone().send())
            .await
            .map_err(|error| AwsError::new(self.table.action("storing a receipt"), &error))?;
        match message.attributes.as_ref().and_then(|item| get_string(item, "notification")) {
            Some(id) => self.tell(id, receipt.message_id, status, reason).await,
            None => self.leave_for_addressee(receipt, now).await,
        }
    }

    /// Tells a notification what became of its message.
    async fn tell(
        &self,
        id: &str,
        message_id: &str,
        status: Status,
        reason: &str,
    ) -> Result<(), AwsError> {
        const WHAT: &str = "storing a receipt";
        let update = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(id))
            .update_expression("SET #status = :status, reason = :reason")
            .condition_expression("#status = :sent")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":sent", string(Status::Sent.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = again(|| update.clone().send()).await else { return Ok(()) };
        let row = match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                failed.item().and_then(Row::read)
            }
            _ => return Err(AwsError::new(self.table.action(WHAT), &error)),
        };
        let Some(row) = row.filter(|row| row.status == Status::Ambiguous) else { return Ok(()) };
        // It was given up for its sender was slow; that one has noted later whose the
        // message is.
        let mut items = vec![self.settled(&row.id, message_id, status, reason)];
        let addressee = row.announced.as_ref().and_then(|what| what.addressee.as_deref());
        items.extend(addressee.map(|addressee| {
            self.of(&addressee_key(addressee))
                .update_expression("DELETE ambiguous :id")
                .expression_attribute_values(":id", strings([&row.id]))
        }));
        let items = items.into_iter().map(transaction::update).collect();
        transaction::write(&self.table.dynamodb, &self.table.action(WHAT), items).await.map(drop)
    }

    /// An ambiguous notification becomes what its receipt says.
    fn settled(&self, id: &str, message_id: &str, status: Status, reason: &str) -> UpdateBuilder {
        self.of(id)
            .update_expression(
                "SET #status = :status, reason = :reason, message_id = :message \
                 REMOVE waiting, due_at, announced, announced_at",
            )
            .condition_expression("#status = :ambiguous")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", string(status.as_str()))
            .expression_attribute_values(":reason", string(reason))
            .expression_attribute_values(":message", string(message_id))
            .expression_attribute_values(":ambiguous", string(Status::Ambiguous.as_str()))
    }

    /// An update of the row under this key.
    fn of(&self, key: &str) -> UpdateBuilder {
        Update::builder().table_name(&self.table.name).key("id", string(key))
    }

    /// Nobody has written down whose message it is: perhaps nobody will.
    async fn leave_for_addressee(
        &self,
        receipt: Receipt<'_>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        const WHAT: &str = "leaving a receipt for a notification";
        let Receipt { app_id, open_id, template_id, message_id, at, .. } = receipt;
        let note = self
            .table
            .dynamodb
            .update_item()
            .table_name(&self.table.name)
            .key("id", string(addressee_key(&addressee(app_id, open_id, template_id))))
            .update_expression("ADD receipts :message SET expires = :expires")
            .expression_attribute_values(":message", strings([&format!("{app_id}#{message_id}")]))
            .expression_attribute_values(":expires", number(at.plus(WAITS)))
            .return_values(ReturnValue::AllNew);
        let noted = again(|| note.clone().send())
            .await
            .map_err(|error| AwsError::new(self.table.action(WHAT), &error))?;
        let noted = noted.attributes.unwrap_or_default();
        let ambiguous = noted.get("ambiguous").and_then(|ids| ids.as_ss().ok());
        for id in ambiguous.into_iter().flatten() {
            let update = self
                .table
                .dynamodb
                .update_item()
                .table_name(&self.table.name)
                .key("id", string(id))
                .update_expression("SET waiting = :shard, due_at = :due")
                .condition_expression("#status = :ambiguous")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":shard", string(super::waiting::shard(id)))
                .expression_attribute_values(":due", number(now))
                .expression_attribute_values(":ambiguous", string(Status::Ambiguous.as_str()));
            let stored = again(|| update.clone().send()).await;
            self.table.conditional(WHAT, stored)?;
        }
        Ok(())
    }

    /// Gives an ambiguous notification the receipt that must be its own, if there
    /// is one: there are as many receipts that belong to nobody as notifications
    /// that may have been sent to the same addressee, and all say the same.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn settle(&self, row: &Row, now: Timestamp) -> Result<Settled, AwsError> {
        let Some((announced, addressee)) =
            row.announced.as_ref().and_then(|what| Some((what, what.addressee.as_deref()?)))
        else {
            self.leave(row, None).await?;
            return Ok(Settled::Unknown);
        };
        let key = addressee_key(addressee);
        let (ambiguous, receipts) = self.meeting(&key).await?;
        let place = ambiguous.iter().position(|id| *id == row.id).unwrap_or(ambiguous.len());
        let mut strays = Vec::new();
        for message in receipts {
            strays.extend(self.stray(message).await?);
        }
        // What WeChat told before is of another message.
        strays.retain(|stray| stray.told_at >= announced.at);
        // Whose the youngest is may not have been written down yet.
        let certain = strays.iter().map(|stray| stray.told_at).max();
        let certain = certain.map(|told_at| told_at.plus(settling(announced.channel)));
        if let Some(certain) = certain.filter(|certain| now < *certain) {
            self.leave(row, Some(certain)).await?;
            return Ok(Settled::Later(certain));
        }
        let alike = strays.windows(2).all(|pair| pair[0].status == pair[1].status);
        if alike
            && strays.len() == ambiguous.len()
            && let Some(stray) = strays.get(place)
            && self.bind(row, &key, stray).await?
        {
            return Ok(Settled::Told(stray.status));
        }
        self.leave(row, None).await?;
        Ok(Settled::Unknown)
    }

    /// Who meets in the row of an addressee: ids of notifications, and receipts.
    async fn meeting(&self, key: &str) -> Result<(Vec<String>, Vec<String>), AwsError> {
        let found = self.table.read("looking for receipts", item_of([("id", string(key))])).await?;
        let item = found.unwrap_or_default();
        let names = |name: &str| {
            let mut names = item.get(name).and_then(|set| set.as_ss().ok()).cloned();
            names.iter_mut().for_each(|names| names.sort_unstable());
            names.unwrap_or_default()
        };
        Ok((names("ambiguous"), names("receipts")))
    }

    /// A receipt, if it still belongs to nobody.
    async fn stray(&self, message: String) -> Result<Option<Stray>, AwsError> {
        let found = self
            .table
            .read("reading a receipt", item_of([("id", string(format!("message#{message}")))]))
            .await?;
        let item = found.unwrap_or_default();
        if item.contains_key("notification") {
            return Ok(None);
        }
        let status = get_string(&item, "status").and_then(Status::parse);
        let told_at = get_time(&item, "told_at");
        let reason = get_string(&item, "reason").unwrap_or_default().to_owned();
        let stray = status.zip(told_at);
        Ok(stray.map(|(status, told_at)| Stray { message, status, reason, told_at }))
    }

    /// False if one of the two has found another meanwhile.
    async fn bind(&self, row: &Row, key: &str, stray: &Stray) -> Result<bool, AwsError> {
        let id = stray.message.rsplit('#').next().unwrap_or_default();
        let notification = self.settled(&row.id, id, stray.status, &stray.reason);
        let message = self
            .of(&format!("message#{}", stray.message))
            .update_expression("SET notification = :id")
            .condition_expression("attribute_not_exists(notification)")
            .expression_attribute_values(":id", string(&row.id));
        let meeting = self
            .of(key)
            .update_expression("DELETE ambiguous :id, receipts :message")
            .expression_attribute_values(":id", strings([&row.id]))
            .expression_attribute_values(":message", strings([&stray.message]));
        let items = [notification, message, meeting].map(transaction::update).to_vec();
        let what = self.table.action("settling what became of a notification");
        transaction::write(&self.table.dynamodb, &what, items).await
    }
}
