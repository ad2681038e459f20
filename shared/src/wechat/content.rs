//! Limits of texts and URLs that apply to passive replies and customer-service messages.

/// WeChat's documentation names no limit; longer texts have been seen to fail.
const MAX_TEXT_BYTES: usize = 2048;

/// Why WeChat would refuse this text, if it would.
pub(super) fn text_problem(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("its text is empty")
    } else if text.len() > MAX_TEXT_BYTES {
        Some("its text has more than 2048 bytes")
    } else {
        None
    }
}

/// Why WeChat would refuse this URL, if it would.
pub(super) fn url_problem(url: &str) -> Option<&'static str> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    (!web).then_some("its url must begin with https:// or http://")
}
