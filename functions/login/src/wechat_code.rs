//! One-time codes from WeChat's client.

use shared::secret::Secret;

/// The code in a request, if it has 1 to 256 printable ASCII characters.
pub(crate) fn parse(code: String) -> Option<Secret> {
    let is_valid = (1..=256).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_graphic());
    is_valid.then(|| Secret::new(code))
}
