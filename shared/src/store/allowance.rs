//! What sending a message uses up: something of which a user has given so many.

use super::{Consent, FormIdItem, Place, Users, transaction};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use aws_sdk_dynamodb::types::TransactWriteItem;

/// What sending a message uses up. It is taken in the same write that announces
/// the message, so that nothing is taken for what is never sent, nor anything sent
/// that hasn't been taken.
#[derive(Debug)]
pub enum Allowance {
    /// A consent to one subscription message.
    Consent(Consent),
    /// A consent that lasts until it is withdrawn: it has to be there, and is not
    /// used up.
    Standing(Consent),
    /// A place in a customer-service window.
    Place(Place),
    /// A form id.
    FormId(FormIdItem),
}

impl Users {
    /// Taking it for a notification. Holds also if that notification has it
    /// already.
    pub(super) fn taking(
        &self,
        allowance: &Allowance,
        notification: &str,
        now: Timestamp,
    ) -> TransactWriteItem {
        match allowance {
            Allowance::Consent(consent) => self.reserve_consent(consent, notification, now),
            Allowance::Standing(consent) => self.is_free(consent),
            Allowance::Place(place) => {
                transaction::update(self.take_place(place, notification, now))
            }
            Allowance::FormId(form) => self.reserve_form_id(form, notification, now),
        }
    }

    /// Using up what the notification has taken; none if there is nothing to be
    /// written.
    pub(super) fn using(
        &self,
        allowance: &Allowance,
        notification: &str,
        now: Timestamp,
    ) -> Option<TransactWriteItem> {
        match allowance {
            Allowance::Consent(consent) => Some(self.use_consent(consent, notification, now)),
            Allowance::FormId(form) => Some(self.use_form_id(form, notification)),
            // WeChat counts messages, and so does the window.
            Allowance::Place(_) | Allowance::Standing(_) => None,
        }
    }

    /// The message was certainly not sent, and WeChat has not counted it: what it
    /// would have used up is there again.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Asking again is safe.
    pub async fn give_back(
        &self,
        allowance: &Allowance,
        notification: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        match allowance {
            Allowance::Consent(consent) => self.give_back_consent(consent, notification, now).await,
            Allowance::Standing(_) => Ok(()),
            Allowance::Place(place) => self.give_back_place(place, notification).await,
            Allowance::FormId(form) => self.give_back_form_id(form, notification).await,
        }
    }

    /// WeChat knows nothing of what was to be used up, or has seen it used: it is
    /// void.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm. Asking again is safe.
    pub async fn burn(
        &self,
        allowance: &Allowance,
        notification: &str,
        asked: Timestamp,
    ) -> Result<(), AwsError> {
        match allowance {
            Allowance::Consent(consent) => {
                self.burn_consent(consent, "reserved", notification, asked).await
            }
            Allowance::Standing(consent) => {
                self.burn_consent(consent, "free", notification, asked).await
            }
            // It stays taken.
            Allowance::Place(_) => Ok(()),
            Allowance::FormId(form) => self.burn_form_id(form, notification).await,
        }
    }
}
