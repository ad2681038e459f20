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
    } else if host.is_empty() || host.starts_with(':') {
        Some("its url has no host")
    } else if url.contains('\\') {
        Some(r"its url has a \ in it, which browsers take for a /")
    } else {
        None
    }
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
            (r"https://example.com\.evil.example/", "in it"),
        ] {
            assert!(web_problem(bad).is_some_and(|it| it.contains(words)), "{bad}");
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
        for bad in ["", "/", "?x=1", "https://example.com/", "pages/a b", "pages/a ", "weixin:x"] {
            assert!(page_problem(bad).is_some(), "{bad}");
        }
    }
}
