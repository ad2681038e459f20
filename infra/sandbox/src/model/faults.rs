//! Faults: errors, delays and broken connections to inject into calls of WeChat's API.

use crate::api_error;
use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};

/// A fault for the next calls of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The path; one that ends in `*` matches all paths with this prefix.
    pub(crate) path: String,
    /// The number of calls that it still affects.
    #[serde(default = "one")]
    pub(crate) times: u32,
    /// Answer with this errcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) errcode: Option<i64>,
    /// The text for the errcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) errmsg: Option<String>,
    /// Wait before the call is processed; with `after`, before the answer.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// Reset the connection instead of answering.
    #[serde(default)]
    pub(crate) reset: bool,
    /// Answer with this status, and an empty body unless one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Answer with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// Answer with `errcode` 0 in JSON of this length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_bytes: Option<usize>,
    /// The content type of the body; by default the one of WeChat's JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    /// Redirect to this location; with status 302 unless one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// Process the call first; the fault affects the answer only.
    #[serde(default)]
    pub(crate) after: bool,
}

/// Allowed lengths of a body in bytes: the JSON needs the minimum, and the maximum bounds
/// memory.
const BODY_BYTES: std::ops::RangeInclusive<usize> = 64..=16 << 20;

fn one() -> u32 {
    1
}

impl Fault {
    /// Fails with the reason if the fault is invalid.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bodies = [self.errcode.is_some(), self.body.is_some(), self.body_bytes.is_some()];
        let bodies = bodies.into_iter().filter(|it| *it).count();
        let has_answer = bodies > 0 || self.status.is_some() || self.location.is_some();
        let is_header = |value: &Option<String>| {
            HeaderValue::from_str(value.as_deref().unwrap_or_default()).is_ok()
        };
        for (is_violated, rule) in [
            (
                self.path.is_empty(),
                "path is empty; it must be the WeChat path that fails, or * for all",
            ),
            (
                self.times == 0,
                "times is 0, so the fault would affect no call; it must be 1 or more",
            ),
            (
                !self.replaces_answer() && self.delay_ms == 0,
                "a fault needs one of errcode, delay_ms, reset, status, body, body_bytes, location",
            ),
            (
                self.reset && has_answer,
                "reset sends no answer: it excludes errcode, status, body and location",
            ),
            (bodies > 1, "an answer has one body: set only one of errcode, body and body_bytes"),
            (
                self.body_bytes.is_some_and(|bytes| !BODY_BYTES.contains(&bytes)),
                "body_bytes must be 64 to 16777216",
            ),
            (!is_header(&self.content_type), "content_type is not a valid header value"),
            (!is_header(&self.location), "location is not a valid header value"),
            (
                self.status.is_some_and(|status| !(200..=599).contains(&status)),
                "status must be 200 to 599",
            ),
        ] {
            if is_violated {
                return Err(rule.to_owned());
            }
        }
        Ok(())
    }

    /// Whether it replaces the real answer.
    pub(crate) fn replaces_answer(&self) -> bool {
        self.reset
            || self.errcode.is_some()
            || self.status.is_some()
            || self.body.is_some()
            || self.body_bytes.is_some()
            || self.location.is_some()
    }

    /// The status of the answer. WeChat answers errors with 200 as well.
    pub(crate) fn answer_status(&self) -> u16 {
        self.status.unwrap_or(if self.location.is_some() { 302 } else { 200 })
    }

    /// The body, if one is set.
    pub(crate) fn body(&self) -> Option<String> {
        let Some(bytes) = self.body_bytes else { return self.body.clone() };
        let (start, end) = ("{\"errcode\":0,\"errmsg\":\"ok\",\"padding\":\"", "\"}");
        let padding = "x".repeat(bytes.saturating_sub(start.len() + end.len()));
        Some(format!("{start}{padding}{end}"))
    }

    /// The redirect target; empty without one.
    pub(crate) fn location(&self) -> &str {
        self.location.as_deref().unwrap_or_default()
    }

    /// Its name in the call log.
    pub(crate) fn name(&self) -> Option<&'static str> {
        if self.reset {
            Some("reset")
        } else if self.errcode.is_some() {
            Some("errcode")
        } else if self.location.is_some() {
            Some("location")
        } else if self.body.is_some() || self.body_bytes.is_some() {
            Some("body")
        } else if self.status.is_some() {
            Some("status")
        } else if self.delay_ms > 0 {
            Some("delay")
        } else {
            None
        }
    }

    fn matches(&self, path: &str) -> bool {
        self.path.strip_suffix('*').map_or(self.path == path, |prefix| path.starts_with(prefix))
    }
}

/// Takes the first fault that matches this path, and counts it down.
pub(crate) fn next_fault(faults: &mut Vec<Fault>, path: &str) -> Option<Fault> {
    let fault = faults.iter_mut().find(|fault| fault.times > 0 && fault.matches(path))?;
    fault.times -= 1;
    let taken = fault.clone();
    faults.retain(|fault| fault.times > 0);
    Some(taken)
}

/// WeChat's text for an errcode.
pub(crate) fn default_errmsg(errcode: i64) -> &'static str {
    match errcode {
        -1 => "system error",
        40164 => "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist",
        47003 => "argument invalid!",
        _ => api_error::errmsg(errcode).unwrap_or("fault injected in the sandbox"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(path: &str, times: u32, errcode: i64) -> Fault {
        Fault { path: path.to_owned(), times, errcode: Some(errcode), ..Fault::default() }
    }

    #[test]
    fn first_fault_that_matches_the_path_is_taken() {
        let mut faults = vec![fault("/b", 1, 1), fault("/a*", 2, 2), fault("/a/b", 1, 3)];
        let errcode = |fault: Option<Fault>| fault.and_then(|it| it.errcode);
        assert_eq!(errcode(next_fault(&mut faults, "/a/b")), Some(2));
        assert_eq!(errcode(next_fault(&mut faults, "/a/b")), Some(2));
        assert_eq!(errcode(next_fault(&mut faults, "/a/b")), Some(3));
        assert_eq!(next_fault(&mut faults, "/a/b"), None);
        assert_eq!(faults, [fault("/b", 1, 1)]);
    }

    #[test]
    fn invalid_fault_is_rejected() {
        assert!(fault("/a", 1, -1).check().is_ok());
        assert!(fault("", 1, -1).check().is_err());
        assert!(fault("/a", 0, -1).check().is_err_and(|error| error.contains("times is 0")));
        assert!(Fault { path: "/a".to_owned(), times: 1, ..Fault::default() }.check().is_err());
        assert!(Fault { reset: true, ..fault("/a", 1, 1) }.check().is_err());
        let html = Some("<html>".to_owned());
        assert!(Fault { body: html.clone(), ..fault("/a", 1, 1) }.check().is_err());
        let body = Fault { path: "/a".to_owned(), times: 1, body: html, ..Fault::default() };
        assert!(body.check().is_ok());
        assert!(Fault { content_type: Some("a\nb".to_owned()), ..body.clone() }.check().is_err());
        let sized = |bytes| Fault { body: None, body_bytes: Some(bytes), ..body.clone() };
        assert!(sized(1).check().is_err_and(|error| error.contains("64 to 16777216")));
        assert_eq!(sized(64).body().map(|body| body.len()), Some(64));
    }
}
