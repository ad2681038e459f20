//! Codes that a Mini Program gets on the phone and its server exchanges once: login codes
//! (`wx.login`) and phone number codes.

use crate::model::secret_serde::expose;
use serde::{Deserialize, Serialize};
use shared::secret::Secret;

/// Lifetime of a code in seconds.
const CODE_TTL: i64 = 300;

/// A code that belongs to one person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OneTimeCode {
    #[serde(serialize_with = "expose")]
    text: Secret,
    /// The person's name.
    pub(crate) person: String,
    issued_at: i64,
    pub(crate) used: bool,
}

impl OneTimeCode {
    /// Whether the code is past its lifetime.
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        now >= self.issued_at + CODE_TTL
    }
}

/// Issues `text` as a code to this person, and returns it. Drops codes that expired long ago:
/// WeChat does not distinguish them from unknown ones.
pub(crate) fn issue(codes: &mut Vec<OneTimeCode>, text: String, person: &str, now: i64) -> String {
    codes.retain(|code| now < code.issued_at + 2 * CODE_TTL);
    codes.push(OneTimeCode {
        text: Secret::new(text.clone()),
        person: person.to_owned(),
        issued_at: now,
        used: false,
    });
    text
}

/// The index of the code with this text.
pub(crate) fn find(codes: &[OneTimeCode], text: &Secret) -> Option<usize> {
    codes.iter().position(|code| code.text == *text)
}
