//! How long events and notifications, and what stands for them, are kept.

use crate::config::{self, VariableError};

/// The variable that says how many days.
const VARIABLE: &str = "RETENTION_DAYS";
const DEFAULT_DAYS: u64 = 30;
/// A message may lie on a dead-letter queue for 14 days before an operator has it sent
/// again. If its row were gone by then, it would reach the person twice.
const MIN_DAYS: u64 = 15;
/// Ten years.
const MAX_DAYS: u64 = 3650;
const SECONDS_PER_DAY: u64 = 24 * 3600;

/// The retention that the environment sets, in seconds.
pub(super) fn seconds() -> Result<u64, VariableError> {
    read(config::optional(VARIABLE).as_deref())
}

fn read(days: Option<&str>) -> Result<u64, VariableError> {
    let Some(text) = days else { return Ok(DEFAULT_DAYS * SECONDS_PER_DAY) };
    match text.parse() {
        Ok(days) if (MIN_DAYS..=MAX_DAYS).contains(&days) => Ok(days * SECONDS_PER_DAY),
        _ => Err(VariableError::OutOfBounds {
            name: VARIABLE,
            value: text.to_owned(),
            least: MIN_DAYS,
            most: MAX_DAYS,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_a_number_of_days_within_bounds() {
        assert_eq!(read(None).unwrap(), 30 * 24 * 3600);
        assert_eq!(read(Some("15")).unwrap(), 15 * 24 * 3600);
        assert_eq!(read(Some("3650")).unwrap(), 3650 * 24 * 3600);
        for wrong in ["14", "3651", "0", "-30", "30 days", "1e2"] {
            let error = read(Some(wrong)).unwrap_err().to_string();
            assert!(
                error.contains("RETENTION_DAYS") && error.contains("from 15 to 3650"),
                "{error}"
            );
        }
    }
}
