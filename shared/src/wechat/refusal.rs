//! What WeChat's error codes mean, and who can do something about them.
//!
//! Source: the error tables of WeChat's API pages and its page ["全局返回码"] (global return
//! codes).
//!
//! ["全局返回码"]: https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html

mod codes;

use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;

/// WeChat's response to a call that it did not carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// WeChat's `errcode`; never 0.
    pub code: i64,
    /// WeChat's `errmsg`: free text for people.
    pub message: String,
    /// The request id that WeChat's support asks for.
    pub rid: Option<String>,
}

impl Refusal {
    /// Finds a refusal in a response: an `errcode` that isn't 0. It is an error if the
    /// response isn't a JSON object or its `errcode` isn't a number.
    pub(crate) fn in_response(body: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Status {
            errcode: Option<Number>,
            errmsg: Option<String>,
        }
        /// WeChat sends numbers; its list of errors asks to expect strings as well.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Plain(i64),
            Quoted(String),
        }
        let status: Status = serde_json::from_slice(body)?;
        let code = match status.errcode {
            None => return Ok(None),
            Some(Number::Plain(code)) => code,
            Some(Number::Quoted(code)) => code.parse().map_err(serde::de::Error::custom)?,
        };
        let message = status.errmsg.unwrap_or_default();
        let rid = message.split_once("rid:").map(|(_, rid)| rid.trim().to_owned());
        Ok((code != 0).then_some(Self { code, message, rid }))
    }

    /// What can be done about it. An unknown code is an [`ErrorClass::Fault`].
    pub fn class(&self) -> ErrorClass {
        codes::known(self.code).map_or(ErrorClass::Fault, |(class, _)| class)
    }

    /// Whether the code's meaning is known. With an unknown one, the call may be worth one
    /// repeat.
    pub fn is_known(&self) -> bool {
        codes::known(self.code).is_some()
    }

    /// What to do about it. For 40164 it names the address to add to the IP list.
    pub fn advice(&self) -> String {
        match (self.address(), codes::known(self.code)) {
            (Some(address), _) => {
                format!("add {address} to the account's IP list (IP白名单) in WeChat's console")
            }
            (None, Some((_, advice))) => advice.to_owned(),
            (None, None) => {
                "this code is not known here; look it up in WeChat's documentation, or ask WeChat with the rid".to_owned()
            }
        }
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

/// What can be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Repeat the same call after a while.
    Retry,
    /// Repeat it when the quota has been reset.
    Quota,
    /// Repeat it once with a new access token.
    Token,
    /// The person can't be reached in this way.
    Unreachable,
    /// An operator has to change the account's configuration.
    Configuration,
    /// The client has to log in again.
    Login,
    /// A developer has to change the request or the template.
    Fault,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> Option<Refusal> {
        Refusal::in_response(body.as_bytes()).unwrap()
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
        Refusal { code, message: message.to_owned(), rid: None }
    }

    /// All codes of WeChat's tables that our calls can return.
    const TABLE: [(ErrorClass, &[i64]); 7] = [
        (ErrorClass::Retry, &[-1, 20001, 200_001, 268_487_001, 268_487_002, 43108, 45066]),
        (ErrorClass::Quota, &[45009, 45011, 45047, 48006]),
        (ErrorClass::Token, &[40001, 40014, 42001]),
        (
            ErrorClass::Unreachable,
            &[40003, 40226, 41028, 41029, 43004, 43019, 43101, 45015, 46004, 48002, 50005, 70000],
        ),
        (
            ErrorClass::Configuration,
            &[
                40002, 40013, 40090, 40125, 40164, 40243, 41002, 41004, 43107, 48001, 48004, 50001,
                50002, 50004, 50007, 61004, 61007, 61016, 61024, 89503, 89506, 89507,
            ],
        ),
        (ErrorClass::Login, &[40029, 40163, 87007, 87008, 87009]),
        (
            ErrorClass::Fault,
            &[
                40007, 40008, 40032, 40033, 40035, 40036, 40037, 40038, 40039, 40066, 40097, 40246,
                40247, 40249, 41001, 41008, 41030, 43001, 43002, 43003, 43116, 44002, 45002, 45008,
                45065, 45067, 45109, 45168, 47001, 47003, 48008, 76001, 76002, 76003, 76004, 76021,
                76022, 200_011, 200_012, 200_013, 200_014, 200_015, 200_016, 200_017, 200_018,
                200_019, 200_020, 200_021, 200_022,
            ],
        ),
    ];

    #[test]
    fn every_documented_code_has_a_class_and_advice() {
        for (class, codes) in TABLE {
            for code in codes {
                let refusal = with_code(*code, "");
                assert!(refusal.is_known(), "{code} has no meaning of its own");
                assert_eq!(refusal.class(), class, "{code}");
                assert!(refusal.advice().len() > 20, "{code}: {}", refusal.advice());
            }
        }
        let named = TABLE.iter().map(|(_, codes)| codes.len()).sum::<usize>();
        let known = (-1..300_000).chain(268_487_000..268_488_000);
        let known = known.filter(|code| with_code(*code, "").is_known()).count();
        assert_eq!(known, named, "a code that isn't in the table has a meaning");
    }

    #[test]
    fn unknown_code_is_a_fault_and_says_so() {
        let refusal = with_code(99999, "what is this");
        assert_eq!((refusal.class(), refusal.is_known()), (ErrorClass::Fault, false));
        assert!(refusal.advice().contains("not known"));
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
        for body in
            ["<html>", "", "[]", r#"{"errcode":1.5}"#, r#"{"errcode":"x"}"#, r#"{"errcode":{}}"#]
        {
            assert!(Refusal::in_response(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(refusal(r#"{"errcode":40001,"errmsg":null}"#).unwrap().code, 40001);
    }
}
