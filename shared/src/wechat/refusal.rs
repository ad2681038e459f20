//! What WeChat's error codes mean, and who can do something about them.
//!
//! Their table is the file `refusal/codes.tsv`, which names its sources.

mod codes;
mod meaning;

pub use self::meaning::{ErrorClass, WasSent};

pub(super) use self::meaning::Wait;

use self::meaning::Meaning;
use crate::wechat::api;
use crate::wechat::wire::fields::{Fields, MissingField};
use std::fmt;
use std::net::IpAddr;

/// WeChat's response to a call that it did not carry out, or perhaps did: see
/// [`Refusal::was_sent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path of the API. The same code means different things at different ones.
    pub api: &'static str,
    /// WeChat's `errcode`; never 0.
    pub code: i64,
    /// WeChat's `errmsg`: free text for people.
    pub message: String,
    /// The request id that WeChat's support asks for.
    pub rid: Option<String>,
}

impl Refusal {
    /// Finds a refusal in a response: an `errcode` that isn't 0. It is an error if its
    /// `errcode` isn't a number. WeChat sends numbers; its list of errors asks to expect
    /// strings as well.
    pub(crate) fn in_response(
        api: &'static str,
        fields: Fields<'_>,
    ) -> Result<Option<Self>, MissingField> {
        const CODE: &str = "errcode";
        let code = match fields.word(CODE) {
            Some(code) => code.parse().map_err(|_| MissingField(CODE))?,
            // A list or an object is neither a code nor none.
            None if fields.has(CODE) => return Err(MissingField(CODE)),
            None => return Ok(None),
        };
        let message = fields.text("errmsg");
        let rid = message.split_once("rid:").map(|(_, rid)| rid.trim().to_owned());
        Ok((code != 0).then_some(Self { api, code, message, rid }))
    }

    /// A refusal of which only the code is known.
    pub fn with_code(api: &'static str, code: i64) -> Self {
        Self { api, code, message: String::new(), rid: None }
    }

    /// What can be done about it.
    pub fn class(&self) -> ErrorClass {
        self.meaning().map_or(ErrorClass::Unknown, |meaning| meaning.class)
    }

    /// Whether WeChat carried out the call. What is certain is a closed list; an unknown
    /// code leaves it open.
    pub fn was_sent(&self) -> WasSent {
        self.meaning().map_or(WasSent::Perhaps, |meaning| meaning.sent)
    }

    /// How long to wait before the same call can succeed. None if waiting doesn't help, or
    /// WeChat names no time.
    pub(super) fn wait(&self) -> Option<Wait> {
        self.meaning()?.wait
    }

    /// Whether WeChat refused the mini program that the message opens, and nothing else of
    /// it.
    pub fn refuses_jump(&self) -> bool {
        matches!(self.api, api::TEMPLATE | api::BIZSEND)
            && matches!(self.code, 40013 | 40165 | 40166 | 40168)
            && self.was_sent() == WasSent::No
    }

    /// What to do about it. For 40164 it names the address to add to the IP list.
    pub fn advice(&self) -> String {
        match (self.address(), self.meaning()) {
            (Some(address), _) => {
                format!("add {address} to the account's IP list (IP白名单) in WeChat's console")
            }
            (None, Some(meaning)) => meaning.advice.to_owned(),
            (None, None) => {
                "this code is not known here; look it up in WeChat's documentation, or ask WeChat with the rid".to_owned()
            }
        }
    }

    fn meaning(&self) -> Option<Meaning> {
        codes::find(self.api, self.code)
    }

