//! A record of every call, without its secrets.

use axum::body::Bytes;
use axum::http::Method;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::net::IpAddr;

/// How many calls are kept; older ones are forgotten.
const KEPT: usize = 10_000;
/// How much of a body or an answer is kept, in bytes of its JSON; what follows is
/// cut off.
const LONGEST_BODY: usize = 16 << 10;
/// How much of all of them together, in bytes of their JSON; the oldest calls are
/// forgotten beyond that.
const MOST: usize = 8 << 20;

/// What no record shows.
const SECRETS: [&str; 6] =
    ["access_token", "secret", "appsecret", "js_code", "session_key", "code"];

/// The calls, in the order in which they came.
#[derive(Default)]
pub(crate) struct Calls {
    kept: VecDeque<Call>,
    last: u64,
    /// How much all of them are, in bytes.
    size: usize,
}

/// One call and its answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    id: u64,
    pub(crate) time: i64,
    method: String,
    pub(crate) path: String,
    pub(crate) query: Map<String, Value>,
    pub(crate) body: Option<Value>,
    /// Null until it is answered; 0 if it never will be.
    status: Option<u16>,
    pub(crate) answer: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    /// Who made it, as far as that is known.
    #[serde(skip)]
    pub(crate) origin: Origin,
    /// Its JSON's bytes.
    #[serde(skip)]
    size: usize,
}

/// Who made a call, and how long its answer took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The app that proved itself, by alias.
    pub(crate) app: Option<String>,
    pub(crate) from: Option<IpAddr>,
    pub(crate) cost_ms: u64,
}

impl Calls {
    /// Writes down a call, and gives the number under which its answer is added.
    pub(crate) fn receive(
        &mut self,
        time: i64,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        body: &Bytes,
    ) -> u64 {
        self.last += 1;
        while self.kept.len() == KEPT || self.size > MOST {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.size -= oldest.size;
        }
        let query =
            query.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        let Value::Object(query) = without_secrets(Value::Object(query)) else { return self.last };
        let (body, size) = record(body).unzip();
        let size = size.unwrap_or_default();
        self.size += size;
        self.kept.push_back(Call {
            id: self.last,
            time,
            method: method.to_string(),
            path: path.to_owned(),
            query,
            body,
            status: None,
            answer: None,
            fault: None,
            origin: Origin::default(),
            size,
        });
        self.last
    }

    /// Adds an answer.
    pub(crate) fn answer(
        &mut self,
        id: u64,
        status: u16,
        answer: Option<&Value>,
        fault: Option<&'static str>,
    ) {
        if let Some(call) = self.kept.iter_mut().rev().find(|call| call.id == id) {
            call.status = Some(status);
            let (answer, size) = answer.cloned().map(|it| shortened(without_secrets(it))).unzip();
            let size = size.unwrap_or_default();
            call.answer = answer;
            call.size += size;
            self.size += size;
            call.fault = fault;
        }
    }

    /// Adds who made a call.
    pub(crate) fn attribute(&mut self, id: u64, origin: Origin) {
        if let Some(call) = self.kept.iter_mut().rev().find(|call| call.id == id) {
            call.origin = origin;
        }
    }

    /// The call whose refusal had this rid.
    pub(crate) fn with_rid(&self, rid: &str) -> Option<&Call> {
        self.kept.iter().rev().find(|call| {
            let errmsg = call.answer.as_ref().and_then(|answer| answer.get("errmsg")?.as_str());
            errmsg.and_then(|errmsg| errmsg.rsplit_once("rid: ")).is_some_and(|(_, it)| it == rid)
        })
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.kept.iter().cloned().collect()
    }

    /// The one with this number, if it is still kept.
    pub(crate) fn one(&self, id: u64) -> Option<Call> {
        self.kept.iter().find(|call| call.id == id).cloned()
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.size = 0;
    }
}

/// What is kept of a body: its JSON without secrets, or the beginning of that
/// as a text where it is long. Of what isn't JSON only the size is kept, as
/// nobody can tell where a secret stands in it.
fn record(body: &Bytes) -> Option<(Value, usize)> {
    if body.is_empty() {
        return None;
    }
    let Ok(read) = serde_json::from_slice(body) else {
        return Some((format!("… ({} bytes that are not JSON)", body.len()).into(), 0));
    };
    Some(shortened(without_secrets(read)))
}

/// The same if it isn't long, or else its beginning as a text; and how long what is
/// kept is.
fn shortened(value: Value) -> (Value, usize) {
    let text = value.to_string();
    if text.len() <= LONGEST_BODY {
        return (value, text.len());
    }
    let beginning = &text[..text.floor_char_boundary(LONGEST_BODY)];
    (format!("{beginning}… (cut off; {} bytes in all)", text.len()).into(), LONGEST_BODY)
}

/// The same, with every secret in it replaced by `…`.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let secret = SECRETS.contains(&key.as_str()) && !value.is_null();
                (key, if secret { Value::from("…") } else { without_secrets(value) })
            })
            .collect(),
        Value::Array(values) => values.into_iter().map(without_secrets).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_so_many_are_kept() {
        let mut calls = Calls::default();
        for _ in 0..KEPT + 1 {
            calls.receive(0, &Method::GET, "/", &[], &Bytes::new());
        }
        assert_eq!(calls.kept.len(), KEPT);
        assert_eq!(calls.kept[0].id, 2);
    }

    #[test]
    fn all_of_them_together_take_so_much_room_at_most() {
        let mut calls = Calls::default();
        let answer = json!("x".repeat(LONGEST_BODY * 2));
        for _ in 0..2 * MOST / LONGEST_BODY {
            let id = calls.receive(0, &Method::GET, "/", &[], &Bytes::new());
            calls.answer(id, 200, Some(&answer), None);
        }
        assert!(calls.size <= MOST + LONGEST_BODY, "{}", calls.size);
        assert_eq!(calls.size, calls.kept.iter().map(|call| call.size).sum::<usize>());
        assert!(calls.kept.len() >= MOST / LONGEST_BODY);
    }

    #[test]
    fn a_long_body_is_cut_off_and_still_without_secrets() {
        let short = json!({"secret": "mine", "content": "雁"});
        let recorded = |body: String| record(&Bytes::from(body)).map(|(kept, _)| kept);
        assert_eq!(recorded(short.to_string()), Some(json!({"secret": "…", "content": "雁"})));

        let long =
            json!({"access_token": "mine", "content": "雁".repeat(LONGEST_BODY)}).to_string();
        let size = long.len() - "mine".len() + "…".len();
        let Some(Value::String(kept)) = recorded(long) else { panic!("not cut") };
        assert!(kept.starts_with(r#"{"access_token":"…","content":"雁雁"#));
        assert!(kept.ends_with(&format!("雁… (cut off; {size} bytes in all)")));
        assert!(kept.len() < LONGEST_BODY + 64, "{}", kept.len());
    }

    #[test]
    fn what_is_not_json_leaves_its_size() {
        assert_eq!(record(&Bytes::new()), None);
        let kept = record(&Bytes::from_static(b"secret=mine"));
        assert_eq!(kept, Some((json!("… (11 bytes that are not JSON)"), 0)));
    }

    #[test]
    fn secrets_are_replaced_wherever_they_are() {
        let seen =
            without_secrets(json!({"secret": "s", "a": [{"access_token": "t", "errcode": 0}]}));
        assert_eq!(seen, json!({"secret": "…", "a": [{"access_token": "…", "errcode": 0}]}));
    }
}
