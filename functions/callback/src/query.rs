//! The grammar of the query that WeChat sends.
//!
//! WeChat's signature has nothing between its parts: bytes may move from one
//! into its neighbour, and SHA-1 can be extended. What the parts look like is
//! therefore checked before they are hashed.

use lambda_http::{Request, RequestExt};

/// The query of a greeting or a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
    pub(crate) signature: Option<String>,
    pub(crate) msg_signature: Option<String>,
    pub(crate) echostr: Option<String>,
}

impl Query {
    /// Takes the query apart; none if it isn't WeChat's.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let parameters = request.query_string_parameters();
        let one = |name: &str, fits: fn(&str) -> bool| match parameters.all(name) {
            None => Some(None),
            Some(values) => match values.as_slice() {
                [value] if fits(value) => Some(Some((*value).to_owned())),
                _ => None,
            },
        };
        Some(Self {
            timestamp: one("timestamp", is_timestamp)??,
            nonce: one("nonce", is_nonce)??,
            signature: one("signature", is_signature)?,
            msg_signature: one("msg_signature", is_signature)?,
            echostr: one("echostr", is_echo)?,
        })
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
    use lambda_http::Body;

    fn query(query: &str) -> Option<Query> {
        let uri = format!("https://localhost/callback/shop?{query}");
        let request = lambda_http::http::Request::get(uri).body(Body::Empty).unwrap();
        let pairs: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut parameters = std::collections::HashMap::<String, Vec<String>>::new();
        for (name, value) in pairs {
            parameters.entry(name).or_default().push(value);
        }
        Query::of(&request.with_query_string_parameters(parameters))
    }

    const GOOD: &str =
        "timestamp=1714036504&nonce=1514711492&signature=f464b24fc39322e44b38aa78f5edd27bd1441696";

    #[test]
    fn what_wechat_sends() {
        let found = query(&format!("{GOOD}&echostr=4375120948345356249&openid=oAnn")).unwrap();
        assert_eq!(found.timestamp, "1714036504");
        assert_eq!(found.echostr.as_deref(), Some("4375120948345356249"));
        assert_eq!(found.msg_signature, None);
    }

    #[test]
    fn what_could_move_bytes_between_parts_is_refused() {
        let shifted = [
            GOOD.replace("timestamp=1714036504", "timestamp=17140365041"),
            GOOD.replace("timestamp=1714036504", "timestamp=171403650"),
            GOOD.replace("nonce=1514711492", "nonce="),
            GOOD.replace("nonce=1514711492", "nonce=1%2B2"),
            GOOD.replace("nonce=1514711492", &format!("nonce={}", "1".repeat(33))),
            GOOD.replace("f464", "F464"),
            format!("{GOOD}&nonce=1"),
            GOOD.replace("timestamp=1714036504&", ""),
        ];
        for bad in shifted {
            assert_eq!(query(&bad), None, "{bad}");
        }
    }
}
