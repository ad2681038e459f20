//! A log of every call, without secrets.

use crate::oddities::catalog::Oddity;
use axum::body::Bytes;
use axum::http::Method;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Maximum number of calls; the oldest are dropped.
const MAX_CALLS: usize = 10_000;

/// Maximum length of a body or an answer in bytes of its JSON; the rest is cut off.
const MAX_BODY_BYTES: usize = 16 << 10;

/// Maximum length of all bodies and answers in bytes of their JSON; the oldest calls are
/// dropped beyond that.
const MAX_TOTAL_BYTES: usize = 8 << 20;

/// The fields that are masked.
const SECRET_FIELDS: [&str; 6] =
    ["access_token", "secret", "appsecret", "js_code", "session_key", "code"];

/// The calls, in order of arrival.
#[derive(Default)]
pub(crate) struct CallLog {
    calls: VecDeque<LoggedCall>,
    last_id: u64,
    /// Total length of bodies and answers in bytes.
    size: usize,
}

/// One call and its answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoggedCall {
    id: u64,
    pub(crate) time: i64,
    method: String,
    pub(crate) path: String,
    pub(crate) query: Map<String, Value>,
    pub(crate) body: Option<Value>,
    /// Null until the answer; 0 if the connection was reset.
    status: Option<u16>,
    pub(crate) answer: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    /// What was odd about the answer as it was sent; `answer` is what it meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    oddities: Vec<Oddity>,
    /// Why the body is no valid request.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The caller, as far as it is known.
    #[serde(skip)]
    pub(crate) origin: CallOrigin,
    /// Length of body and answer in bytes.
    #[serde(skip)]
    size: usize,
}

/// The caller, and the time until the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOrigin {
    /// The authenticated app, by alias.
    pub(crate) app: Option<String>,
    pub(crate) from: Option<IpAddr>,
    pub(crate) duration_ms: u64,
}

impl CallLog {
    /// Logs a call, and returns its id.
    pub(crate) fn receive(
        &mut self,
        time: i64,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        body: &Bytes,
    ) -> u64 {
        self.last_id += 1;
        while self.calls.len() == MAX_CALLS || self.size > MAX_TOTAL_BYTES {
            let Some(oldest) = self.calls.pop_front() else { break };
            self.size -= oldest.size;
        }
        let query =
            query.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        let Value::Object(query) = mask_secrets(Value::Object(query)) else { return self.last_id };
        let (body, size) = loggable(body).unzip();
        let size = size.unwrap_or_default();
        self.size += size;
        self.calls.push_back(LoggedCall {
            id: self.last_id,
            time,
            method: method.to_string(),
            path: path.to_owned(),
            query,
            body,
            status: None,
            answer: None,
            fault: None,
            oddities: Vec::new(),
            refused: None,
            origin: CallOrigin::default(),
            size,
        });
        self.last_id
    }

    /// Adds the answer to a call.
    pub(crate) fn answer(
        &mut self,
        id: u64,
        status: u16,
        answer: Option<&Value>,
        fault: Option<&'static str>,
    ) {
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.id == id) {
            call.status = Some(status);
            let (answer, size) = answer.cloned().map(|it| truncate(mask_secrets(it))).unzip();
            let size = size.unwrap_or_default();
            call.answer = answer;
            call.size += size;
            self.size += size;
            call.fault = fault;
        }
    }

    /// Adds why the body of a call is invalid.
    pub(crate) fn refuse(&mut self, id: u64, reason: String) {
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.id == id) {
            call.refused = Some(reason);
        }
    }

    /// Adds the oddities of the answer to a call.
    pub(crate) fn add_oddities(&mut self, id: u64, oddities: &[Oddity]) {
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.id == id) {
            call.oddities.extend_from_slice(oddities);
        }
    }

    /// Adds the caller to a call.
    pub(crate) fn attribute(&mut self, id: u64, origin: CallOrigin) {
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.id == id) {
            call.origin = origin;
        }
    }

    /// The call whose error had this rid.
    pub(crate) fn with_rid(&self, rid: &str) -> Option<&LoggedCall> {
        self.calls.iter().rev().find(|call| {
            let errmsg = call.answer.as_ref().and_then(|answer| answer.get("errmsg")?.as_str());
            errmsg.and_then(|errmsg| errmsg.rsplit_once("rid: ")).is_some_and(|(_, it)| it == rid)
        })
    }

    /// All calls, oldest first.
    pub(crate) fn all(&self) -> Vec<LoggedCall> {
        self.calls.iter().cloned().collect()
    }

    /// The call with this id, if it is still in the log.
    pub(crate) fn get(&self, id: u64) -> Option<LoggedCall> {
        self.calls.iter().find(|call| call.id == id).cloned()
    }

    /// Drops all calls.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.size = 0;
    }
}

