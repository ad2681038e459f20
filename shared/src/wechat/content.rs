//! What WeChat takes inside of a message, whichever way it goes.

/// WeChat's documentation names no limit; texts of more bytes have been seen to
/// fail.
const LONGEST_TEXT: usize = 2048;

/// What keeps WeChat from taking this text, if anything does.
pub(super) fn text_problem(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("its text is empty")
    } else if text.len() > LONGEST_TEXT {
        Some("its text has more than 2048 bytes")
    } else {
        None
    }
}

/// What keeps WeChat from opening this address, if anything does.
pub(super) fn url_problem(url: &str) -> Option<&'static str> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    (!web).then_some("its url must begin with https:// or http://")
}
