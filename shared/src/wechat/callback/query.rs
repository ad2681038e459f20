//! The grammar of the query of WeChat's requests.
//!
//! Nothing separates the parts of WeChat's signature, so bytes may move from one to its
//! neighbour, and SHA-1 can be extended. The grammar of each part is therefore checked
//! before hashing. That of the fourth part, the ciphertext, is checked in
//! [`crate::wechat::crypto::decrypt`]: whole blocks of canonical base64.

use crate::clock::Timestamp;

/// WeChat's queries have seven names; an operator may add others.
const MAX_NAMES: usize = 20;

/// The query of a URL verification or a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) timestamp: String,
    pub(super) nonce: String,
    pub(super) signature: Option<String>,
    pub(super) msg_signature: Option<String>,
    pub(super) echostr: Option<String>,
}

/// The query isn't one of WeChat's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a query of WeChat's: {0} is missing, repeated or malformed")]
pub struct QueryError(&'static str);

impl Query {
    /// Reads the decoded pairs of a query. `timestamp` and `nonce` are required, and no name
    /// may be repeated. Names that WeChat doesn't sign (`openid`, `encrypt_type`) are
    /// ignored.
    pub fn read<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Self, QueryError> {
        let mut timestamp = Field::new("timestamp", is_timestamp);
        let mut nonce = Field::new("nonce", is_nonce);
        let mut signature = Field::new("signature", is_signature);
        let mut msg_signature = Field::new("msg_signature", is_signature);
        let mut echostr = Field::new("echostr", is_echo);
        let mut seen = Vec::new();
        for (name, value) in pairs {
            if seen.contains(&name) || seen.len() == MAX_NAMES {
                return Err(QueryError("one name"));
            }
            seen.push(name);
            for field in
                [&mut timestamp, &mut nonce, &mut signature, &mut msg_signature, &mut echostr]
            {
                field.read(name, value)?;
            }
        }
        Ok(Self {
            timestamp: timestamp.value.ok_or(QueryError("timestamp"))?,
            nonce: nonce.value.ok_or(QueryError("nonce"))?,
            signature: signature.value,
            msg_signature: msg_signature.value,
            echostr: echostr.value,
        })
    }

    /// When WeChat sent the request, by its own clock.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp(self.timestamp.parse().expect("ten digits, by the grammar"))
    }
}

/// An optional name, with the grammar of its value.
struct Field {
    name: &'static str,
    is_valid: fn(&str) -> bool,
    value: Option<String>,
}

impl Field {
    fn new(name: &'static str, is_valid: fn(&str) -> bool) -> Self {
        Self { name, is_valid, value: None }
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), QueryError> {
        if name == self.name {
            if !(self.is_valid)(value) {
                return Err(QueryError(self.name));
            }
            self.value = Some(value.to_owned());
        }
        Ok(())
    }
}

fn is_timestamp(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit())
}

fn is_nonce(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

fn is_signature(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_echo(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(query: &str) -> Result<Query, QueryError> {
        Query::read(query.split('&').filter_map(|pair| pair.split_once('=')))
    }

    const GOOD: &str =
        "timestamp=1714036504&nonce=1514711492&signature=f464b24fc39322e44b38aa78f5edd27bd1441696";

    #[test]
    fn wechats_query_is_read() {
        let found = query(&format!("{GOOD}&echostr=4375120948345356249&openid=oAnn")).unwrap();
        assert_eq!(found.timestamp(), Timestamp(1_714_036_504));
        assert_eq!(found.echostr.as_deref(), Some("4375120948345356249"));
        assert_eq!(found.msg_signature, None);
    }

    /// Fault 12.
    #[test]
    fn value_that_could_move_bytes_between_parts_is_rejected() {
        let shifted = [
            GOOD.replace("timestamp=1714036504", "timestamp=17140365041"),
            GOOD.replace("timestamp=1714036504", "timestamp=171403650"),
            GOOD.replace("timestamp=1714036504", "timestamp=171403650４"),
            GOOD.replace("nonce=1514711492", "nonce="),
            GOOD.replace("nonce=1514711492", "nonce=1+2"),
            GOOD.replace("nonce=1514711492", &format!("nonce={}", "1".repeat(33))),
            GOOD.replace("f464", "F464"),
            format!("{GOOD}&nonce=1"),
            format!("{GOOD}&openid=oAnn&openid=oAnn"),
            GOOD.replace("timestamp=1714036504&", ""),
            GOOD.replace("nonce=1514711492&", ""),
            format!("{GOOD}&echostr=<script>"),
        ];
        for bad in shifted {
            assert!(query(&bad).is_err(), "{bad}");
        }
    }
}