/// A body as it is logged, and its length: JSON with secrets masked, cut off where it is long.
/// Of a body that is not JSON only the size is logged, because secrets cannot be located in it.
fn loggable(body: &Bytes) -> Option<(Value, usize)> {
    if body.is_empty() {
        return None;
    }
    let Ok(read) = serde_json::from_slice(body) else {
        return Some((format!("… ({} bytes that are not JSON)", body.len()).into(), 0));
    };
    Some(truncate(mask_secrets(read)))
}

/// The value, or the beginning of a long one as a text; and the length in bytes.
fn truncate(value: Value) -> (Value, usize) {
    let text = value.to_string();
    if text.len() <= MAX_BODY_BYTES {
        return (value, text.len());
    }
    let beginning = &text[..text.floor_char_boundary(MAX_BODY_BYTES)];
    (format!("{beginning}… (cut off; {} bytes in all)", text.len()).into(), MAX_BODY_BYTES)
}

/// The value with every secret replaced by `…`.
fn mask_secrets(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let secret = SECRET_FIELDS.contains(&key.as_str()) && !value.is_null();
                (key, if secret { Value::from("…") } else { mask_secrets(value) })
            })
            .collect(),
        Value::Array(values) => values.into_iter().map(mask_secrets).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn log_keeps_a_limited_number_of_calls() {
        let mut log = CallLog::default();
        for _ in 0..MAX_CALLS + 1 {
            log.receive(0, &Method::GET, "/", &[], &Bytes::new());
        }
        assert_eq!(log.calls.len(), MAX_CALLS);
        assert_eq!(log.calls[0].id, 2);
    }

    #[test]
    fn log_keeps_a_limited_number_of_bytes() {
        let mut log = CallLog::default();
        let answer = json!("x".repeat(MAX_BODY_BYTES * 2));
        for _ in 0..2 * MAX_TOTAL_BYTES / MAX_BODY_BYTES {
            let id = log.receive(0, &Method::GET, "/", &[], &Bytes::new());
            log.answer(id, 200, Some(&answer), None);
        }
        assert!(log.size <= MAX_TOTAL_BYTES + MAX_BODY_BYTES, "{}", log.size);
        assert_eq!(log.size, log.calls.iter().map(|call| call.size).sum::<usize>());
        assert!(log.calls.len() >= MAX_TOTAL_BYTES / MAX_BODY_BYTES);
    }

    #[test]
    fn long_body_is_cut_off_with_its_secrets_masked() {
        let short = json!({"secret": "mine", "content": "雁"});
        let recorded = |body: String| loggable(&Bytes::from(body)).map(|(kept, _)| kept);
        assert_eq!(recorded(short.to_string()), Some(json!({"secret": "…", "content": "雁"})));

        let long =
            json!({"access_token": "mine", "content": "雁".repeat(MAX_BODY_BYTES)}).to_string();
        let size = long.len() - "mine".len() + "…".len();
        let Some(Value::String(kept)) = recorded(long) else { panic!("not cut") };
        assert!(kept.starts_with(r#"{"access_token":"…","content":"雁雁"#));
        assert!(kept.ends_with(&format!("雁… (cut off; {size} bytes in all)")));
        assert!(kept.len() < MAX_BODY_BYTES + 64, "{}", kept.len());
    }

    #[test]
    fn body_that_is_not_json_leaves_its_size() {
        assert_eq!(loggable(&Bytes::new()), None);
        let kept = loggable(&Bytes::from_static(b"secret=mine"));
        assert_eq!(kept, Some((json!("… (11 bytes that are not JSON)"), 0)));
    }

    #[test]
    fn secrets_are_masked_at_any_depth() {
        let seen = mask_secrets(json!({"secret": "s", "a": [{"access_token": "t", "errcode": 0}]}));
        assert_eq!(seen, json!({"secret": "…", "a": [{"access_token": "…", "errcode": 0}]}));
    }
}
