//! The two industries of an Official Account. They decide which templates from the library of
//! before 2023 the account may use.
//!
//! Source: the table in WeChat's documentation, "设置所属行业" (`template/api_set_industry`).

use serde::{Deserialize, Serialize};

/// An account's industries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Industries {
    /// Their numbers; empty until the account chooses.
    chosen: Vec<u8>,
    /// The month of the choice.
    month: i64,
}

impl Industries {
    /// Chooses industries, unless the account has already done so this month.
    pub(crate) fn choose(&mut self, chosen: Vec<u8>, month: i64) -> bool {
        let allowed = self.chosen.is_empty() || self.month != month;
        if allowed {
            *self = Self { chosen, month };
        }
        allowed
    }

    /// Whether the account may use templates of this industry.
    pub(crate) fn include(&self, industry: u8) -> bool {
        self.chosen.contains(&industry)
    }

    /// The two names of the first or the second industry; empty if none was chosen.
    pub(crate) fn names(&self, at: usize) -> (&'static str, &'static str) {
        self.chosen.get(at).and_then(|it| names(*it)).unwrap_or_default()
    }
}

/// The two names of an industry.
pub(crate) fn names(number: u8) -> Option<(&'static str, &'static str)> {
    INDUSTRIES.lines().nth(usize::from(number).checked_sub(1)?)?.split_once(' ')
}

/// WeChat's table, a line an industry; numbers start at 1.
const INDUSTRIES: &str = include_str!("industries.txt");
