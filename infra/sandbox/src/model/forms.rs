//! Forms that people submit in a Mini Program. Until 2020 each allowed one template message.

use crate::api_error::{self, ApiError};
use crate::random;
use serde::{Deserialize, Serialize};

/// Lifetime of a form id in seconds: seven days.
const FORM_ID_TTL: i64 = 7 * 86_400;

/// A submitted form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Form {
    form_id: String,
    open_id: String,
    submitted_at: i64,
    used: bool,
}

impl Form {
    /// Marks the form as used.
    pub(crate) fn consume(&mut self) {
        self.used = true;
    }
}

/// Submits a form, returns its id, and drops expired forms.
pub(crate) fn submit(forms: &mut Vec<Form>, open_id: &str, now: i64) -> String {
    forms.retain(|form| now < form.submitted_at + FORM_ID_TTL);
    let form_id = random::text(32);
    forms.push(Form {
        form_id: form_id.clone(),
        open_id: open_id.to_owned(),
        submitted_at: now,
        used: false,
    });
    form_id
}

/// The index of an unused form of this user. Another user's form gives the same error as an
/// unknown one.
pub(crate) fn find(
    forms: &[Form],
    form_id: &str,
    open_id: &str,
    now: i64,
) -> Result<usize, ApiError> {
    let matches = |it: &Form| {
        it.form_id == form_id && it.open_id == open_id && now < it.submitted_at + FORM_ID_TTL
    };
    let at = forms.iter().position(matches).ok_or(api_error::INVALID_FORM)?;
    if forms[at].used { Err(api_error::FORM_USED) } else { Ok(at) }
}
