//! A person's phone number.

use crate::random;
use serde::{Deserialize, Serialize};

/// A phone number in the parts that WeChat uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// The number without the country code.
    pub number: String,
    /// The country code without a plus sign.
    pub country_code: String,
}

impl PhoneNumber {
    /// A random number in China.
    pub(crate) fn random() -> Self {
        let digits = u32::from_le_bytes(random::bytes()) % 100_000_000;
        Self { number: format!("138{digits:08}"), country_code: "86".to_owned() }
    }

    /// A number of up to 14 digits; the country code has up to 4 and defaults to China's.
    pub(crate) fn parse(number: &str, country_code: Option<&str>) -> Option<Self> {
        let digits = |text: &str, max: usize| {
            (1..=max).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit())
        };
        let country_code = country_code.unwrap_or("86");
        (digits(number, 14) && digits(country_code, 4))
            .then(|| Self { number: number.to_owned(), country_code: country_code.to_owned() })
    }

    /// The number, with the country code unless it is China's.
    pub(crate) fn international(&self) -> String {
        if self.country_code == "86" {
            self.number.clone()
        } else {
            format!("+{}{}", self.country_code, self.number)
        }
    }
}
