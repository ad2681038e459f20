//! What sending a message uses: something of which a user has given a limited number.

use super::consents::{Consent, Consents};
use super::form_ids::{FormIdItem, FormIds};
use super::reply_windows::{ReplyWindows, WindowSlot};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::write::Write;
use crate::store::tables::UsersTable;

/// What sending a message uses. It is reserved in the transaction that records the
/// intent to send: so nothing is reserved for what is never sent, nor anything sent
/// without a reservation.
#[derive(Debug)]
pub enum Entitlement {
    /// A consent to one subscription message.
    Consent(Consent),
    /// A consent that lasts until it is withdrawn: it has to exist, and is not used up.
    LongTermConsent(Consent),
    /// A slot in a customer-service window.
    WindowSlot(WindowSlot),
    /// A form id.
    FormId(FormIdItem),
}

/// The entitlements of users.
#[derive(Clone, Debug)]
pub struct Entitlements {
    /// Consents to subscription messages.
    pub consents: Consents,
    /// Customer-service windows.
    pub reply_windows: ReplyWindows,
    /// Form ids.
    pub form_ids: FormIds,
}

impl Entitlements {
    /// The entitlements in the users table.
    pub fn new(users: &UsersTable) -> Self {
        Self {
            consents: Consents::new(users),
            reply_windows: ReplyWindows::new(users),
            form_ids: FormIds::new(users),
        }
    }

    /// The write that reserves it for a notification. It holds also if that notification
    /// has it already.
    pub(in crate::store) fn reserve(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        now: Timestamp,
    ) -> Write {
        match entitlement {
            Entitlement::Consent(consent) => self.consents.reserve(consent, notification, now),
            Entitlement::LongTermConsent(consent) => self.consents.is_free(consent),
            Entitlement::WindowSlot(slot) => {
                self.reply_windows.reserve_slot(slot, notification, now)
            }
            Entitlement::FormId(form) => self.form_ids.reserve(form, notification, now),
        }
    }

    /// The write that uses what the notification has reserved, if one is needed.
    pub(in crate::store) fn consume(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        now: Timestamp,
    ) -> Option<Write> {
        match entitlement {
            Entitlement::Consent(consent) => {
                Some(self.consents.consume(consent, notification, now))
            }
            Entitlement::FormId(form) => Some(self.form_ids.consume(form, notification)),
            // WeChat counts messages, and so does the window.
            Entitlement::WindowSlot(_) | Entitlement::LongTermConsent(_) => None,
        }
    }

    /// The message was certainly not sent, and WeChat has not counted it: releases the
    /// reservation. Repeating it is safe.
    pub async fn release(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        match entitlement {
            Entitlement::Consent(consent) => {
                self.consents.release(consent, notification, now).await
            }
            Entitlement::LongTermConsent(_) => Ok(()),
            Entitlement::WindowSlot(slot) => {
                self.reply_windows.release_slot(slot, notification).await
            }
            Entitlement::FormId(form) => self.form_ids.release(form, notification).await,
        }
    }

    /// WeChat doesn't know it, or has seen it used: it is void. `asked_at` is when the
    /// send began. Repeating it is safe.
    pub async fn invalidate(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        asked_at: Timestamp,
    ) -> Result<(), AwsError> {
        match entitlement {
            Entitlement::Consent(consent) => {
                self.consents.invalidate(consent, "reserved", notification, asked_at).await
            }
            Entitlement::LongTermConsent(consent) => {
                self.consents.invalidate(consent, "free", notification, asked_at).await
            }
            // It stays reserved.
            Entitlement::WindowSlot(_) => Ok(()),
            Entitlement::FormId(form) => self.form_ids.invalidate(form, notification).await,
        }
    }
}
