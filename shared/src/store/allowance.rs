//! What sending a message uses up: something of which a user has given so many.

use super::{Consent, FormIdItem, Users, WindowSlot, transaction};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use aws_sdk_dynamodb::types::TransactWriteItem;

/// What sending a message uses up. It is taken in the same write that announces
/// the message, so that nothing is taken for what is never sent, nor anything sent
/// that hasn't been taken.
#[derive(Debug)]
pub enum Entitlement {
    /// A consent to one subscription message.
    Consent(Consent),
    /// A consent that lasts until it is withdrawn: it has to be there, and is not
    /// used up.
    LongTermConsent(Consent),
    /// A place in a customer-service window.
    WindowSlot(WindowSlot),
    /// A form id.
    FormId(FormIdItem),
}

impl Users {
    /// Taking it for a notification. Holds also if that notification has it
    /// already.
    pub(super) fn reserve(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        now: Timestamp,
    ) -> TransactWriteItem {
        match entitlement {
            Entitlement::Consent(consent) => self.reserve_consent(consent, notification, now),
            Entitlement::LongTermConsent(consent) => self.is_free(consent),
            Entitlement::WindowSlot(place) => {
                transaction::update(self.reserve_slot(place, notification, now))
            }
            Entitlement::FormId(form) => self.reserve_form_id(form, notification, now),
        }
    }

    /// Using up what the notification has taken; none if there is nothing to be
    /// written.
    pub(super) fn consume(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        now: Timestamp,
    ) -> Option<TransactWriteItem> {
        match entitlement {
            Entitlement::Consent(consent) => Some(self.consume_consent(consent, notification, now)),
            Entitlement::FormId(form) => Some(self.consume_form_id(form, notification)),
            // WeChat counts messages, and so does the window.
            Entitlement::WindowSlot(_) | Entitlement::LongTermConsent(_) => None,
        }
    }

    /// The message was certainly not sent, and WeChat has not counted it: what it
    /// would have used up is there again.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Asking again is safe.
    pub async fn release(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        match entitlement {
            Entitlement::Consent(consent) => self.release_consent(consent, notification, now).await,
            Entitlement::LongTermConsent(_) => Ok(()),
            Entitlement::WindowSlot(place) => self.release_slot(place, notification).await,
            Entitlement::FormId(form) => self.release_form_id(form, notification).await,
        }
    }

    /// WeChat knows nothing of what was to be used up, or has seen it used: it is
    /// void.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Asking again is safe.
    pub async fn invalidate(
        &self,
        entitlement: &Entitlement,
        notification: &str,
        asked: Timestamp,
    ) -> Result<(), AwsError> {
        match entitlement {
            Entitlement::Consent(consent) => {
                self.invalidate_consent(consent, "reserved", notification, asked).await
            }
            Entitlement::LongTermConsent(consent) => {
                self.invalidate_consent(consent, "free", notification, asked).await
            }
            // It stays taken.
            Entitlement::WindowSlot(_) => Ok(()),
            Entitlement::FormId(form) => self.invalidate_form_id(form, notification).await,
        }
    }
}
