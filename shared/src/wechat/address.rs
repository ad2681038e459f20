//! Addresses that a tap opens, of the web and of mini programs' pages: one check for every
//! channel and reply.

use super::text::is_blank;
use std::borrow::Cow;

/// Why WeChat would refuse this address of the web, or open another one, if it would.
pub fn web_problem(url: &str) -> Option<&'static str> {
    let Some(rest) = after_scheme(url) else {
        return Some("its url must begin with https:// or http://");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if url.chars().any(is_blank) {
        Some("its url has white space or a control character in it, which is written as %20")
    } else if host.contains('@') {
        Some("its url has a user name before its host, which hides where it leads")
    } else if host.is_empty() || host.starts_with(':') {
        Some("its url has no host")
    } else if !has_valid_port(host) {
        Some("its url has a port that is no number from 1 to 65535")
    } else if url.contains('\\') {
        Some(r"its url has a \ in it, which browsers take for a /")
    } else {
        None
    }
}

/// Whether a host's port, if it has one, is one. The colons of an address of IPv6 stand in
/// brackets.
fn has_valid_port(host: &str) -> bool {
    let after_brackets = host.rsplit(']').next().unwrap_or_default();
    match after_brackets.split_once(':') {
        None => true,
        // `parse` would take a + before it.
        Some((_, port)) => !port.starts_with('+') && matches!(port.parse(), Ok(1_u16..)),
    }
}

/// Whether the path of an address has `.` or `..` for a part, by which browsers leave out the
/// part before it. They also know a dot as `%2e`.
pub fn has_dot_segment(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let is_dots =
        |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    path.split(['/', '\\']).any(is_dots)
}

/// As [`web_problem`], of an address that may be empty.
pub fn optional_web_problem(url: &str) -> Option<&'static str> {
    if url.is_empty() { None } else { web_problem(url) }
}

/// What follows `https://` or `http://`.
pub fn after_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")).then_some(rest)
}

/// Why no mini program can have this page, if none can.
pub fn page_problem(page: &str) -> Option<&'static str> {
    let path = page.split(['?', '#']).next().unwrap_or_default();
    let host = path.strip_prefix("//").and_then(|rest| rest.split('/').next());
    if path.contains(':') || host.is_some_and(|host| host.contains('.')) {
        Some("its page is a web address; a mini program's page is like pages/order/index?id=17")
    } else if page.chars().any(is_blank) {
        Some("its page has white space or a control character in it, which is written as %20")
    } else if path.contains('\\') {
        Some(r"its page has a \ in it; the parts of a page are separated by /")
    } else if trim_page(page).split(['?', '#']).next().unwrap_or_default().is_empty() {
        Some("its page is empty")
    } else {
        None
    }
}

/// A page as WeChat's APIs take it: `pages/index`, without the `/` before it that the mini
/// program itself writes, and without the `.html` that WeChat's console shows for links.
pub fn trim_page(page: &str) -> Cow<'_, str> {
    let page = page.trim_start_matches('/');
    let end = page.find(['?', '#']).unwrap_or(page.len());
    let (path, query) = page.split_at(end);
    match path.strip_suffix(".html") {
        Some(path) => Cow::Owned([path, query].concat()),
        None => Cow::Borrowed(page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 92.
    #[test]
    fn address_that_opens_nothing_has_a_problem() {
        for good in [
            "https://example.com",
            "http://example.com:8443/a?b=c#d",
            "HTTPS://example.com/订单",
            "https://example.com?x=https://other.test/",
            "https://example.com/@ann?to=ann@example.com",
            "https://[2001:db8::1]:8443/",
        ] {
            assert_eq!(web_problem(good), None, "{good}");
        }
        for (bad, words) in [
            ("", "begin with"),
            ("example.com/a b", "begin with"),
            ("javascript:alert(1)", "begin with"),
            (" https://example.com", "begin with"),
            ("ftp://example.com", "begin with"),
            ("https://example.com/a b", "white space"),
            ("https://example.com/\u{200b}", "white space"),
            ("https://", "no host"),
            ("https:///path", "no host"),
            ("https://:80/", "no host"),
            ("//example.com/", "begin with"),
            ("https:example.com", "begin with"),
            ("https://shop.example.com@evil.example/", "user name"),
            ("https://shop.example.com:secret@evil.example/", "user name"),
            ("https://@evil.example", "user name"),
            ("https://example.com:/", "port"),
            ("https://example.com:0/", "port"),
            ("https://example.com:65536/", "port"),
            ("https://example.com:80x/", "port"),
            ("https://[2001:db8::1]:x/", "port"),
            (r"https://example.com\.evil.example/", "in it"),
        ] {
            assert!(web_problem(bad).is_some_and(|it| it.contains(words)), "{bad}");
        }
    }

    /// Fault 77.
    #[test]
    fn part_of_dots_is_found_in_the_path_only() {
        for found in ["https://a.example/..", "a/../b", "a/.", "./a", "a/%2E%2e/b", "a/.%2e"] {
            assert!(has_dot_segment(found), "{found}");
        }
        for none in ["https://a.example/a..b/...", "a.html", "a?b=/../", "a#/..", "a/..a", ""] {
            assert!(!has_dot_segment(none), "{none}");
        }
    }

    /// Fault 92.
    #[test]
    fn page_is_trimmed_and_no_web_address() {
        for (page, trimmed) in [
            ("pages/order/index?id=17", "pages/order/index?id=17"),
            ("/pages/index", "pages/index"),
            ("//pages/index.html?x=/a.html", "pages/index?x=/a.html"),
            ("index.html", "index"),
            ("pages/htmlview?u=https%3A%2F%2Fa", "pages/htmlview?u=https%3A%2F%2Fa"),
            ("index?url=https://a.example", "index?url=https://a.example"),
        ] {
            assert_eq!((page_problem(page), &*trim_page(page)), (None, trimmed), "{page}");
        }
        for bad in [
            r"pages\a",
            "",
            "/",
            "?x=1",
            "https://example.com/",
            "pages/a b",
            "pages/a ",
            "weixin:x",
        ] {
            assert!(page_problem(bad).is_some(), "{bad}");
        }
    }
}