    /// The address that the call came from and that isn't on the account's IP list (40164),
    /// as it has to be added there.
    ///
    /// Source: WeChat's text, `invalid ip 203.0.113.9 ipv6
    /// ::ffff:203.0.113.9, not in whitelist`.
    pub fn address(&self) -> Option<IpAddr> {
        if self.code != 40164 {
            return None;
        }
        let (_, rest) = self.message.split_once("invalid ip ")?;
        let address: IpAddr = rest.split([' ', ',']).next()?.parse().ok()?;
        Some(address.to_canonical())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeChat refused with {}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::wire::answer;

    fn in_body(body: &str) -> Result<Option<Refusal>, MissingField> {
        Refusal::in_response("/any", Fields(&answer::tree(body.as_bytes()).unwrap()))
    }

    fn refusal(body: &str) -> Option<Refusal> {
        in_body(body).unwrap()
    }

    #[test]
    fn error_code_makes_a_refusal() {
        let found = refusal(
            r#"{"errcode":40013,"errmsg":"invalid appid rid: 6743a1b2-0f1e2d3c-4b5a6978"}"#,
        )
        .unwrap();
        assert_eq!(found.code, 40013);
        assert_eq!(found.rid.as_deref(), Some("6743a1b2-0f1e2d3c-4b5a6978"));
        assert_eq!(found.class(), ErrorClass::Configuration);
        assert_eq!(refusal(r#"{"errcode":"-1"}"#).unwrap().class(), ErrorClass::Retry);
    }

    #[test]
    fn missing_or_zero_code_is_no_refusal() {
        assert_eq!(refusal(r#"{"errcode":0,"errmsg":"ok","msgid":1}"#), None);
        assert_eq!(refusal(r#"{"openid":"o"}"#), None);
    }

    fn with_code(code: i64, message: &str) -> Refusal {
        Refusal { message: message.to_owned(), ..Refusal::with_code("/any", code) }
    }

    #[test]
    fn unknown_code_is_in_doubt_and_says_so() {
        let refusal = with_code(99999, "what is this");
        assert_eq!(refusal.class(), ErrorClass::Unknown);
        assert_eq!(refusal.was_sent(), WasSent::Perhaps);
        assert!(refusal.advice().contains("not known"));
    }

    #[test]
    fn refused_jump_is_told_from_other_refusals() {
        for code in [40013, 40165, 40166] {
            assert!(Refusal::with_code(api::TEMPLATE, code).refuses_jump(), "{code}");
            assert!(!Refusal::with_code(api::SUBSCRIBE, code).refuses_jump(), "{code}");
        }
        assert!(!Refusal::with_code(api::TEMPLATE, 40037).refuses_jump());
    }

    #[test]
    fn rejected_address_is_read_from_wechats_text() {
        let at =
            |message: &str| with_code(40164, message).address().map(|address| address.to_string());
        let said =
            "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 6743a1b2-0-1";
        assert_eq!(at(said).as_deref(), Some("203.0.113.9"));
        assert!(with_code(40164, said).advice().contains("add 203.0.113.9 to"));
        assert_eq!(at("invalid ip ::ffff:203.0.113.9, not in").as_deref(), Some("203.0.113.9"));
        assert_eq!(at("invalid ip 2001:db8::7 ipv6 2001:db8::7").as_deref(), Some("2001:db8::7"));
        for message in ["", "invalid ip", "invalid ip , not", "invalid ip evil.example, not"] {
            assert_eq!(at(message), None, "{message}");
            assert!(with_code(40164, message).advice().contains("IP白名单"));
        }
        assert_eq!(with_code(40125, said).address(), None);
    }

    #[test]
    fn unreadable_response_is_an_error() {
        for body in ["<html>", "", "[]", "null", r#"{"errcode":0"#] {
            assert!(answer::tree(body.as_bytes()).is_err(), "{body}");
        }
        for body in [r#"{"errcode":1.5}"#, r#"{"errcode":"x"}"#, r#"{"errcode":{}}"#] {
            assert!(in_body(body).is_err(), "{body}");
        }
        for none in [r#"{"errcode":null}"#, r#"{"errcode":""}"#, r#"{"errcode":" 0 "}"#] {
            assert_eq!(refusal(none), None, "{none}");
        }
        assert_eq!(refusal(r#"{"errcode":40001,"errmsg":null}"#).unwrap().code, 40001);
    }
}
